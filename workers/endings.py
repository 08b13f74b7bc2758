"""How a look at a page ends, as what is then to be written: in one transaction, by whoever holds the article."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from pipeline.articles import repeats
from pipeline.articles.versions import Change
from pipeline.errors import FetchError
from pipeline.http import Response
from pipeline.ledger import dead, lines, work
from pipeline.ledger.work import Claim, Validators
from pipeline.records import ArticleState, Extraction, Marks
from pipeline.urls import mask

Ending = Callable[[Connection, datetime], str]  # writes how an article ended, returns the word under which it counts
Read = tuple[Extraction, Marks]  # an article as read, and what filing wants to know of it


def text(claim: Claim, read: Read, change: Change | None, validators: Validators) -> Ending:
    """A text to be kept; `change` is what an edit changed, None when the page is new."""
    page, marks = read
    changed = change.changed if change is not None else ()

    def kept(tx: Connection, moment: datetime) -> str:
        ending = work.finish_fetch(
            tx,
            claim,
            page,
            marks.signature,
            moment,
            features=marks.features,
            validators=validators,
            changed=changed,
        )
        # A page that is known already would count its lines twice; a feed's text has nothing of the page around it.
        if ending == "fetched" and page.sources.get("text") == "page":
            keys, body = repeats.keys(page.text), repeats.body_key(page.text)
            lines.count(tx, claim.host_key, claim.id, keys, body, moment, repeats.OFTEN)
        return ending

    return kept


def unchanged(claim: Claim, validators: Validators) -> Ending:
    """The version of before stands."""

    def kept(tx: Connection, moment: datetime) -> str:
        return work.unchanged(tx, claim, moment, validators)

    return kept


def rejection(claim: Claim, reason: str, error: str) -> Ending:
    """The page is no article."""

    def written(tx: Connection, moment: datetime) -> str:
        return work.reject(tx, claim, reason, error, moment)

    return written


def failure(claim: Claim, error: FetchError, retry_in: float | None, response: Response | None) -> Ending:
    """The page was not had. When that is the end of it, what was answered is kept for a person to look at."""

    def written(tx: Connection, moment: datetime) -> str:
        ending = work.fail(tx, claim, ArticleState.QUEUED, error.reason, str(error), moment, retry_in)
        if ending == "dead" and response is not None:
            dead.keep_answer(tx, claim.id, _answer(response), moment)
        return ending

    return written


def _answer(response: Response) -> dead.Answer:
    return dead.Answer(
        url=mask(response.final_url),  # for people to read only
        status=response.status,
        content_type=response.headers.get("content-type"),
        head=response.body[: dead.HEAD_BYTES],
    )
