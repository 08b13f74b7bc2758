"""The embed worker: an RQ job is a small batch of article ids, embedded in one call of the resident model.

Runs in RQ's SimpleWorker: a child forked from a process that has used torch may hang, and a model loaded for each job
would cost more than its work.
"""

from __future__ import annotations

import contextlib

from pipeline import queues
from pipeline.dispatch import dispatch
from pipeline.embedding import Embedder, prepare
from pipeline.errors import LeaseLostError, RedisError, SluglineError
from pipeline.ledger import Ledger, storylines, work
from pipeline.records import ArticleState
from pipeline.settings import Settings
from workers import logs
from workers.process import now, owner

log = logs.get("embed")
TEXT_MISSING = "its text is not in the ledger"

_surroundings: tuple[Settings, Ledger, Embedder] | None = None


def setup(settings: Settings, ledger: Ledger, embedder: Embedder) -> None:
    """Give this process its model and ledger before RQ starts."""
    global _surroundings  # noqa: PLW0603 - RQ calls plain functions; this is how they find their surroundings
    _surroundings = (settings, ledger, embedder)


def _here() -> tuple[Settings, Ledger, Embedder]:
    if _surroundings is None:
        raise SluglineError("embed jobs run in `slugline worker embed` only")
    return _surroundings


def embed_batch(job_id: str, ids: list[int]) -> int:
    """The RQ job for articles. Returns how many vectors were recorded."""
    settings, ledger, embedder = _here()
    done = embed_articles(settings, ledger, embedder, job_id, ids)
    with contextlib.suppress(RedisError):  # the janitor dispatches as well
        dispatch(ledger, queues.connect(settings.valkey_url), settings, now())
    return done


def embed_articles(settings: Settings, ledger: Ledger, embedder: Embedder, job_id: str, ids: list[int]) -> int:
    """Claim the articles of a job, embed them, record the vectors."""
    name = owner()
    with ledger.write() as tx:
        claims = work.claim(tx, ids, ArticleState.FETCHED, job_id, name, now(), settings.lease_seconds)
        texts = work.texts_of(tx, claims)
        for lost in [claim for claim in claims if claim.id not in texts]:
            work.fail(tx, lost, ArticleState.FETCHED, "text-missing", TEXT_MISSING, now(), None)
        claims = [claim for claim in claims if claim.id in texts]
    if not claims:
        return 0
    vectors = embedder.encode([prepare(*texts[claim.id]) for claim in claims])
    done = 0
    for claim, vector in zip(claims, vectors, strict=True):
        try:
            with ledger.write() as tx:
                work.finish_embed(tx, claim, embedder.version, storylines.pack(vector), now())
            done += 1
        except LeaseLostError as error:
            log.warning("too late", article=claim.id, error=str(error))
    return done


def embed_storylines(job_id: str, ids: list[int]) -> int:
    """The RQ job for declared storylines: a vector of each one's title and text."""
    _, ledger, embedder = _here()
    with ledger.read() as tx:
        waiting = [row for row in storylines.without_vector(tx, embedder.version) if row["id"] in ids]
    if not waiting:
        return 0
    vectors = embedder.encode([prepare(row["title"], row["text"]) for row in waiting])
    with ledger.write() as tx:
        for row, vector in zip(waiting, vectors, strict=True):
            storylines.put_vector(tx, row["id"], embedder.version, storylines.pack(vector))
    log.info("declared storylines embedded", job=job_id, count=len(waiting))
    return len(waiting)
