"""The search in the API: storylines by words and meaning together."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from workers.web import api, models, queries
from workers.web.context import Here
from workers.web.finding import FOUND, search, told

router = APIRouter(prefix="/api/v1", tags=["storylines"], responses=api.router.responses)


@router.get("/search")
def search_storylines(
    here: Here,
    q: Annotated[str, Query(min_length=1, max_length=200, description="Words, or what it is about.")],
    limit: Annotated[int, Query(ge=1, le=FOUND)] = 20,
    lang: Annotated[str | None, Query(pattern="^[A-Za-z0-9-]{1,35}$")] = None,
    state: Annotated[str | None, Query(pattern="^[a-z]{1,20}$")] = None,
    outlet: Annotated[str, Query(max_length=200)] = "",
    since: datetime | None = None,
) -> models.Hits:
    """Storylines that have all words of the question (the last one may be only begun) or that are near its meaning."""
    if since is not None and since.tzinfo is None:
        raise HTTPException(422, "since: give a time with its zone.")
    filters = queries.Filters(lang=lang, state=state, outlet=outlet, since=since)
    return told(*search(here.ledger, here.meaning, q, limit, filters))
