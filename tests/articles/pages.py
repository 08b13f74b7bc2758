"""Small pages of several outlets' styles, made up for these tests."""

from __future__ import annotations

import json

URL = "https://www.example.org/2025/11/30/harbour-plan-agreed/"
TITLE = "Council agrees on the plan for the old harbour"
PARAGRAPHS = (
    "The city council agreed late on Sunday on a plan that will turn the old harbour into a quarter for two thousand "
    "people, after a debate of nine hours and against the votes of the opposition.",
    "The mayor, Ilse Brandt, called the decision “the largest since the war”. Work is to begin in March on the "
    "quay walls, which engineers found to be in a worse state than the port authority had said.",
    "Fishermen, who had blocked the main road on Friday, said that they would go to court. Their lawyer argued that "
    "the berths promised to them lie outside the breakwater and cannot be used in winter.",
    "The plan costs 340 million crowns, of which the state pays a third. A first draft had been withdrawn in May when "
    "the builder went bankrupt.",
)
BODY = "\n".join(f"<p>{text}</p>" for text in PARAGRAPHS)
TEXT = "\n\n".join(PARAGRAPHS)


def json_ld(**fields: object) -> str:
    node = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": TITLE,
        "datePublished": "2025-11-30T21:15:00+01:00",
        "dateModified": "2025-11-30T22:40:00+01:00",
        "author": [{"@type": "Person", "name": "Marta Lind"}],
        "publisher": {"@type": "Organization", "name": "The Harbour Post"},
        **fields,
    }
    return f'<script type="application/ld+json">{json.dumps(node)}</script>'


def page(
    head: str = "", body: str | None = None, *, title: str = f"{TITLE} - The Harbour Post", lang: str = "en"
) -> bytes:
    content = f"<main><article><h1>{TITLE}</h1>{BODY}</article></main>" if body is None else body
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        f"<body>{content}</body></html>"
    ).encode()


WORDPRESS = f"""<!DOCTYPE html>
<html lang="en-US"><head><meta charset="UTF-8"><title>{TITLE} – Harbour Notes</title>
<link rel="canonical" href="{URL}">
<meta property="og:type" content="article"><meta property="og:title" content="{TITLE}">
<meta property="og:site_name" content="Harbour Notes">
<meta property="article:published_time" content="2025-11-30T20:15:00+00:00">
</head>
<body class="post-template-default single single-post postid-211 cookies-not-set">
<div id="cookie-notice" class="cookie-notice-hidden"><p>We use cookies to ensure that we give you the best experience on
our website. If you continue to use this site we will assume that you are happy with it.</p><a>Ok</a></div>
<header class="site-header"><p class="site-title"><a href="/">Harbour Notes</a></p>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About</a></li></ul></nav></header>
<div class="breadcrumb"><a href="/">Home</a> » <a href="/news">News</a> » {TITLE}</div>
<div id="content" class="site-content"><main id="main">
<article id="post-211" class="post-211 post type-post">
<header class="entry-header"><h1 class="entry-title">{TITLE}</h1>
<div class="entry-meta">Posted on <time class="entry-date published" datetime="2025-11-30T20:15:00+00:00">30 November
2025</time> by <span class="author vcard"><a class="url fn n" href="/author/marta">Marta Lind</a></span></div></header>
<div class="entry-content">
<h2>{TITLE}</h2>
{BODY}
<div class="sharedaddy sd-sharing-enabled"><h3 class="sd-title">Share this:</h3><ul>
<li><a href="#">Click to share on Twitter (Opens in new window)</a></li>
<li><a href="#">Click to share on Facebook (Opens in new window)</a></li></ul></div>
<div id="jp-relatedposts" class="jp-relatedposts"><h3>Related</h3>
<p>The quay walls of the harbour are older than anybody thought, and what that means for the trams</p></div>
</div>
<div class="newsletter-box"><h3>Stay informed</h3><p>Sign up for our newsletter and get the best stories of the week in
your inbox every Saturday morning, free of charge.</p><form><input type="email"><button>Subscribe</button></form></div>
</article>
<nav class="navigation post-navigation"><h2 class="screen-reader-text">Post navigation</h2>
<a rel="prev">← The ferry is late again</a></nav>
<div id="comments" class="comments-area">
<div id="respond" class="comment-respond"><h3 id="reply-title" class="comment-reply-title">Leave a Reply
<small><a rel="nofollow" id="cancel-comment-reply-link">Cancel reply</a></small></h3>
<form id="commentform" class="comment-form"><p class="comment-notes"><span id="email-notes">Your email address will
not be published.</span> <span class="required-field-message">Required fields are marked <span
class="required">*</span></span></p>
<p class="comment-form-comment"><label>Comment *</label><textarea></textarea></p>
<p><label>Name *</label><input></p><p><label>Email *</label><input></p>
<p class="comment-form-cookies-consent"><label>Save my name, email, and website in this browser for the next time I
comment.</label></p><p class="form-submit"><input type="submit" value="Post Comment"></p></form></div></div>
</main></div>
<aside class="widget-area"><h2>Recent Posts</h2><ul><li><a>The ferry is late again</a></li></ul></aside>
<footer><p>Proudly powered by WordPress</p></footer></body></html>""".encode()

# The same furniture without any class that gives it away, inside the element that holds the article.
BARE_BLOG = f"""<html><head><title>Harbour Notes | {TITLE}</title></head><body><div>
<p>{TITLE}</p><h1>{TITLE}</h1><p>Share on Facebook | Tweet | Email</p>
{BODY}
<p>Read also: The ferry is late again, and nobody says why</p>
<p>{TITLE}</p>
<p>Leave a Reply</p><p>Your email address will not be published. Required fields are marked *</p>
<p>Comment *</p><p>Name *</p><p>Email *</p><p>Website</p>
<p>Notify me of follow-up comments by email.</p><p>This site uses Akismet to reduce spam.</p>
</div></body></html>""".encode()
