"""Pages show what the ledger holds, whatever feeds put into it."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from pipeline.ledger import Ledger, articles, feeds, polls
from pipeline.ledger import storylines as ledger_storylines
from pipeline.records import Entry
from pipeline.settings import Settings
from tests.web.newsroom import JOINED, NOW, Newsroom, served
from workers.web.listing import LISTED
from workers.web.pages import COVERED

OWN_SCRIPT = re.compile(r'<script src="/static/[\w.]+\?v=[0-9a-f]{12}" defer></script>')
HOSTILE = "<script>alert(1)</script> \"quoted\" 'n' & </title><img src=x onerror=alert(2)>"


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What differs between databases is behind the queries, which the tests of the API run on both."""
    return sqlite_ledger


def text_of(page: httpx.Response) -> str:
    """The page's words with its tags taken out and blanks made one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_storyline_is_listed_with_outlets_counts_and_last_update(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    then = NOW - timedelta(minutes=12)
    story = newsroom.open(now=then)
    first = newsroom.file(story, title="A call is confirmed", lead="It went neither well nor badly.", now=then)
    newsroom.file(story, title="More on the call", source="La Vigía", now=then)
    newsroom.file(story, title="A call is confirmed", source="Valley Courier", copy_of=first, now=then)
    with served(settings, ledger) as site:
        page = site.get("/")
    assert page.status_code == 200
    said = text_of(page)
    assert "More on the call" in said
    assert "It went neither well nor badly." in said
    assert "The Harbour Times, La Vigía, Valley Courier" in said
    assert re.search(r"3 articles\s+2 \+ 1 reprint", said)
    assert "Developing" in said
    assert 'title="Sunday 29 November 2026, 13:53:00 UTC">12 min ago</time>' in page.text
    assert f'href="/storylines/{story}"' in page.text


def test_markup_in_titles_leads_and_outlets_is_shown_and_not_obeyed(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    story = newsroom.open()
    hostile_why = {"storyline": story, **JOINED, "evidence": [{"name": HOSTILE, "value": 1, "weight": 1}]}
    newsroom.file(story, title=HOSTILE, lead=HOSTILE, source=HOSTILE, lang='"><script>', why=hostile_why)
    with served(settings, ledger) as site:
        pages = [site.get("/"), site.get(f"/storylines/{story}")]
    for page in pages:
        assert page.status_code == 200
        assert OWN_SCRIPT.sub("", page.text).count("<script") == 0
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "JaVa\tScRiPt:alert(1)", "vbscript:x"]
)
def test_only_http_urls_become_links(settings: Settings, ledger: Ledger, newsroom: Newsroom, url: str) -> None:
    story = newsroom.open()
    newsroom.file(story, title="Read this", url=url)
    newsroom.file(story, title="And this", url="https://user:secret@safe.example/a?b=1&c=2")
    with served(settings, ledger) as site:
        page = site.get(f"/storylines/{story}").text
    links = re.findall(r'href="([^"]*)"', page)
    assert "https://safe.example/a?b=1&amp;c=2" in links  # the password is nobody's business
    assert all(link.startswith(("/", "#", "https://safe.example/")) for link in links)
    assert "Read this" in page


def test_coverage_is_newest_first_by_day_and_says_what_is_a_reprint(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    story = newsroom.open()
    first = newsroom.file(story, title="First report", published=NOW - timedelta(days=1))
    newsroom.file(story, title="Later report", published=NOW - timedelta(minutes=30))
    newsroom.file(story, title="Older reprint", published=NOW - timedelta(hours=20), copy_of=first, source="Courier")
    newsroom.file(story, title="Report without date", published=None)
    with served(settings, ledger) as site:
        page = site.get(f"/storylines/{story}")
    said = text_of(page)
    headings = [re.sub(r"<[^>]+>", "", found) for found in re.findall(r"<h[34][^>]*>(.*?)</h[34]>", page.text)]
    assert headings == ["Today", "Later report", "Report without date", "Yesterday", "Older reprint", "First report"]
    assert re.search(r"Courier\s+Reprint\s+of\s+The Harbour Times", said)
    assert f'href="#article-{first}"' in page.text
    assert "undated" in said
    assert "4 articles (3 originals, 1 reprint)" in said


def test_why_shows_evidence_weights_score_threshold_and_runner_up(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    story = newsroom.open()
    newsroom.file(story, title="It is here", why={"storyline": story, **JOINED})
    with served(settings, ledger) as site:
        page = site.get(f"/storylines/{story}")
    said = text_of(page)
    assert "It joined this storyline with a score of 0.58; 0.32 was needed." in said
    assert re.search(r"Meaning\s+4\.10\s+0\.06\s+\+0\.25", said)
    assert re.search(r"Time since its last article\s+2\.10\s+−0\.02\s+−0\.04", said)
    assert re.search(r"Score\s+0\.58", said)
    assert re.search(r"Needed\s+0\.32", said)
    assert 'href="/storylines/99">storyline 99</a>' in page.text


def test_a_reason_of_unknown_shape_does_not_break_the_page(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    story = newsroom.open()
    for why in ({}, {"score": "high", "evidence": "none"}, {"score": float("nan"), "evidence": [1, {"name": 3}]}):
        newsroom.file(story, title="Moved by hand", why=why)
    with served(settings, ledger) as site:
        page, api = site.get(f"/storylines/{story}"), site.get(f"/api/v1/storylines/{story}")
    assert page.text.count("No measured reason was recorded.") == 3
    assert [item["why"]["evidence"] for item in api.json()["coverage"]] == [[], [], []]


def test_pages_lead_through_every_storyline_once(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    with ledger.write() as tx:
        for number in range(2 * LISTED + 3):  # three of a moment, so that ties meet the border of a page
            when = NOW - timedelta(minutes=number // 3)
            ledger_storylines.open_one(tx, when, title=f"Story {number}", text="x", declared=True)
    found: list[str] = []
    path: str | None = "/"
    with served(settings, ledger) as site:
        for _ in range(10):
            if path is None:
                break
            page = site.get(path).text
            found += re.findall(r'<h2><a href="/storylines/(\d+)"', page)
            onward = re.search(r'rel="next" href="([^"]+)"', page)
            path = onward[1].replace("&amp;", "&") if onward else None
        assert "Back to the fastest" in page
        assert site.get("/?cursor=nonsense").status_code == 422
    assert path is None
    assert sorted(map(int, found)) == list(range(1, 2 * LISTED + 4))


def test_coverage_is_paged_too(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open()
    for number in range(COVERED + 2):
        newsroom.file(story, title=f"Report {number}", published=NOW - timedelta(minutes=number // 2))
    with served(settings, ledger) as site:
        first = site.get(f"/storylines/{story}").text
        onward = re.search(r'rel="next" href="([^"]+)"', first)
        assert onward is not None
        second = site.get(onward[1]).text
    ids = [re.findall(r'id="article-(\d+)"', page) for page in (first, second)]
    assert [len(part) for part in ids] == [COVERED, 2]
    assert not set(ids[0]) & set(ids[1])


def test_the_id_of_a_merged_storyline_leads_to_where_it_went(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    kept, middle, gone = (newsroom.open(title=name, text="x", declared=True) for name in ("Kept", "Middle", "Gone"))
    newsroom.merge(gone, middle)
    newsroom.merge(middle, kept)
    with served(settings, ledger) as site:
        for prefix in ("", "/api/v1"):
            answer = site.get(f"{prefix}/storylines/{gone}")
            assert (answer.status_code, answer.headers["location"]) == (301, f"{prefix}/storylines/{kept}")
        listed = site.get("/").text
    assert "Kept" in listed
    assert "Gone" not in listed


@pytest.mark.parametrize("path", ["/storylines/7", "/storylines/0", "/storylines/x", f"/storylines/{10**30}", "/nope"])
def test_what_is_not_there_says_so_on_a_page(settings: Settings, ledger: Ledger, path: str) -> None:
    with served(settings, ledger) as site:
        page = site.get(path)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Nothing is filed here" in page.text


def test_the_strip_counts_stages_and_the_age_of_what_waits(
    settings: Settings, ledger: Ledger, newsroom: Newsroom
) -> None:
    with ledger.write() as tx:
        feed = feeds.add(tx, "https://outlet.example/feed", NOW)
        assert feed is not None
        polls.claim_due(tx, NOW, "token", 30, 1)
        polls.record(tx, feed, "token", {"failures": 2, "error": "the host does not answer", "due": NOW})
        entries = [Entry(key=str(number), url=f"https://outlet.example/{number}") for number in range(1200)]
        articles.record_entries(tx, entries, NOW - timedelta(minutes=4), feed_id=feed)
    with served(settings, ledger) as site:
        said = text_of(site.get("/"))
    assert re.search(r"Feeds\s+1\s+1 failing", said)
    assert re.search(r"Queued\s+1,200\s+oldest 4 min", said)
    assert re.search(r"Dead\s+0", said)


def test_an_empty_page_says_what_to_do(settings: Settings, ledger: Ledger) -> None:
    with served(settings, ledger) as site:
        assert "slugline feeds import my.opml" in site.get("/").text
        with ledger.write() as tx:
            feed = feeds.add(tx, "https://outlet.example/feed", NOW)
        assert "Reading the wire" in site.get("/").text
        with ledger.write() as tx:
            polls.claim_due(tx, NOW, "token", 30, 1)
            assert polls.record(tx, feed or 0, "token", {"failures": 1, "due": NOW})
        assert "No feed answers" in site.get("/").text


def test_pages_ask_no_other_host_for_anything(settings: Settings, ledger: Ledger, newsroom: Newsroom) -> None:
    story = newsroom.open()
    newsroom.file(story, title="A report")
    with served(settings, ledger) as site:
        pages = [site.get("/"), site.get(f"/storylines/{story}"), site.get("/nope")]
        for page in pages:
            loaded = re.findall(r"<(?:link|img|script|iframe|source)\b[^>]*?(?:href|src)=\"([^\"]+)\"", page.text)
            assert loaded
            assert all(re.fullmatch(r"/static/[\w.]+\?v=[0-9a-f]{12}", url) for url in loaded)
            assert all(site.get(url).status_code == 200 for url in loaded)
            assert OWN_SCRIPT.sub("", page.text).count("<script") == 0
            assert " style=" not in page.text  # the content security policy would drop it
            assert "default-src 'none'" in page.headers["content-security-policy"]
        css = site.get(re.findall(r'stylesheet" href="([^"]+)"', pages[0].text)[0])
    assert css.headers["content-type"].startswith("text/css")
    assert "url(" not in css.text
    assert "@import" not in css.text
