"""An entry that its feed edits, from the feed to the storyline: the page is asked again, politely, and told once more.

The same URL with changed text is a new version of one article, not a new article, and no storyline is dragged along.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from pipeline.feeds.parse import parse
from pipeline.ledger import Ledger, articles, dead, events, feeds, storylines, work
from pipeline.ledger.schema import host_lines, memberships, sightings, texts, vectors
from pipeline.records import ArticleState, Event, Storyline
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings
from tests.storylines.wire import about
from tests.workers.fetching import SENTENCES, page, run, text_of
from tests.workers.site import Answer, Asked, Site
from tests.workers.wire import NOON, VERSION, at, embedded, filed, row, states
from workers.clusterer import Clusterer
from workers.process import now

PAGE, FEED = "/bridge", "https://paper.example/feed"
UPDATE = "Divers found a third crack on Tuesday, and the bridge may have to be torn down, Ilsa Brandt said. "
NEW_TITLE = "Orsel may tear down its old bridge"


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_networks=("127.0.0.0/8",), request_seconds=10, host_spacing_seconds=0, max_attempts=2)


class Paper:
    """A site with one article and its feed, and the pipeline's steps as the processes take them."""

    def __init__(self, ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> None:
        self.ledger, self.site, self.sandbox, self.settings = ledger, site, sandbox, settings
        self.url = site.url(PAGE)
        self.clusterer = Clusterer(ledger, VERSION)
        self._seconds = 0.0
        with ledger.write() as tx:
            made = feeds.add(tx, FEED, NOON)
        assert made is not None
        self.feed = made

    def serve(self, body: str, **headers: str) -> None:
        """Put the page up; with an ETag it answers conditional requests."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        def answer(asked: Asked) -> Answer:
            known = "ETag" in named and asked.headers.get("if-none-match") == named["ETag"]
            return Answer(status=304, headers=named) if known else Answer(body, headers=named)

        self.site.pages[PAGE] = answer

    def show(self, teaser: str, title: str = "Orsel closes its old bridge", *, hours: float = 0) -> articles.Recorded:
        """The feed as it is polled."""
        body = (
            f"<rss version='2.0'><channel><title>The Paper</title><item><title>{title}</title><link>{self.url}</link>"
            f"<guid>bridge</guid><description>{teaser}</description></item></channel></rss>"
        )
        moment = now() + timedelta(hours=hours)
        document = parse(body.encode(), url=FEED, content_type="application/rss+xml", now=moment)
        with self.ledger.write() as tx:
            return articles.record_entries(tx, document.entries, moment, feed_id=self.feed)

    def fetch(self) -> dict[str, int]:
        return run(self.settings, self.ledger, self.sandbox, [1], f"fetch-{len(self.site.asked)}")

    def embed(self, *topics: str) -> None:
        with self.ledger.write() as tx:
            work.hand_out(tx, [1], f"embed-{topics}", now())
            (claim,) = work.claim(tx, [1], ArticleState.FETCHED, f"embed-{topics}", "test", now(), 30)
            work.finish_embed(tx, claim, VERSION, storylines.pack(about(*topics)), now())

    def file(self) -> None:
        self._seconds += 1
        assert self.clusterer.step(at(self._seconds)) == 1

    def first(self, **headers: str) -> None:
        """The article as it is seen, read and filed for the first time."""
        self.serve(page(), **headers)
        assert self.show("The bridge is closed.").articles == 1
        assert self.fetch() == {"fetched": 1}
        self.embed("bridge", "Orsel")
        self.file()

    def told(self) -> list[Event]:
        with self.ledger.write() as tx:
            events.number(tx, 100)
            return events.after(tx, 0, 100)

    def storyline(self, number: int = 1) -> Storyline:
        with self.ledger.read() as tx:
            found = storylines.one(tx, number)
        assert found is not None
        return found


@pytest.fixture
def paper(ledger: Ledger, site: Site, sandbox: Sandbox, settings: Settings) -> Paper:
    return Paper(ledger, site, sandbox, settings)


def longer() -> str:
    return page(NEW_TITLE).replace("<p>", f"<p>{UPDATE}</p><p>{UPDATE.replace('third', 'fourth')}</p><p>", 1)


def test_an_edited_entry_becomes_the_second_version_of_its_article(paper: Paper) -> None:
    paper.first()
    before = paper.storyline()
    paper.serve(longer())
    found = paper.show("It may be torn down.", NEW_TITLE, hours=1)
    assert (found.articles, found.sightings, found.known, found.edited) == (0, 0, 1, 1)
    assert paper.fetch() == {"revised": 1}
    paper.embed("bridge", "demolition")
    paper.file()
    assert states(paper.ledger) == {"filed": 1}
    article = row(paper.ledger, 1)
    assert (article["generation"], article["title"], article["state"]) == (2, NEW_TITLE, "filed")
    assert text_of(paper.ledger, 1).startswith("Divers found a third crack")
    with paper.ledger.read() as tx:
        assert tx.execute(select(func.count()).select_from(texts)).scalar_one() == 2
        assert tx.execute(select(func.count()).select_from(memberships)).scalar_one() == 1
        assert tx.execute(select(func.count()).select_from(sightings)).scalar_one() == 1
    opened, updated = paper.told()
    assert (opened.type, updated.type) == ("storyline.opened", "article.updated")
    assert (updated.subject, updated.sequence) == (opened.subject, 2)
    assert updated.data["article"]["changed"] == ["text", "title"]
    after = paper.storyline()
    assert (after.articles, after.originals, after.outlets) == (before.articles, before.originals, before.outlets)
    assert (after.first_article, after.last_article) == (before.first_article, before.last_article)
    assert after.headline == NEW_TITLE
    assert after.lead.startswith("Divers found")


def test_a_page_that_says_not_modified_is_read_no_further(paper: Paper) -> None:
    paper.first(ETag='"p1"', Last_Modified="Mon, 23 Nov 2026 08:00:00 GMT")
    paper.show("A typing error was mended.", hours=1)
    assert paper.fetch() == {"unchanged": 1}
    asked = paper.site.requests(PAGE)[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"p1"', "Mon, 23 Nov 2026 08:00:00 GMT")
    assert (row(paper.ledger, 1)["state"], row(paper.ledger, 1)["generation"]) == ("filed", 1)
    assert len(paper.told()) == 1
    assert paper.clusterer.step(at(50)) == 0


def test_a_feeds_validators_never_go_to_its_articles(paper: Paper) -> None:
    """Its 304 would be about another document."""
    with paper.ledger.write() as tx:
        tx.execute(feeds.feeds.update().values(etag='"feed"', last_modified="Mon, 23 Nov 2026 09:00:00 GMT"))
    paper.first()
    paper.show("Edited.", hours=1)
    paper.fetch()
    assert [{"if-none-match", "if-modified-since"} & asked.headers.keys() for asked in paper.site.asked] == [
        set() for _ in paper.site.asked
    ]


def test_validators_of_a_page_behind_a_redirect_are_not_kept(paper: Paper) -> None:
    """They belong to the URL that served it, and another page may be at the end of the next redirect."""
    paper.site.pages["/real"] = Answer(page(), headers={"ETag": '"real"'})
    paper.site.pages[PAGE] = Answer(status=302, headers={"Location": "/real"})
    paper.show("The bridge is closed.")
    assert paper.fetch() == {"fetched": 1}
    assert row(paper.ledger, 1)["etag"] is None


def test_a_page_that_changed_in_details_is_kept_and_not_told(paper: Paper) -> None:
    paper.first()
    correction = "An earlier version of this report gave another sum."
    paper.serve(page().replace("</article>", f"<p>{correction}</p></article>"))
    paper.show("Corrected.", hours=1)
    assert paper.fetch() == {"touched": 1}
    assert states(paper.ledger) == {"filed": 1}
    assert correction in text_of(paper.ledger, 1)
    assert row(paper.ledger, 1)["generation"] == 2
    with paper.ledger.read() as tx:
        kept = tx.execute(select(vectors.c.vector).order_by(vectors.c.generation)).scalars().all()
    assert len(kept) == 2
    assert kept[0] == kept[1]
    assert len(paper.told()) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("gone", status=404), "not-found"),
        (Answer("<html><title>Sorry</title><p>Subscribe to continue reading this article.</p></html>"), "paywall"),
    ],
    ids=["deleted", "paywall"],
)
def test_a_page_that_is_no_article_any_more_leaves_the_one_that_was(paper: Paper, answer: Answer, reason: str) -> None:
    paper.first()
    text = text_of(paper.ledger, 1)
    paper.site.pages[PAGE] = answer
    paper.show("Edited.", hours=1)
    assert paper.fetch() == {"kept": 1}
    article = row(paper.ledger, 1)
    assert (article["state"], article["generation"]) == ("filed", 1)
    assert article["reason"] == reason or reason == "paywall"
    assert article["error"]
    assert text_of(paper.ledger, 1) == text
    assert len(paper.told()) == 1


def test_a_server_in_trouble_leaves_it_after_the_last_attempt(paper: Paper) -> None:
    paper.first()
    paper.site.pages[PAGE] = Answer("oops", status=500)
    paper.show("Edited.", hours=1)
    assert [paper.fetch(), paper.fetch()] == [{"retry": 1}, {"kept": 1}]
    assert row(paper.ledger, 1)["state"] == "filed"
    with paper.ledger.read() as tx:
        assert dead.listed(tx, 9) == []


def test_the_feeds_longer_teaser_takes_no_place_of_a_whole_page(paper: Paper) -> None:
    paper.first()
    text = text_of(paper.ledger, 1)
    paper.site.pages[PAGE] = Answer("gone", status=410)
    paper.show(" ".join(SENTENCES) * 2, hours=1)
    assert paper.fetch() == {"kept": 1}
    assert text_of(paper.ledger, 1) == text


def test_an_article_that_was_its_feeds_text_is_edited_by_its_feed(paper: Paper) -> None:
    paper.site.pages[PAGE] = Answer("no", status=451)
    paper.show(" ".join(SENTENCES) * 2)
    assert paper.fetch() == {"fetched": 1}
    paper.embed("bridge", "Orsel")
    paper.file()
    paper.show(UPDATE * 3 + " ".join(SENTENCES) * 2, hours=1)
    assert paper.fetch() == {"revised": 1}
    assert text_of(paper.ledger, 1).startswith("Divers found")


def test_two_versions_of_one_page_are_not_two_articles_for_the_lines_of_its_host(paper: Paper) -> None:
    """Else three edits of one article would have its own paragraphs learned as what the host prints around all."""
    paper.first()
    paper.serve(longer())
    paper.show("Edited.", hours=1)
    paper.fetch()
    with paper.ledger.read() as tx:
        counted = tx.execute(select(host_lines.c.articles)).scalars().all()
    assert counted
    assert set(counted) == {1}


# ---- a live blog ----

TOPICS = {"trial": "Marven", "merger": "Hexby", "derby": "Stellin", "election": "Ostwick"}


def blog(paper: Paper) -> None:
    """One page that goes from topic to topic, while others report on each of them."""
    paper.first()
    for number, (topic, place) in enumerate(TOPICS.items(), start=1):
        said = f"The {topic} in {place} is what everybody talks about now, said the reporter at the {topic}. "
        paper.serve(page(f"Live: the {topic} in {place}").replace(SENTENCES[0], said * 3))
        assert paper.show(f"Now the {topic}.", f"Live: the {topic} in {place}", hours=number).edited == 1
        assert paper.fetch() == {"revised": 1}
        paper.embed(topic, place)
        paper.file()
        embedded(paper.ledger, number, topic, place, published=now())
        paper.file()


def test_a_live_blog_does_not_chain_its_topics_into_one_storyline(paper: Paper) -> None:
    blog(paper)
    where = {article: storyline for article, (storyline, _) in filed(paper.ledger).items()}
    assert where[1] == 1
    assert 1 not in {where[article] for article in where if article != 1}
    assert len(set(where.values())) == 1 + len(TOPICS), "each topic has a storyline of its own"
    late = embedded(paper.ledger, 9, "bridge", "Orsel", title="The old bridge of Orsel stays closed", published=now())
    paper.file()
    assert filed(paper.ledger)[late][0] == 1, "what it was filed by still leads to it"
    assert (paper.storyline().articles, paper.storyline().originals) == (2, 2)
    assert [one.type for one in paper.told() if one.subject == "storyline/1"] == [
        "storyline.opened",
        *["article.updated"] * len(TOPICS),
        "storyline.grew",
        "storyline.developing",
    ]


def test_a_rebuild_after_updates_gives_the_same_state(paper: Paper) -> None:
    blog(paper)
    steady, fresh = paper.clusterer, Clusterer(paper.ledger, VERSION)
    fresh.step(at(3600))
    assert fresh.active
    for number, (topic, place) in enumerate((TOPICS | {"bridge": "Orsel"}).items(), start=20):
        embedded(paper.ledger, number, topic, place, published=now())
    with paper.ledger.read() as tx:
        new = storylines.embedded(tx, VERSION, 10)
    assert len(new) == len(TOPICS) + 1
    for article in new:
        assert steady._memory.filing.decide(article).why() == fresh._memory.filing.decide(article).why()
    with paper.ledger.read() as tx:
        for storyline in range(1, len(TOPICS) + 2):
            assert steady._memory.tell(tx, storyline) == fresh._memory.tell(tx, storyline) != ("", "")


def test_while_it_is_looked_into_a_rebuild_still_has_it(paper: Paper) -> None:
    paper.first()
    paper.serve(longer())
    paper.show("Edited.", hours=1)
    fresh = Clusterer(paper.ledger, VERSION)
    fresh.step(at(3600))
    assert len(fresh._memory.filing) == 1
    late = embedded(paper.ledger, 9, "bridge", "Orsel", title="The old bridge of Orsel stays closed", published=now())
    assert fresh.step(at(3601)) == 1
    assert filed(paper.ledger)[late][0] == 1


# ---- several at once ----


def test_an_update_and_a_new_article_in_one_batch(paper: Paper) -> None:
    paper.first()
    paper.serve(longer())
    paper.show("Edited.", NEW_TITLE, hours=1)
    paper.fetch()
    paper.embed("bridge", "Orsel")
    late = embedded(paper.ledger, 9, "bridge", "Orsel", title="The old bridge of Orsel stays closed", published=now())
    assert paper.clusterer.step(at(60)) == 2
    assert filed(paper.ledger)[late][0] == 1
    assert [(one.type, one.sequence) for one in paper.told()] == [
        ("storyline.opened", 1),
        ("article.updated", 2),
        ("storyline.grew", 3),
        ("storyline.developing", 4),
    ]


def test_an_update_whose_storyline_is_forgotten_by_now_is_told_all_the_same(paper: Paper) -> None:
    paper.first()
    paper.clusterer._memory.filing.forget(now() + timedelta(days=1))
    later = Clusterer(paper.ledger, VERSION)
    paper.serve(longer())
    paper.show("Edited.", NEW_TITLE, hours=1)
    paper.fetch()
    paper.embed("bridge", "Orsel")
    assert later.step(at(60 * 86_400)) == 1, "beyond the horizon of what a clusterer remembers"
    assert [one.type for one in paper.told()] == ["storyline.opened", "article.updated", "storyline.closed"]
    assert paper.storyline().headline == "Orsel may tear down its old bridge", "whatever filing remembers"
    with paper.ledger.read() as tx:
        assert storylines.count(tx) == 1
