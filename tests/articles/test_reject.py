"""What is no article is refused under its own name, and what is one is not."""

from __future__ import annotations

import pytest

from pipeline.articles import read_page
from pipeline.errors import RejectedError

from .pages import BODY, PARAGRAPHS, TITLE, URL, json_ld, page

HTML = "text/html; charset=utf-8"


def reason(body: bytes, content_type: str | None = HTML, url: str = URL) -> str:
    with pytest.raises(RejectedError) as caught:
        read_page(body, url=url, content_type=content_type)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", HTML, "empty"),
        (b" \r\n\x00 ", HTML, "empty"),
        (b"\xef\xbb\xbf", HTML, "empty"),
        (b"<html><body></body></html>", HTML, "too-short"),
        (b"<!-- only a comment -->", HTML, "not-html"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", HTML, "pdf"),
        (b"\n%PDF-1.4 <html>", "application/pdf", "pdf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), HTML, "image"),
        (b"\x00\x00\x00\x18ftypmp42", HTML, "media"),
        (b"ID3\x03\x00", "audio/mpeg", "media"),
        (b"PK\x03\x04" + bytes(60), HTML, "binary"),
        (b"anything at all", "video/mp4", "media"),
        (b"{}", "application/json", "not-html"),
        (b"just words", "text/plain", "not-html"),
        (b"\x01\x02\x03" * 100, "application/octet-stream", "not-html"),
        (b'<?xml version="1.0"?><rss version="2.0"><channel/></rss>', "text/html", "feed"),
        (b'<?xml version="1.0"?>\n<!-- x --><feed xmlns="http://www.w3.org/2005/Atom"/>', "text/xml", "feed"),
    ],
)
def test_what_is_no_page(body: bytes, content_type: str, expected: str) -> None:
    assert reason(body, content_type) == expected


@pytest.mark.parametrize("content_type", [None, "", "application/octet-stream", "text/plain", "application/xhtml+xml"])
def test_a_page_under_a_wrong_type_is_read(content_type: str | None) -> None:
    assert read_page(page(), url=URL, content_type=content_type).title == TITLE


COOKIE_WALL = """<h1>Before you continue</h1><div><p>We and our 846 partners store and access information on your
device, such as cookies, to show personalised content, with your consent.</p><p>You can withdraw your consent at any
time, or manage options and object where legitimate interest is used.</p><p>Precise geolocation data may be used.</p>
<button>Accept all</button> <button>Reject all</button> <a>Privacy policy</a></div>"""
LOGIN = """<h1>Sign in</h1><form><p>Please sign in to your account to go on.</p><label>E-mail</label><input>
<label>Password</label><input><a>Forgot your password?</a><p>Don't have an account? Create an account in a minute.</p>
</form>"""
PAYWALL = f"""<article><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p><div><h3>Subscribe to continue reading</h3>
<p>Already a subscriber? Log in to read the full story.</p></div></article>"""
CHALLENGE = """<h1>www.example.org</h1><p>Checking if the site connection is secure</p><p>Enable JavaScript and
cookies to continue</p><p>Cloudflare Ray ID: 8f00ba</p>"""
MISSING = """<h1>Page not found</h1><p>Sorry, the page you are looking for could not be found. It may have been moved or
deleted. Try the search, or go back to our front page and look at the newest stories of the day from there.</p>"""
BLOCKED = "<h1>Access denied</h1><p>You have been blocked. Incident ID 77</p>"


@pytest.mark.parametrize(
    ("body", "title", "expected"),
    [
        (COOKIE_WALL, "Before you continue", "consent"),
        (LOGIN, "Sign in | The Harbour Post", "login"),
        (PAYWALL, f"{TITLE} | The Harbour Post", "paywall"),
        (CHALLENGE, "Just a moment...", "challenge"),
        (MISSING, "Page not found - The Harbour Post", "error-page"),
        (BLOCKED, "Access denied", "challenge"),
        ("<h1>503 Service Unavailable</h1><hr>nginx", "503 Service Unavailable", "error-page"),
        (f"<h1>{TITLE}</h1><p>More soon.</p>", TITLE, "too-short"),
    ],
    ids=["consent", "login", "paywall", "challenge", "missing", "blocked", "503", "short"],
)
def test_walls_and_errors_served_as_200(body: str, title: str, expected: str) -> None:
    assert reason(page(body=body, title=title)) == expected


def test_a_declared_paywall_with_a_teaser() -> None:
    body = f"<article><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p></article>"
    assert reason(page(json_ld(isAccessibleForFree=False), body=body)) == "paywall"
    assert read_page(page(json_ld(isAccessibleForFree=True), body=body), url=URL).text == PARAGRAPHS[0]
    assert read_page(page(json_ld(isAccessibleForFree="False")), url=URL).title == TITLE  # all of it can be read


def test_a_video_page_with_its_caption() -> None:
    kind = '<meta property="og:type" content="video.other">'
    assert reason(page(kind, body=f"<h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[3]}</p>")) == "video"
    report = "".join(f"<p>{text} {text}</p>" for text in PARAGRAPHS)
    assert read_page(page(kind, body=f"<article><h1>{TITLE}</h1>{report}</article>"), url=URL).title == TITLE


TEASERS = "".join(
    f'<article><h3><a href="/2025/11/{day}/story">Story number {day} of the month, with a long headline</a></h3>'
    f"<p>In two lines this says what happened on day {day}, and that one can read on in the article.</p></article>"
    for day in range(1, 25)
)


@pytest.mark.parametrize(
    ("url", "head"),
    [
        ("https://www.example.org/", ""),
        ("https://www.example.org/category/politics/", ""),
        ("https://www.example.org/politics", '<meta property="og:type" content="website">'),
        (
            "https://www.example.org/politics",
            '<script type="application/ld+json">{"@type": "CollectionPage", "name": "Politics"}</script>',
        ),
    ],
)
def test_section_fronts(url: str, head: str) -> None:
    body = page(head, body=f"<main><h1>Politics</h1>{TEASERS}</main>", title="Politics - The Harbour Post")
    assert reason(body, url=url) == "section-front"


def test_an_article_with_teasers_below_is_one() -> None:
    body = f"<main><article><h1>{TITLE}</h1>{BODY}</article><section>{TEASERS}</section></main>"
    article = read_page(page(json_ld(), body=body), url=URL)
    assert PARAGRAPHS[3] in article.text


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("404 people rescued from the ferry", "The page of the log was not found, the coast guard said. "),
        ("Forbidden love of two lighthouse keepers", "They wrote to one another for years. "),
        ("Ministers quarrel over cookies and consent", "Websites must let users reject all cookies, the court said. "),
        ("Bank asks clients to sign in again", "Clients who forgot their password must create an account. "),
        ("Papers raise prices", "Readers must subscribe to continue reading, the publisher said on Monday. "),
    ],
)
def test_articles_about_such_things_are_articles(title: str, sentence: str) -> None:
    body = f"<article><h1>{title}</h1><p>{sentence * 3}</p>{BODY}</article>"
    article = read_page(page(body=body, title=title), url=URL)
    assert sentence.strip() in article.text


def test_a_news_flash_that_calls_itself_an_article_may_be_short() -> None:
    body = f"<article><h1>{TITLE}</h1><p>The city council agreed late on Sunday on the plan for the old harbour, "
    body += "against the votes of the opposition and after nine hours. More soon.</p></article>"
    assert read_page(page(json_ld(), body=body), url=URL).text.startswith("The city council")
    assert reason(page(body=body)) == "too-short"


def test_chinese_needs_fewer_characters() -> None:
    title = "市议会通过旧港改造计划"
    text = (
        "市议会周日深夜经过九个小时的辩论，通过了旧港口的改造计划，反对派投了反对票。市长称这是战后最大的决定，"
        "工程将于三月开始。渔民们表示将提起诉讼，因为新的泊位冬天无法使用。"
    )
    body = page(body=f"<article><h1>{title}</h1><p>{text}</p></article>", title=title, lang="zh-CN")
    article = read_page(body, url=URL)
    assert (article.text, article.lang) == (text, "zh")


SCORES = "".join(
    f"<tr><td>{minute}'</td><td>{home} - {away}</td><td>Orsel Harbour</td><td>Dram Town</td></tr>"
    for minute, home, away in ((3, 0, 1), (17, 1, 1), (44, 2, 1), (58, 2, 2), (77, 3, 2), (89, 3, 3))
)


@pytest.mark.parametrize(
    ("title", "head", "rows"),
    [
        ("Orsel Harbour v Dram Town: live score and line-ups", "", "Orsel Harbour|Dram Town|Goal|Corner|Foul|Out"),
        ("Orsel Harbour – Dram Town", '<script type="application/ld+json">{"@type": "SportsEvent"}</script>', "Yes|No"),
        ("Orsel Harbour – Dram Town", "", "3 - 1|44'|12.5|Brandt 17'|Lind 58'|2 - 2"),
        ("Orsel gegen Dram: Spielstand und Aufstellung", "", "Tor für Orsel|Ecke|Abstoß|Einwurf|Wechsel|Pause"),
    ],
)
def test_scores_without_a_report_are_no_article(title: str, head: str, rows: str) -> None:
    lines = "".join(f"<p>{row}</p><p>{row} again</p>" for row in rows.split("|") * 12)
    assert reason(page(head, body=f"<main><h1>{title}</h1>{lines}</main>", title=title)) == "live-score"


@pytest.mark.parametrize("place", ["{table}{text}", "{text}{table}"])
def test_a_report_with_its_scores_is_an_article(place: str) -> None:
    title = "Live score: Orsel Harbour and Dram Town part with three goals each"
    body = place.format(table=f"<table>{SCORES}</table>", text=f"<p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[2]}</p>")
    assert PARAGRAPHS[2] in read_page(page(body=f"<h1>{title}</h1>{body}", title=title), url=URL).text
