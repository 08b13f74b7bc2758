"""The embed worker: vectors as the ledger keeps them, leases, and texts that break the model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import select

from pipeline.embedding import Embedder, prepare
from pipeline.errors import SluglineError
from pipeline.ledger import Ledger, storylines, work
from pipeline.ledger.schema import texts as text_table
from pipeline.ledger.schema import vectors as vector_table
from pipeline.records import ArticleState
from pipeline.settings import Settings
from tests.workers.wire import NOON, ask, row, states, take_in
from workers import embed
from workers.clusterer import Clusterer
from workers.process import now

TEXT = "The city closed the old bridge on Monday. " + " ".join(f"word{n}" for n in range(300))


class Fragile(Embedder):
    """The real model, but some words break it or turn its numbers into none."""

    def __init__(self, real: Embedder) -> None:
        self._real, self.version = real, real.version

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if any("breaks" in text for text in texts):
            raise RuntimeError("index out of range in self")
        made = self._real.encode(texts)
        for number, text in enumerate(texts):
            if "overflows" in text:
                made[number] = np.nan
        return made


def handed_out(ledger: Ledger, *titles: str, text: str = TEXT, job: str = "embed-1") -> list[int]:
    with ledger.write() as tx:
        ids = [take_in(tx, number, title, text) for number, title in enumerate(titles, start=1)]
        work.hand_out(tx, ids, job, now() + timedelta(seconds=20))
    return ids


def stored(ledger: Ledger) -> dict[int, tuple[str, bytes]]:
    chosen = select(vector_table.c.article_id, vector_table.c.version, vector_table.c.vector)
    with ledger.read() as tx:
        return {article: (version, vector) for article, version, vector in tx.execute(chosen)}


def test_vectors_are_recorded_as_float16_with_their_version(ledger: Ledger, embedder: Embedder) -> None:
    ids = handed_out(ledger, "The bridge closes", "A comet is found")
    assert embed.embed_articles(Settings(), ledger, embedder, "embed-1", ids) == 2
    found = stored(ledger)
    assert set(found) == set(ids)
    assert {version for version, _ in found.values()} == {embedder.version}
    direct = embedder.encode([prepare("The bridge closes", TEXT)])[0]
    vector = np.frombuffer(found[ids[0]][1], "<f2").astype(np.float32)
    assert vector.shape == direct.shape == (384,)
    assert float(vector @ direct) > 0.999
    assert states(ledger) == {"embedded": 2}
    assert row(ledger, ids[0])["job_id"] is None
    assert embed.embed_articles(Settings(), ledger, embedder, "embed-1", ids) == 0, "a job that is run again"


def test_an_article_that_is_only_a_title_is_embedded(sqlite_ledger: Ledger, embedder: Embedder) -> None:
    (article,) = handed_out(sqlite_ledger, "A comet is found over Hexby", text="")
    assert embed.embed_articles(Settings(), sqlite_ledger, embedder, "embed-1", [article]) == 1
    vector = storylines.unpack(stored(sqlite_ledger)[article][1])
    assert vector is not None
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-3)


def test_a_worker_that_lost_its_lease_changes_nothing(ledger: Ledger, embedder: Embedder) -> None:
    lost, kept = handed_out(ledger, "The bridge closes", "A comet is found")

    class Slow(Fragile):
        """While it computes, the janitor takes one article back, and it goes to another worker."""

        def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            with ledger.write() as tx:
                (stale,) = [one for one in work.stale(tx, now() + timedelta(hours=1), 10) if one.id == lost]
                work.take_back(tx, stale, now() + timedelta(hours=1), 5)
                work.hand_out(tx, [lost], "embed-2", now() + timedelta(hours=1))
                work.claim(tx, [lost], ArticleState.FETCHED, "embed-2", "another", now(), 3600)
            return super().encode(texts)

    assert embed.embed_articles(Settings(), ledger, Slow(embedder), "embed-1", [lost, kept]) == 1
    assert set(stored(ledger)) == {kept}
    other = row(ledger, lost)
    assert (other["state"], other["job_id"], other["lease_owner"]) == ("fetched", "embed-2", "another")


def test_the_lease_is_renewed_while_the_model_works(sqlite_ledger: Ledger, embedder: Embedder) -> None:
    (article,) = handed_out(sqlite_ledger, "The bridge closes")
    seen = []

    class Slow(Fragile):
        """Computes until its lease has been renewed twice (or for some 20 s, and then the test fails)."""

        def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            for _ in range(20_000):
                until = row(sqlite_ledger, article)["lease_until"]
                if until not in seen:
                    seen.append(until)
                if len(seen) == 3:
                    break
            return super().encode(texts)

    settings = Settings(lease_seconds=1.01)
    assert embed.embed_articles(settings, sqlite_ledger, Slow(embedder), "embed-1", [article]) == 1
    assert len(seen) == 3
    assert seen == sorted(seen)


def test_texts_that_break_the_model_are_parked_and_the_others_are_embedded(
    sqlite_ledger: Ledger, embedder: Embedder
) -> None:
    good, breaks, overflows, last = handed_out(
        sqlite_ledger, "The bridge closes", "What breaks it", "What overflows", "A comet is found"
    )
    ids = [good, breaks, overflows, last]
    assert embed.embed_articles(Settings(), sqlite_ledger, Fragile(embedder), "embed-1", ids) == 2
    assert set(stored(sqlite_ledger)) == {good, last}
    for article, words in ((breaks, "index out of range"), (overflows, "no numbers")):
        parked = row(sqlite_ledger, article)
        assert (parked["state"], parked["reason"]) == ("dead", "embedding-failed")
        assert words in parked["error"]


def test_an_article_without_its_text_is_parked(sqlite_ledger: Ledger, embedder: Embedder) -> None:
    missing, good = handed_out(sqlite_ledger, "The bridge closes", "A comet is found")
    with sqlite_ledger.write() as tx:
        tx.execute(text_table.delete().where(text_table.c.article_id == missing))
    assert embed.embed_articles(Settings(), sqlite_ledger, embedder, "embed-1", [missing, good]) == 1
    assert row(sqlite_ledger, missing)["reason"] == "text-missing"
    assert states(sqlite_ledger) == {"dead": 1, "embedded": 1}


def test_declared_storylines_get_their_vectors(sqlite_ledger: Ledger, embedder: Embedder) -> None:
    ask(sqlite_ledger, "declare", title="The bridge", text="The old bridge over the Orsel is closed.")
    ask(sqlite_ledger, "declare", title="The comet", text="A comet over Hexby.")
    Clusterer(sqlite_ledger, embedder.version).step(NOON)
    embed.setup(Settings(), sqlite_ledger, embedder)
    assert embed.embed_storylines("storyline-1", [1]) == 1
    assert embed.embed_storylines("storyline-1", [1]) == 0, "a job that is run again"
    with sqlite_ledger.read() as tx:
        (waiting,) = storylines.without_vector(tx, embedder.version)
        (first, _) = storylines.declared(tx)
    assert waiting["title"] == "The comet"
    vector = storylines.unpack(first["vector"])
    direct = embedder.encode([prepare("The bridge", "The old bridge over the Orsel is closed.")])[0]
    assert vector is not None
    assert float(vector @ direct) > 0.999


def test_jobs_outside_of_an_embed_worker_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_surroundings", None)
    with pytest.raises(SluglineError, match="slugline worker embed"):
        embed.embed_batch("embed-1", [1])
