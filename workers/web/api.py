"""The API under `/api/v1`, and the probes at the root. Everything is plain `def`: the ledger blocks, threads wait."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from redis.exceptions import RedisError as ClientError
from sqlalchemy.exc import NoResultFound, SQLAlchemyError

from pipeline import metrics, pressure, queues, tally
from pipeline.errors import LedgerError, RedisError
from pipeline.ledger import articles, commands, dead, events, storylines
from pipeline.records import ArticleState
from pipeline.urls import mask
from workers import digest
from workers.web import models, queries
from workers.web.context import MAX_ID, Context, Here
from workers.web.guard import BODY_BYTES

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": models.Problem, "description": "There is none"}}

REFUSALS = {
    400: "The body cannot be read, or the host name is not one of this machine",
    401: "The token is missing or wrong",
    403: "A change that comes from another site, or without the token of the session's forms",
    413: "The body is too long",
    422: "The request makes no sense",
    429: "The token was wrong too often",
    503: "The ledger does not answer",
}
GUARDED: dict[int | str, dict[str, Any]] = {  # what the guard says outside the API
    status: {"description": REFUSALS[status], "content": {"text/plain": {"schema": {"type": "string"}}}}
    for status in (400, 401, 429)
}
router = APIRouter(
    prefix="/api/v1",
    max_body_size=BODY_BYTES,  # the guard knows announced lengths only
    responses={status: {"model": models.Problem, "description": said} for status, said in REFUSALS.items()},
)
probes = APIRouter(tags=["probes"])


@router.get("/storylines", tags=["storylines"])
def list_storylines(
    here: Here,
    limit: Limit = 50,
    cursor: Cursor = None,
    lang: Annotated[str | None, Query(pattern="^[A-Za-z0-9-]{1,35}$")] = None,
    state: Annotated[str | None, Query(pattern="^[a-z]{1,20}$")] = None,
    outlet: Annotated[str, Query(max_length=200, description="The name of an outlet that covers it.")] = "",
    name: Annotated[str, Query(max_length=200, description="Words that headline or lead must have.")] = "",
    since: Annotated[datetime | None, Query(description="Its latest article is no older.")] = None,
    muted: Annotated[bool, Query(description="Those that were muted, which are left out otherwise.")] = False,
    sort: Annotated[
        Literal["momentum", "updated", "size"],
        Query(
            description="`momentum`: by originals, each counting half after six hours. `size` counts originals:"
            " reprints add nothing to it."
        ),
    ] = "updated",
) -> models.Storylines:
    """Storylines, the one that changed last (or goes fastest, or is the largest) first."""
    if since is not None and since.tzinfo is None:
        raise HTTPException(422, "since: give a time with its zone.")
    filters = queries.Filters(lang=lang, state=state, outlet=outlet, name=name, since=since, muted=muted)
    with here.ledger.read() as tx:
        page = queries.storyline_page(tx, limit=limit, sort=sort, cursor=cursor, filters=filters)
    found = [models.StorylineSummary(**models.StorylineSummary.fields_of(row)) for row in page.rows]
    return models.Storylines(storylines=found, next_cursor=page.next_cursor)


@router.post("/storylines", tags=["storylines"], status_code=202)
def declare_storyline(here: Here, declaration: models.Declaration) -> models.Command:
    """Declare a storyline. The clusterer, which alone changes storylines, does it in its turn; ask for the command."""
    with here.ledger.write() as tx:
        made = commands.put(tx, "declare", declaration.model_dump(), here.clock())
    return models.Command(command=made, state="pending")


@router.get("/commands/{command_id}", tags=["storylines"], responses={**NOT_FOUND})
def show_command(here: Here, command_id: Id) -> models.Command:
    """What became of a command."""
    try:
        with here.ledger.read() as tx:
            state, result, error = commands.outcome(tx, command_id)
    except NoResultFound:
        raise HTTPException(404, f"There is no command {command_id}.") from None
    return models.Command.model_validate({"command": command_id, "state": state, "result": result, "error": error})


@router.get(
    "/storylines/{storyline_id}",
    tags=["storylines"],
    response_model=models.StorylineDetail,
    responses={**NOT_FOUND, 301: {"description": "It was merged into the storyline at `Location`"}},
)
def show_storyline(
    request: Request, here: Here, storyline_id: Id, limit: Limit = 100, cursor: Cursor = None
) -> models.StorylineDetail | Response:
    """What a storyline is about, and why each article is there. The id of a merged one leads to where it went."""
    with here.ledger.read() as tx:
        found = storylines.one(tx, storyline_id)
        row = queries.storyline_row(tx, found.id) if found else None
        if found is None or row is None:
            raise HTTPException(404, f"There is no storyline {storyline_id}.")
        if found.id != storyline_id:
            return RedirectResponse(request.url_for("show_storyline", storyline_id=found.id).path, 301)
        page = queries.coverage_page(tx, storyline_id, limit=limit, cursor=cursor)
        told = digest.of(tx, found, here.told) if cursor is None else None
    coverage = [models.Coverage.of(item, storyline_id) for item in page.rows]
    fields = models.StorylineSummary.fields_of(row) | {"title": row["title"], "text": row["text"]}
    return models.StorylineDetail(**fields, digest=told, coverage=coverage, next_cursor=page.next_cursor)


@router.get("/articles/{article_id}", tags=["articles"], responses={**NOT_FOUND})
def show_article(here: Here, article_id: Id) -> models.Article:
    """An article with its text, its state and where it was filed."""
    found = _article(here, article_id)
    if found is None:
        raise HTTPException(404, f"There is no article {article_id}.")
    return found


@router.get("/articles", tags=["articles"], responses={**NOT_FOUND})
def find_article(here: Here, url: Annotated[str, Query(min_length=1, max_length=8192)]) -> models.Article:
    """The article at a URL; tracking parameters, http or https and other URLs of the same page make no difference."""
    if any(ord(char) < 32 for char in url):
        raise HTTPException(422, "url: must not hold control characters.")
    with here.ledger.read() as tx:
        article_id = queries.article_by_url(tx, url)
    found = _article(here, article_id) if article_id else None
    if found is None:
        raise HTTPException(404, "No article with this URL is known.")
    return found


def _article(here: Context, article_id: int) -> models.Article | None:
    with here.ledger.read() as tx:
        row = articles.one(tx, article_id)
        return models.Article.of(row, queries.membership(tx, article_id)) if row else None


@router.get("/queues", tags=["operations"])
def show_queues(here: Here) -> models.Queues:
    """How many articles stand in each state, and how long the first of them has waited."""
    with here.ledger.read() as tx:
        counts, oldest, unpublished = articles.counts(tx), articles.oldest(tx), events.waiting(tx)
    now = here.clock()
    stages = []
    for state, count in counts.items():
        since = oldest.get(state)
        age = max(0.0, (now - since).total_seconds()) if since else None
        stages.append(models.Stage(state=state, count=count, oldest=since, oldest_seconds=age))
    jobs, held = _redis(here)
    return models.Queues(articles=stages, jobs=jobs, unpublished_events=unpublished, held_back=held)


def _redis(here: Context) -> tuple[models.Jobs | None, list[models.Hold] | None]:
    """What waits there, and what holds the wire back; nothing of it where Redis does not answer."""
    if here.redis is None:
        return None, None
    try:
        fetch, backfill, embed = (queues.depth(here.redis, name) for name in queues.QUEUES)
        held = [models.Hold(**asdict(hold)) for hold in pressure.current(here.redis)]
    except RedisError:
        return None, None
    return models.Jobs(fetch=fetch, backfill=backfill, embed=embed), held


Reason = Annotated[str | None, Query(max_length=100, description="As `reason` of those listed.")]
Host = Annotated[str | None, Query(max_length=255, description="A registrable domain, as `host` of those listed.")]
Every = Annotated[bool, Query(alias="all", description="Needed where neither reason nor host is given.")]


@router.get("/dead", tags=["operations"])
def list_dead(here: Here, limit: Limit = 50, reason: Reason = None, host: Host = None) -> models.DeadArticles:
    """Articles that were given up, the latest first; `count` is of all of them, by reason and by host."""
    with here.ledger.read() as tx:
        reasons, hosts = articles.reasons(tx, ArticleState.DEAD), dead.hosts(tx)
        rows = dead.listed(tx, limit, reason=reason, host=host)
        answers = dead.answered(tx, [row["id"] for row in rows])
    letters = [models.DeadArticle.of(row, answers.get(row["id"])) for row in rows]
    return models.DeadArticles(count=sum(reasons.values()), reasons=reasons, hosts=hosts, dead=letters)


@router.post("/dead/retry", tags=["operations"], status_code=202)
def retry_many_dead(here: Here, reason: Reason = None, host: Host = None, every: Every = False) -> models.DeadDone:
    """Take up again what was given up for a reason or at a host, or all of it."""
    return _with_many(here, dead.retry, reason, host, every)


@router.post("/dead/drop", tags=["operations"])
def drop_many_dead(here: Here, reason: Reason = None, host: Host = None, every: Every = False) -> models.DeadDone:
    """Let go of what was given up for a reason or at a host, or of all of it. It counts as rejected then."""
    return _with_many(here, dead.drop, reason, host, every)


def _with_many(here: Context, act: dead.Act, reason: str | None, host: str | None, every: bool) -> models.DeadDone:
    if reason is None and host is None and not every:  # a parameter that was misspelt must not mean all of them
        raise HTTPException(422, "Give a reason, a host, or all=true.")
    with here.ledger.write() as tx:
        return models.DeadDone(articles=act(tx, here.clock(), dead.Which(reason=reason, host=host)))


NOT_DEAD: dict[int | str, dict[str, Any]] = {409: {"model": models.Problem, "description": "It is not dead"}}


@router.post("/dead/{article_id}/retry", tags=["operations"], status_code=202, responses={**NOT_FOUND, **NOT_DEAD})
def retry_dead(here: Here, article_id: Id) -> models.Retried:
    """Take up an article again that was given up."""
    return models.Retried(id=article_id, state=_with_dead(here, dead.retry, article_id))


@router.post("/dead/{article_id}/drop", tags=["operations"], responses={**NOT_FOUND, **NOT_DEAD})
def drop_dead(here: Here, article_id: Id) -> models.Dropped:
    """Let go of an article that was given up: it is rejected, and its feed does not bring it back."""
    return models.Dropped(id=article_id, state=_with_dead(here, dead.drop, article_id))


def _with_dead(here: Context, act: dead.Act, article_id: int) -> Any:
    """The state that a dead article is in afterwards."""
    with here.ledger.write() as tx:
        done = act(tx, here.clock(), dead.Which(ids=[article_id]))
        row = articles.one(tx, article_id)
    if row is None:
        raise HTTPException(404, f"There is no article {article_id}.")
    if not done:
        raise HTTPException(409, f"Article {article_id} is not dead but {row['state']}.")
    return row["state"]


@probes.head("/healthz", include_in_schema=False)
@probes.get("/healthz")
async def healthz() -> models.Alive:
    """This process answers; it looks at nothing else."""
    return models.Alive()


@probes.head("/readyz", include_in_schema=False)
@probes.get("/readyz", responses={**GUARDED, 503: {"model": models.Readiness, "description": "One of them is away"}})
def readyz(here: Here, response: Response) -> models.Readiness:
    """Whether the ledger and Redis answer, each by name; and when each service last got on."""
    found = models.Readiness(
        ready=False, ledger=_check_ledger(here), redis=_check_redis(here), progress=_progress(here)
    )
    found.ready = found.ledger.ok and found.redis.ok
    response.status_code = 200 if found.ready else 503
    return found


def _check_ledger(here: Context) -> models.Check:
    try:
        with here.ledger.read() as tx:
            events.last_position(tx)
    except LedgerError as error:
        return models.Check(ok=False, detail=str(error))
    except SQLAlchemyError as error:
        return models.Check(ok=False, detail=f"the ledger answers with an error ({type(error).__name__})")
    return models.Check(ok=True, detail="answers")


def _progress(here: Context) -> dict[str, float | None] | None:
    try:
        moved = tally.progress(here.redis) if here.redis is not None else None
    except RedisError:
        return None
    if moved is None:
        return None
    moment = here.clock().timestamp()
    return {name: round(max(0.0, moment - moved[name]), 1) if name in moved else None for name in metrics.SERVICES}


def _check_redis(here: Context) -> models.Check:
    where = mask(here.settings.valkey_url)
    if here.redis is None:
        return models.Check(ok=False, detail="no Redis is configured for this service; set SLUGLINE_REDIS_URL")
    try:
        here.redis.ping()
    except (ClientError, OSError) as error:
        return models.Check(ok=False, detail=f"Redis at {where} does not answer ({error})")
    return models.Check(ok=True, detail="answers")
