"""Each field climbs its own ladder of sources, and says on which rung it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pipeline.articles import EntryHint, read_page
from pipeline.articles.metadata import named_by_feed
from pipeline.articles.names import authors
from pipeline.articles.wording import alike, without_outlet
from pipeline.records import Extraction

from .pages import BODY, TITLE, URL, json_ld, page

PUBLISHED = datetime(2025, 11, 30, 20, 15, tzinfo=UTC)


def read(
    head: str = "", body: str | None = None, *, title: str = f"{TITLE} - The Harbour Post", **more: object
) -> Extraction:
    return read_page(page(head, body, title=title), **{"url": URL, **more})  # type: ignore[arg-type]


def test_json_ld_says_it_all() -> None:
    article = read(
        json_ld(image={"@type": "ImageObject", "url": "/img/quay.jpg"}, description="The quarter is to house 2,000.")
    )
    assert article.title == TITLE
    assert article.authors == ("Marta Lind",)
    assert article.published == PUBLISHED
    assert article.modified == datetime(2025, 11, 30, 21, 40, tzinfo=UTC)
    assert article.outlet == "The Harbour Post"
    assert article.image_url == "https://www.example.org/img/quay.jpg"
    assert article.lang == "en"
    assert {article.sources[name] for name in ("authors", "published", "modified", "outlet")} == {"json-ld"}


def test_a_graph_with_references() -> None:
    graph = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "@id": "#site", "name": "Harbour Post Online", "publisher": {"@id": "#org"}},
            {"@type": "Organization", "@id": "#org", "name": "The Harbour Post"},
            {"@type": "Person", "@id": "#marta", "name": "Marta Lind"},
            {
                "@type": ["Article", "NewsArticle"],
                "headline": TITLE,
                "mainEntityOfPage": {"@id": URL},
                "datePublished": "2025-11-30T20:15:00Z",
                "author": {"@id": "#marta"},
                "publisher": {"@id": "#org"},
            },
            {
                "@type": "NewsArticle",
                "headline": "The ferry is late again",
                "datePublished": "2025-11-29T08:00:00Z",
                "author": {"name": "Someone Else"},
            },
        ],
    }
    article = read(f'<script type="application/ld+json">{json.dumps(graph)}</script>')
    assert (article.authors, article.published, article.outlet) == (("Marta Lind",), PUBLISHED, "The Harbour Post")


@pytest.mark.parametrize(
    "block",
    [
        '<!-- {"@type":"NewsArticle","headline":"%s","datePublished":"2025-11-30T20:15:00Z",} -->',
        '//<![CDATA[\n[{"@type":"http://schema.org/NewsArticle","headline":"%s",'
        '"datePublished":"2025-11-30T20:15:00Z"}]\n//]]>',
        '{"@type":"NewsArticle","headline":"%s","articleBody":"tab\there","datePublished":"2025-11-30T20:15:00Z"}',
        "{&quot;@type&quot;:&quot;NewsArticle&quot;,&quot;headline&quot;:&quot;%s&quot;,&quot;datePublished&quot;:"
        "&quot;2025-11-30T20:15:00Z&quot;}",
    ],
)
def test_json_that_is_not_quite_json(block: str) -> None:
    article = read(f"<script type='application/ld+json'>{block % TITLE}</script>")
    assert (article.published, article.sources["published"]) == (PUBLISHED, "json-ld")


@pytest.mark.parametrize(
    "block", ["{", "[" * 100_000, "null", '"text"', "{}", "[[[]]]", '{"@type": 5, "author": 7}', ""]
)
def test_json_that_is_none_at_all(block: str) -> None:
    assert read(f'<script type="application/ld+json">{block}</script>').title == TITLE


def test_open_graph_and_meta() -> None:
    article = read(
        f'<meta property="og:title" content="{TITLE}"><meta property="og:site_name" content="The Harbour Post">'
        '<meta property="article:published_time" content="2025-11-30T21:15:00+01:00">'
        '<meta name="author" content="By Marta Lind and Jo Berg, Political Editor">'
        '<meta property="og:image" content="//cdn.example.org/q.jpg">'
        '<meta property="og:locale" content="en_GB">'
    )
    assert article.published == PUBLISHED
    assert article.authors == ("Marta Lind", "Jo Berg")
    assert article.outlet == "The Harbour Post"
    assert article.image_url == "https://cdn.example.org/q.jpg"


def test_visible_times_and_bylines() -> None:
    article = read(
        body=f'<article><h1>{TITLE}</h1><p class="byline">By <a rel="author">Marta Lind</a></p>'
        f'<time class="published" datetime="2025-11-30T20:15:00Z">Sunday</time>{BODY}</article>'
        '<div class="related"><time datetime="2024-01-01T00:00:00Z">then</time></div>'
    )
    assert (article.published, article.sources["published"]) == (PUBLISHED, "time")
    assert (article.authors, article.sources["authors"]) == (("Marta Lind",), "byline")


def test_the_address_gives_the_day_and_the_feed_the_hour() -> None:
    assert read().published == datetime(2025, 11, 30, tzinfo=UTC)
    assert read().sources["published"] == "url"
    article = read(hint=EntryHint(published=PUBLISHED))
    assert (article.published, article.sources["published"]) == (PUBLISHED, "feed")
    far = EntryHint(published=datetime(2025, 12, 9, tzinfo=UTC))
    assert read(hint=far).published == datetime(2025, 11, 30, tzinfo=UTC)


def test_an_undated_page_stays_undated() -> None:
    assert read(url="https://www.example.org/harbour-plan").published is None


def test_the_last_rung_finds_a_date_in_the_text() -> None:
    body = f"<article><h1>{TITLE}</h1><p class='date'>Published: 30 November 2025</p>{BODY}</article>"
    article = read(body=body, url="https://www.example.org/harbour-plan")
    assert (article.published, article.sources["published"]) == (datetime(2025, 11, 30, tzinfo=UTC), "htmldate")


def test_the_page_is_believed_before_the_feed() -> None:
    hint = EntryHint(
        title="Other title", published=datetime(2025, 11, 1, tzinfo=UTC), authors=("Someone Else",), lang="de"
    )
    article = read(json_ld(), hint=hint)
    assert (article.title, article.published, article.authors, article.lang) == (
        TITLE,
        PUBLISHED,
        ("Marta Lind",),
        "en",
    )


def test_the_feed_fills_what_the_page_leaves_out() -> None:
    hint = EntryHint(title=f"{TITLE} - example", authors=("Marta Lind",), published=PUBLISHED)
    article = read(body=f"<main>{BODY}</main>", title="", hint=hint, url="https://example.org/a")
    assert (article.title, article.authors, article.published) == (TITLE, ("Marta Lind",), PUBLISHED)
    assert [article.sources[name] for name in ("title", "authors", "published")] == ["feed"] * 3


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.org/2025/harbour", "https://example.org/2025/harbour"),
        ("/2025/harbour", "https://www.example.org/2025/harbour"),
        ("https://www.example.org/", None),
        ("/", None),
        ("", None),
        ("javascript:void(0)", None),
        ("https://example.net/2025/harbour", None),
        ("https://example.org.evil.test/x", None),
        ("https://www.example.org/?p=7", "https://www.example.org/?p=7"),
    ],
)
def test_a_canonical_link_may_only_speak_for_its_own_site(link: str, expected: str | None) -> None:
    assert read(f'<link rel="canonical" href="{link}">').canonical_url == expected


def test_the_language_is_that_of_the_text() -> None:
    title = "Stadtrat beschließt den Hafenplan"
    german = (
        "<p>Der Stadtrat hat am Sonntag nach neun Stunden den Plan für den alten Hafen beschlossen.</p>"
        "<p>Die Fischer wollen vor Gericht ziehen, weil ihre Liegeplätze außerhalb der Mole liegen.</p>"
        "<p>Gebaut werden soll ab März, zuerst an den Kaimauern, deren Zustand schlechter ist als gedacht.</p>"
    )
    article = read_page(page(body=f"<h1>{title}</h1>{german}", title=title, lang="en-US"), url=URL)
    assert (article.lang, article.sources["lang"]) == ("de", "detected")
    assert read_page(page(lang="en-GB"), url=URL).lang == "en"
    assert read_page(page(lang="en-GB"), url=URL).sources["lang"] == "html"
    assert read_page(page(lang=""), url=URL).sources["lang"] == "detected"


@pytest.mark.parametrize(
    ("title", "outlets", "expected"),
    [
        ("Ten hurt in fire - Reuters", ("Reuters",), "Ten hurt in fire"),
        ("Ten hurt in fire | World | BBC News", ("BBC News", "bbc"), "Ten hurt in fire | World"),
        ("BBC News - Ten hurt in fire", ("BBC", "bbc.co.uk"), "Ten hurt in fire"),
        ("Ten hurt in fire – The Guardian", ("theguardian",), "Ten hurt in fire"),
        ("Ten hurt in fire - five of them badly", ("Reuters",), "Ten hurt in fire - five of them badly"),
        ("Post-war harbour: a plan", ("The Harbour Post",), "Post-war harbour: a plan"),
        ("Reuters", ("Reuters",), "Reuters"),
    ],
)
def test_the_outlet_is_no_part_of_a_title(title: str, outlets: tuple[str, ...], expected: str) -> None:
    assert without_outlet(title, *outlets) == expected


def test_a_heading_is_the_title_only_when_something_confirms_it() -> None:
    body = f"<h1>Most read this week</h1><article><h2>x</h2>{BODY}</article>"
    assert read('<meta property="og:site_name" content="The Harbour Post">', body=body).title == TITLE
    rubric = f"<h1>Politics | {TITLE}</h1><article>{BODY}</article>"
    assert read(body=rubric, title=TITLE).title == TITLE
    longer = f"{TITLE}, after nine hours of debate"
    assert read(body=f"<h1>{longer}</h1><article>{BODY}</article>", title=TITLE).title == longer


def test_alike() -> None:
    assert alike("Council agrees on harbour plan", "Council agrees on harbour plan!")
    assert alike("Council agrees on the harbour plan", "Council agrees on a harbour plan")
    assert not alike("Council agrees on harbour plan", "Fishermen block the main road")
    assert not alike("News", "News from the harbour")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["By Marta Lind"], ("Marta Lind",)),
        (["Marta Lind and Jo Berg"], ("Marta Lind", "Jo Berg")),
        (["MARTA LIND, Senior Reporter"], ("Marta Lind",)),
        (["The Harbour Post"], ()),
        (["admin"], ()),
        (["https://www.facebook.com/harbourpost"], ()),
        (["marta@harbour.example"], ()),
        (["Marta Lind", "marta lind", "Jo Berg | Harbour correspondent"], ("Marta Lind", "Jo Berg")),
        (["Von Marta Lind; Jörg Öst"], ("Marta Lind", "Jörg Öst")),
        (["王小明"], ("王小明",)),
        (["", "Dec"], ()),
    ],
)
def test_bylines(given: list[str], expected: tuple[str, ...]) -> None:
    assert authors(given, "The Harbour Post") == expected


def test_a_lead_is_the_description_or_the_first_paragraph() -> None:
    described = '<meta name="description" content="A quarter for two thousand people is to rise at the quay.">'
    assert read(described).lead == "A quarter for two thousand people is to rise at the quay."
    assert read().lead.startswith("The city council agreed late on Sunday")
    assert len(read(f'<meta name="description" content="{"word " * 400}">').lead) <= 500


@pytest.mark.parametrize(
    ("feed_name", "domain", "expected"),
    [
        ("Harbour Post", "harbourpost.example", "Harbour Post"),
        ("BBC News - World", "bbc.co.uk", "BBC News"),
        ("World | The Harbour Post", "harbour-post.example", "The Harbour Post"),
        ("Latest headlines", "harbourpost.example", ""),
        ("", "harbourpost.example", ""),
        ("X", "x.com", ""),
    ],
)
def test_the_outlet_is_named_by_the_feed_when_that_agrees_with_the_host(
    feed_name: str, domain: str, expected: str
) -> None:
    assert named_by_feed(feed_name, domain) == expected


def test_the_page_names_the_outlet_before_the_feed_does() -> None:
    hint = EntryHint(feed_name="Example News - Politics")
    assert read_page(page(), url=URL, hint=hint).outlet == "Example News"
    assert read_page(page(json_ld()), url=URL, hint=hint).outlet == "The Harbour Post"


def test_every_field_says_where_it_came_from() -> None:
    stated = read(
        json_ld(image="https://www.example.org/quay.jpg", description="The quarter is to house two thousand people.")
    )
    bare = read(body=f"<h1>{TITLE}</h1><time datetime='2025-11-30T20:15Z'>now</time><p class=byline>Ann Reed</p>{BODY}")
    for article in (stated, bare):
        names = ("title", "text", "lead", "authors", "published", "modified", "lang", "outlet", "image_url")
        assert {name for name in names if getattr(article, name)} <= set(article.sources)
    assert stated.sources["lead"] == "json-ld"
    assert (bare.outlet, bare.sources["outlet"]) == ("example.org", "url")
    assert bare.sources["lead"] == "text"
    assert (
        read('<meta name="description" content="The quarter is to house two thousand people.">').sources["lead"]
        == "meta"
    )
