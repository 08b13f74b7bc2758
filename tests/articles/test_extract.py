"""The text of an article, and nothing but it."""

from __future__ import annotations

import time

import pytest

from pipeline.articles import read_page
from pipeline.articles.extract import plain_lines
from pipeline.articles.markup import MAX_TAGS, strip
from pipeline.articles.tidy import is_furniture, tidy

from .pages import BARE_BLOG, BODY, PARAGRAPHS, TEXT, TITLE, URL, WORDPRESS, json_ld, page

FURNITURE = (
    "Leave a Reply",
    "Your email address",
    "Required fields",
    "Save my name",
    "Post Comment",
    "Cancel reply",
    "Comment *",
    "Name *",
    "Email",
    "Website",
    "Notify me",
    "Akismet",
    "Share",
    "Tweet",
    "Facebook",
    "cookies",
    "newsletter",
    "Related",
    "quay walls of the harbour are older",
    "ferry",
    "WordPress",
    "Recent Posts",
    "Post navigation",
    "Home",
    "Posted on",
)


@pytest.mark.parametrize("body", [WORDPRESS, BARE_BLOG], ids=["wordpress", "bare"])
def test_a_blog_page_gives_its_article_alone(body: bytes) -> None:
    article = read_page(body, url=URL, content_type="text/html; charset=UTF-8")
    assert article.title == TITLE
    assert TITLE not in article.text
    assert article.text == TEXT
    assert not [word for word in FURNITURE if word in article.text]


def test_a_page_that_lives_in_one_form_is_read() -> None:
    inside = (
        f'<form action="/"><input type="hidden" value="x"><div><h1>{TITLE}</h1>{BODY}</div><button>Send</button></form>'
    )
    assert read_page(page(body=inside), url=URL).text == TEXT


def test_deep_nesting_loses_nothing() -> None:
    deep = "<div>" * 400 + f"<h1>{TITLE}</h1>{BODY}" + "</div>" * 400
    assert PARAGRAPHS[-1] in read_page(page(body=deep), url=URL).text


def test_scripts_comments_and_drawings_are_no_text() -> None:
    noise = (
        "<script>if (a < b) document.write('<p>not this paragraph, long as it is, and alike to prose</p>')</script>"
        "<!-- <p>nor this one, although it is as long as any sentence of the article is</p> -->"
        "<svg><text>nor this</text></svg><style>p { content: 'nor this' }</style><SCRIPT>more()</SCRIPT>"
    )
    assert read_page(page(body=noise + f"<article><h1>{TITLE}</h1>{BODY}</article>" + noise), url=URL).text == TEXT


@pytest.mark.parametrize("unclosed", ["<!-- never closed ", "<svg><path>"])
def test_what_is_never_closed_does_not_swallow_the_page(unclosed: str) -> None:
    assert PARAGRAPHS[1] in read_page(page(body=f"{unclosed}<article><h1>{TITLE}</h1>{BODY}</article>"), url=URL).text


def test_null_bytes_and_one_bad_byte() -> None:
    body = page().replace(b"<p>", b"<p>\x00").replace(b"quay", b"qu\x00ay").replace(b"</body>", b"<p>\xe9</p></body>")
    assert read_page(body, url=URL, content_type="text/html; charset=utf-8").text == TEXT


FRENCH = "La mairie a décidé d'élargir le quai, et les pêcheurs s'y sont opposés. "


def test_a_latin1_page() -> None:
    body = (
        f"<html><head><title>L'été au port</title></head><body><h1>L'été au port</h1><p>{FRENCH * 6}</p></body>"
    ).encode("latin-1")
    article = read_page(body, url=URL, content_type="text/html; charset=ISO-8859-1")
    assert "décidé d'élargir" in article.text
    assert article.title == "L'été au port"
    assert article.lang == "fr"


def test_json_ld_gives_the_body_that_the_page_does_not() -> None:
    head = json_ld(articleBody="\n\n".join(PARAGRAPHS))
    article = read_page(page(head, body=f"<h1>{TITLE}</h1><div id=app></div>"), url=URL)
    assert article.text == TEXT
    assert article.sources["text"] == "json-ld"


def test_a_tag_with_too_many_attributes_loses_them() -> None:
    attributes = " ".join(f'data-x{number}="a > b"' for number in range(20_000))
    stripped = strip(f"<p>before</p><article {attributes}><h1>after</h1>")
    assert stripped.html == "<p>before</p><article><h1>after</h1>"
    assert read_page(page(body=f"<article {attributes}><h1>{TITLE}</h1>{BODY}</article>"), url=URL).text == TEXT


def test_a_page_with_too_many_tags_is_cut() -> None:
    stripped = strip("<p>a</p>" * MAX_TAGS)
    assert stripped.cut
    assert stripped.html == "<p>a</p>" * (MAX_TAGS // 2)
    assert strip("<p>" + "a" * 4_000_000).cut
    assert not strip("<p>a</p>" * 1_000).cut


@pytest.mark.parametrize(
    "piece", ["<!--", "<script>", "<svg ", "<style ", "<a ", "<div '", "<", "</script", "<a '<b \"", '<p x=">"']
)
def test_hostile_markup_is_scanned_in_linear_time(piece: str) -> None:
    started = time.process_time()
    strip(piece * 100_000)
    assert time.process_time() - started < 5.0  # quadratic would be minutes


@pytest.mark.parametrize(
    "line",
    [
        "Share",
        "Share this article",
        "Tweet",
        "Share on Facebook | Tweet | Email",
        "12 Shares",
        "Facebook Twitter WhatsApp",
        "Click to share on Twitter (Opens in new window)",
        "Leave a Reply",
        "Post a Comment",
        "Email *",
        "No comments yet",
        "Schreibe einen Kommentar",
        "Deja una respuesta",
        "Laisser un commentaire",
        "Your email address will not be published.",
        "Los campos obligatorios están marcados con *",
        "Erforderliche Felder sind mit * markiert",
        "Advertisement",
        "Read more: The ferry is late again",
        "READ ALSO: The ferry",
        "Lire aussi : le ferry",
        "Related",
        "More stories:",
        "Sign up for our newsletter and never miss a story",
        "Follow us on Instagram and TikTok",
        "Continue reading",
        "Story continues below advertisement",
        "Tags: harbour, council",
        "Photo credit: M. Lind / The Harbour Post",
        "RELATED: The ferry is late again",
        "(MORE: The ferry is late again)",
        "DON'T MISS",
        "More Must-Reads From The Post",
        "Install the Harbour Post app for free",
        "Like this story? Share it with a friend!",
        "There's plenty more where that came from. Sign up for The Quay today to get it in your inbox daily.",
        "Subscribing to a newsletter indicates your consent to our Terms of Use and Privacy Policy.",
        "Follow the Harbour Post on Facebook, X and Instagram.",
        "Have a tip? Follow her on Twitter @lind or on Facebook.",
        "Contact Marta Lind at mlind@example.org.",
        "Marta Lind can be reached at mlind@example.org.",
        "When you buy through our links, we may earn an affiliate commission.",
        "The Post's Ilse Brandt contributed to this report.",
        "The mayor on the quay on Sunday. (AP Photo/M. Lind)",
        "Image: M. Lind / Getty Images",
        "Melden Sie sich für unseren Newsletter an",
        "Inscrivez-vous à notre newsletter du matin",
        "Suscríbete a nuestro boletín",
        "Assine nossa newsletter",
        "Iscriviti alla nostra newsletter",
        "Meld je aan voor onze nieuwsbrief",
    ],
)
def test_furniture(line: str) -> None:
    assert is_furniture(line)


@pytest.mark.parametrize(
    "line",
    [
        "Share prices fell on Monday.",
        "“Leave a light on,” she said.",
        "The email was sent on Friday.",
        "Follow the money.",
        "Comments by the minister were cut.",
        "He said: read my lips.",
        "340",
        "By Monday the water had gone.",
        "Yes.",
        "Related charges against the builder were dropped in May.",
        "Tweets by the president moved the markets.",
        "More than 40 people were hurt.",
        "Names of the victims were read out.",
        "Join us, he said, and live.",
        "Share this: the state pays a third of it, and the city the rest.",
        "Subscribe, the king said, to no such plan.",
        "The union's newsletter said on Monday that members would follow the others.",
        "The state agency (AP in its old statutes) was dissolved, and its people went to the ministry of transport.",
        "The ePA (electronic patient file) is late.",
        "She contributed to the plan and to the report that the council had asked for, and left in May.",
        "A commission may earn respect, he said.",
        "Don't miss the boat, the minister told farmers on Monday.",
        "The picture was taken at night, the police said: it shows the quay.",
    ],
)
def test_prose_is_no_furniture(line: str) -> None:
    assert not is_furniture(line)


def test_title_lines_go_wherever_they_stand() -> None:
    lines = [
        f"Home » News » {TITLE}",
        TITLE.upper(),
        "By Marta Lind",
        "30 November 2025",
        PARAGRAPHS[0],
        f"{TITLE} | The Post",
        PARAGRAPHS[1],
        TITLE,
    ]
    assert tidy(lines, [TITLE], authors=["Marta Lind"]) == list(PARAGRAPHS[:2])


def test_a_first_sentence_that_begins_like_the_title_stays() -> None:
    sentence = f"{TITLE} on Sunday night."
    assert tidy([sentence, PARAGRAPHS[1]], [TITLE]) == [sentence, PARAGRAPHS[1]]


def test_repeated_paragraphs_are_kept_once_and_short_ones_stay() -> None:
    assert tidy(["Yes.", PARAGRAPHS[0], "Yes.", PARAGRAPHS[0]], []) == ["Yes.", PARAGRAPHS[0], "Yes."]


def test_the_comment_form_ends_the_article_only_near_its_end() -> None:
    assert tidy([*PARAGRAPHS, "Leave a Reply", "Anything below it"], []) == list(PARAGRAPHS)
    assert tidy([PARAGRAPHS[0], "Leave a comment", *PARAGRAPHS[1:]], []) == list(PARAGRAPHS)


def test_tags_go_with_their_heading() -> None:
    assert tidy([*PARAGRAPHS, "Tags", "harbour, council, quay, fishermen"], []) == list(PARAGRAPHS)
    assert tidy([*PARAGRAPHS, "Topics:", PARAGRAPHS[0] + " Again."], []) == [*PARAGRAPHS, PARAGRAPHS[0] + " Again."]


def test_share_bars_of_any_length_are_read_in_no_time() -> None:
    assert not is_furniture("share this " * 27 + "z")


def test_html_in_a_feed_becomes_lines() -> None:
    assert plain_lines("<p>One &amp; two<br>three</p><script>x</script><div>four <b>five</b></div>") == [
        "One & two",
        "three",
        "four  five",
    ]
