"""The embed worker: an RQ job is a small batch of article ids, embedded in one call of the resident model.

Runs in RQ's SimpleWorker: a child forked from a process that has used torch may hang, and a model loaded for each job
would cost more than its work.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from pipeline import metrics, queues
from pipeline.dispatch import dispatch
from pipeline.embedding import Embedder, prepare
from pipeline.errors import LeaseLostError, LedgerError, RedisError, SluglineError
from pipeline.ledger import Ledger, reembed, storylines, work
from pipeline.records import ArticleState, Vector
from pipeline.settings import Settings
from pipeline.tally import Tally
from workers import logs, traces
from workers.process import now, owner

log = logs.get("embed")
TEXT_MISSING = "its text is not in the ledger"
NOT_NUMBERS = "the model made no numbers of it"

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
    tally = Tally()
    done = embed_articles(settings, ledger, embedder, job_id, ids, tally)
    tally.moved("embed", now().timestamp())
    with contextlib.suppress(RedisError, LedgerError):  # the work is done; the janitor dispatches as well
        client = queues.connect(settings.valkey_url)
        tally.send(client)
        dispatch(ledger, client, settings, now(), full_only=True)
    return done


def embed_articles(
    settings: Settings, ledger: Ledger, embedder: Embedder, job_id: str, ids: list[int], tally: Tally | None = None
) -> int:
    """Claim the articles of a job, embed them, record the vectors, count that. Returns how many were recorded."""
    name, tally = owner(), tally or Tally()
    with ledger.write() as tx:
        claims = work.claim(tx, ids, ArticleState.FETCHED, job_id, name, now(), settings.lease_seconds)
        texts = work.texts_of(tx, claims)
    if not claims:
        return 0
    taken = now()
    known = [claim for claim in claims if claim.id in texts]
    began = time.monotonic()
    with _renewed(settings, ledger, job_id, name):
        made = encode(embedder, [prepare(*texts[claim.id]) for claim in known])
    share = (time.monotonic() - began) / max(len(known), 1)
    tally.observe(metrics.STAGE_SECONDS, share, len(known), stage="embed")
    vectors = dict(zip((claim.id for claim in known), made, strict=True))
    with ledger.write() as tx:
        endings = [_record(tx, claim, vectors.get(claim.id, TEXT_MISSING), embedder.version, tally) for claim in claims]
    times, job = (taken, now()), traces.job()
    for claim, ending in zip(claims, endings, strict=True):
        traces.worked("embed", claim, job, times, ending)
        tally.count(metrics.EMBEDS, outcome=ending)
    return endings.count("embedded")


def _record(tx: Connection, claim: work.Claim, made: Vector | str, version: str, tally: Tally) -> str:
    """Write what came of one article. A lost lease is seen before anything is written, so the others are unharmed.
    Returns `embedded`, `failed` or `lease-lost`."""
    try:
        if not isinstance(made, str):
            work.finish_embed(tx, claim, version, storylines.pack(made), now())
            log.debug("embedded", article=claim.id)
            return "embedded"
        reason = "text-missing" if made == TEXT_MISSING else "embedding-failed"
        log.error("not embedded", article=claim.id, url=claim.url, error=made)
        ending = work.fail(tx, claim, ArticleState.FETCHED, reason, made, now(), None)
        tally.count(metrics.DEAD, int(ending == "dead"), stage="embed", class_=metrics.class_of(reason))
    except LeaseLostError as error:
        log.warning("too late", article=claim.id, error=str(error))
        return "lease-lost"
    return "failed"


def encode(embedder: Embedder, texts: Sequence[str]) -> list[Vector | str]:
    """A vector for each text, or the sentence that says why there is none.

    One call for all; when that fails, one for each, so that a text that breaks the model does not take the batch along.
    """
    if not texts:
        return []
    try:
        return _usable(embedder.encode(texts))
    except MemoryError:
        raise
    except Exception as error:
        if len(texts) == 1:
            return [f"the model failed on it ({type(error).__name__}: {error})"]
        log.exception("the model failed on a batch, going one by one", texts=len(texts))
        return [made for text in texts for made in encode(embedder, [text])]


def _usable(vectors: npt.NDArray[np.float32]) -> list[Vector | str]:
    return [vector if np.isfinite(vector).all() else NOT_NUMBERS for vector in vectors]


@contextlib.contextmanager
def _renewed(settings: Settings, ledger: Ledger, job_id: str, name: str) -> Iterator[None]:
    """Keep the lease while the block runs: a large model on a small machine takes longer than a lease for a batch,
    and an article that looks abandoned is embedded again and again until it is given up."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(settings.lease_seconds / 3):
            try:
                with ledger.write() as tx:
                    work.renew(tx, job_id, name, now(), settings.lease_seconds)
            except LedgerError as error:
                log.warning("lease not renewed", error=str(error))

    thread = threading.Thread(target=renew, name="renew-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def embed_storylines(job_id: str, ids: list[int]) -> int:
    """The RQ job for declared storylines: a vector of each one's title and text."""
    _, ledger, embedder = _here()
    with ledger.read() as tx:
        waiting = [row for row in storylines.without_vector(tx, embedder.version) if row["id"] in ids]
    vectors = encode(embedder, [prepare(row["title"], row["text"]) for row in waiting])
    done = 0
    with ledger.write() as tx:
        for row, made in zip(waiting, vectors, strict=True):
            if isinstance(made, str):
                log.error("storyline not embedded", storyline=row["id"], error=made)
                continue
            storylines.put_vector(tx, row["id"], embedder.version, storylines.pack(made))
            done += 1
    log.info("declared storylines embedded", job=job_id, count=done)
    return done


def embed_again(job_id: str, ids: list[int]) -> int:
    """The RQ job for articles that were filed by vectors of another model: one of the present model beside it."""
    _, ledger, embedder = _here()
    with ledger.read() as tx:
        waiting = reembed.texts_of(tx, ids, embedder.version)
    vectors = encode(embedder, [prepare(one.title, one.text) for one in waiting])
    done = 0
    with ledger.write() as tx:
        for one, made in zip(waiting, vectors, strict=True):
            if isinstance(made, str):
                log.error("not embedded again", article=one.article_id, error=made)
            else:
                done += reembed.put(tx, one, embedder.version, storylines.pack(made), now())
    log.debug("embedded again", job=job_id, count=done)
    return done
