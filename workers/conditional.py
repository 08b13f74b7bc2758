"""Asking for a page again: only if it is another one than the one that is kept."""

from __future__ import annotations

from pipeline.http import Response
from pipeline.ledger import work
from pipeline.ledger.work import Claim, Validators


def conditions(claim: Claim) -> dict[str, str]:
    """The headers that ask for a page only if it is another than the one that is kept (RFC 9110, 13.1). They are its
    own validators, never its feed's."""
    kept = claim.revision
    if kept is None or not kept.filed or kept.from_feed:
        return {}
    named = (("if-none-match", kept.etag), ("if-modified-since", kept.last_modified))
    return {name: value for name, value in named if value}


def validators(response: Response) -> Validators:
    """What the page can be asked for by again: only where the URL that was asked for served it itself. Another page at
    the end of another redirect may have the same date."""
    if response.redirects:
        return work.NO_VALIDATORS
    return response.headers.get("etag"), response.headers.get("last-modified")


def may_stand_in(claim: Claim) -> bool:
    """Whether the feed's text may take the place of the page's: not that of a whole page that is kept."""
    return claim.revision is None or not claim.revision.filed or claim.revision.from_feed
