"""What a fetch worker does once, so that its work-horses need not do it for each job: load what TLS trusts, and compile
the statements of a job. Of a work-horse's time with one article these two were two thirds."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pipeline import urls
from pipeline.articles import repeats
from pipeline.errors import LedgerError
from pipeline.ledger import Ledger, articles, hints, hosts, lines, work
from pipeline.records import ArticleState, Extraction
from workers import logs
from workers.process import now, owner

log = logs.get("fetch")
URL = "https://rehearsal.invalid/article"  # a name that never exists (RFC 2606)
JOB = "rehearsal"


class _TakenBackError(Exception):
    """Ends the rehearsal: nothing of it is kept."""


def rehearse(ledger: Ledger) -> None:
    """Go through the statements of a job with an article that is none, and take all of it back.

    What SQLAlchemy compiled stays with the engine, and is there in every process forked afterwards; no connection does.
    A ledger that cannot be had for now is not waited for.
    """
    try:
        with contextlib.suppress(_TakenBackError), ledger.write() as tx:
            _one_article(tx, now())
            raise _TakenBackError
    except LedgerError as error:
        log.warning("not rehearsed, so the first job has to be quick without", error=str(error))
    finally:
        ledger.close()


def _one_article(tx: Connection, moment: datetime) -> None:
    article, _ = articles.record_url(tx, URL, moment)
    host = urls.host_key(URL)
    work.due_for_fetch(tx, moment, 1, articles.FRESH)
    hosts.reserve_handout(tx, [host], moment)
    work.hand_out(tx, [article], JOB, moment + timedelta(seconds=1))
    claims = work.claim(tx, [article], ArticleState.QUEUED, JOB, owner(), moment, 1.0)
    hosts.reserve_request(tx, host, moment, 0.0, 1.0)
    hints.entries_of(tx, [article])
    lines.often(tx, [host], repeats.OFTEN)
    hosts.robots(tx, host, moment)
    page = Extraction(title="A rehearsal", text="Nothing of this is kept.")
    for claim in claims:
        work.finish_fetch(tx, claim, page, None, moment)
    work.due_for_embed(tx, moment, 1, articles.FRESH)
    work.hand_out(tx, [article], JOB, moment + timedelta(seconds=1))
