"""The pages of the feeds: their list, each of them, and the forms that add, change and remove them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from pipeline.errors import FetchError, InputError, SluglineError
from pipeline.feeds import opml
from pipeline.feeds.addresses import feed_url
from pipeline.ledger import feed_list, feeds, rhythms, subscriptions
from pipeline.ledger.feed_list import Choice, NewFeed
from pipeline.records import Feed, FeedState
from pipeline.settings import Settings
from pipeline.urls import mask
from workers import feedview
from workers.web import discovery, feedrows, forms, pages, plots, queries, show
from workers.web.context import MAX_ID, Context, Here
from workers.web.feeds import ORDER
from workers.web.forms import Sent
from workers.web.guard import BODY_BYTES

LISTED = 50  # feeds on a page
TAGS, TAG_CHARS, TITLE_CHARS = 50, 64, 300
IMPORTED_BYTES = opml.MAX_BYTES + BODY_BYTES
Show = Literal["all", "trouble", "silent", "paused", "gone"]
TABS = (("all", "All"), ("trouble", "In trouble"), ("silent", "Silent"), ("paused", "Paused"), ("gone", "Gone"))
DONE = {
    "added": "It is polled at once.",
    "paused": "It is paused: it is not polled until you resume it.",
    "resumed": "It is polled again, at once.",
    "polled": "It is due now; the poller takes it up within seconds.",
    "changed": "Its title and tags are as you gave them.",
}

router = APIRouter(include_in_schema=False, max_body_size=IMPORTED_BYTES)
Text = Annotated[str, Query(max_length=300, pattern="^[^\\x00]*$")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the list is asked for."""

    show: Show = "all"
    q: str = ""
    host: str = ""
    tag: str = ""
    after: int = 0

    def choice(self) -> Choice:
        state = FeedState(self.show) if self.show in ("paused", "gone") else None
        trouble, silent = self.show == "trouble", self.show == "silent"
        return Choice(state=state, trouble=trouble, silent=silent, tag=self.tag, host=self.host, text=self.q)

    def address(self, **changes: Any) -> str:
        """The list with something else asked for; without changes, its first page."""
        other = replace(self, **{"after": 0} | changes)
        given = {name: getattr(other, name) for name in ("show", "q", "host", "tag")}
        if other.after:
            given["cursor"] = queries.encode(ORDER, other.after, other.after)
        plain = {name: value for name, value in given.items() if value and value != "all"}
        return f"/feeds?{urlencode(plain)}" if plain else "/feeds"


@dataclass(frozen=True, slots=True)
class Adding:
    """How the forms that add feeds stand: what was typed, what is wrong with it, what came of it."""

    address: str = ""
    tags: str = ""
    wrong: str = ""
    wrong_list: str = ""
    said: str = ""
    remarks: list[str] = field(default_factory=list)


async def _sent(request: Request, most: int = BODY_BYTES) -> Sent:
    content = await forms.body(request.receive, most)
    if content is None:
        raise HTTPException(413, f"The form has more than {most:,} bytes.")
    return await run_in_threadpool(forms.read, content, request.headers.get("content-type", ""))


@router.api_route("/feeds", methods=["GET", "HEAD"])
def listed(
    request: Request,
    here: Here,
    show: Show = "all",
    q: Text = "",
    host: Text = "",
    tag: Text = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    removed: bool = False,
) -> Response:
    """The feeds that are asked for, page by page, in the order in which they were added."""
    after = queries.decode(ORDER, cursor)[1] if cursor else 0
    asked = Asked(show, q.strip(), host.strip().lower(), tag.strip(), after)
    return _list(request, here, asked, Adding(said="The feed was removed; its articles stay." if removed else ""))


def _list(request: Request, here: Context, asked: Asked, adding: Adding, status: int = 200) -> Response:
    now = here.clock()
    with here.ledger.read() as tx:
        found = feed_list.chosen(tx, asked.choice(), after=asked.after, limit=LISTED + 1)
        count, standings = feed_list.count(tx, asked.choice()), feed_list.standings(tx)
    kept = found[:LISTED]
    values: dict[str, Any] = {
        "rows": [feedrows.row(feed, now) for feed in kept],
        "count": count,
        "onward": asked.address(after=kept[-1].id) if len(found) > LISTED else "",
        "asked": asked,
        "tabs": [(name, label, standings[name], asked.address(show=name)) for name, label in TABS],
        "total": standings["all"],
        "adding": adding,
    }
    return pages.render(request, "feeds.html", now, status, **values)


@router.post("/feeds/add")
async def add(request: Request, here: Here) -> Response:
    """Watch a feed from now on, and show it."""
    return await run_in_threadpool(_add, request, here, await _sent(request))


def _add(request: Request, here: Context, sent: Sent) -> Response:
    """One address, or those that were chosen of a search."""
    chosen = [one for one in sent.fields.get("url", []) if one.strip()]
    given = chosen or [sent.get("address")]
    adding = Adding(sent.get("address"), sent.get("tags"))
    try:
        tags = _tags(adding.tags)
        wanted = [NewFeed(_address(here.settings, one), tags=tags) for one in given]
    except SluglineError as error:
        wrong = f"{show.first_upper(str(error))} Nothing was added."
        return _list(request, here, Asked(), replace(adding, wrong=wrong), 422)
    with here.ledger.write() as tx:
        added = feed_list.add_many(tx, wanted, here.clock())
    if len(wanted) > 1:
        return _list(request, here, Asked(), Adding(said=_counted(len(added.new), len(added.known))))
    if added.new:
        return RedirectResponse(f"/feeds/{next(iter(added.new.values()))}?done=added", 303)
    wrong = f"{mask(wanted[0].url)} is there already, as feed {next(iter(added.known.values()))}."
    return _list(request, here, Asked(), replace(adding, wrong=wrong), 409)


def _address(settings: Settings, text: str) -> str:
    """Raises InputError or FetchError when this is no address of a feed that may be asked."""
    if not text:
        raise InputError("the address is empty; give that of a feed, or of a site that has one")
    if "\0" in text or len(text) > 2000:
        raise InputError("the address is too long, or holds what no address does")
    url = feed_url(text)
    settings.block_list.refuse(url)
    return url


def _tags(text: str) -> tuple[str, ...]:
    """Tags parted by commas. Raises InputError for too many or too long ones."""
    found = tuple(dict.fromkeys(" ".join(part.split()) for part in text.replace("\0", "").split(",") if part.strip()))
    if len(found) > TAGS or any(len(one) > TAG_CHARS for one in found):
        raise InputError(f"give at most {TAGS} tags of {TAG_CHARS} characters each, parted by commas")
    return found


def _counted(new: int, known: int) -> str:
    there = f"; {show.counted(known, 'was', 'were')} there already" if known else ""
    return f"{show.counted(new, 'feed was', 'feeds were')} added{there}."


@router.post("/feeds/discover")
async def discover(request: Request, here: Here) -> Response:
    """The feeds of a site, to be chosen from."""
    sent = await _sent(request)
    adding = Adding(sent.get("address"), sent.get("tags"))
    looking: set[str] = request.app.state.looking
    if looking:
        wrong = "Another search is under way. Try again when it is done, within two minutes."
        return await run_in_threadpool(_list, request, here, Asked(), replace(adding, wrong=wrong), 429)
    looking.add(adding.address)
    try:
        url = _address(here.settings, adding.address)
        found = await discovery.search(here.settings, adding.address)
    except (InputError, FetchError, SluglineError) as error:
        wrong = show.first_upper(str(error))
        return await run_in_threadpool(_list, request, here, Asked(), replace(adding, wrong=wrong), 422)
    finally:
        looking.clear()
    now = here.clock()
    return pages.render(request, "found.html", now, search=found, adding=adding, site=mask(url))


@router.post("/feeds/import")
async def import_list(request: Request, here: Here) -> Response:
    """Add the feeds of an OPML file, or of a list of addresses."""
    return await run_in_threadpool(_import, request, here, await _sent(request, IMPORTED_BYTES))


def _import(request: Request, here: Context, sent: Sent) -> Response:
    name, content = sent.files.get("file", ("", b""))
    try:
        if not content.strip():
            raise InputError(f"{name} is empty" if name else "no file was chosen")
        outlines, remarks = opml.read_any(content, source=name or "the file")
    except SluglineError as error:
        wrong = f"{show.first_upper(str(error))} Nothing was added."
        return _list(request, here, Asked(), Adding(wrong_list=wrong), 422)
    with here.ledger.write() as tx:
        added = feed_list.add_many(tx, (NewFeed(one.url, one.title, one.tags) for one in outlines), here.clock())
    said = f"{name or 'The file'}: {_counted(len(added.new), len(added.known))}"
    return _list(request, here, Asked(), Adding(said=said, remarks=remarks))


@router.api_route("/feeds/{reference}", methods=["GET", "HEAD"])
def one_feed(request: Request, here: Here, reference: str, done: Text = "") -> Response:
    """All that is known of a feed."""
    with here.ledger.read() as tx:
        return _page(request, here, tx, _feed(tx, reference), said=DONE.get(done, ""))


def _feed(tx: Connection, reference: str) -> Feed:
    known = reference.isascii() and reference.isdecimal() and int(reference[:20]) <= MAX_ID
    found = feeds.find(tx, reference) if known else None
    if found is None:
        raise HTTPException(404, "There is no such feed.")
    return found


def _page(
    request: Request, here: Context, tx: Connection, feed: Feed, *, said: str = "", wrong: str = "", **typed: str
) -> Response:
    now = here.clock()
    times = rhythms.came(tx, feed.id, feedrows.since(now))
    values: dict[str, Any] = {
        "feed": feedrows.row(feed, now),
        "link": show.link(mask(feed.url)),
        "problems": [mask(problem) for problem in feed.problems],
        "facts": feedrows.facts(feed, subscriptions.of_feed(tx, feed.id), now),
        "remembered": feedrows.remembered_facts(feed, now),
        "rhythm": plots.rhythm(times, now),
        "silence": feedview.silence(feed, now),
        "said": said,
        "wrong": wrong,
        "typed": {"title": feed.title, "tags": ", ".join(feed.tags)} | typed,
    }
    return pages.render(request, "feed.html", now, 422 if wrong else 200, **values)


@router.post("/feeds/{reference}/{action}")
async def act(
    request: Request, here: Here, reference: str, action: Literal["pause", "resume", "poll", "change", "remove"]
) -> Response:
    """Do something to a feed, and show it."""
    return await run_in_threadpool(_act, request, here, reference, action, await _sent(request))


def _act(request: Request, here: Context, reference: str, action: str, sent: Sent) -> Response:
    now: datetime = here.clock()
    with here.ledger.write() as tx:
        feed = _feed(tx, reference)
        if action == "remove":
            feeds.remove(tx, feed.id, now)
            return RedirectResponse("/feeds?removed=1", 303)
        if action == "change":
            return _change(request, here, tx, feed, sent)
        if action == "poll":
            if not feed_list.make_due(tx, feed.id, now):
                wrong = f"It is {feed.state}, so it is not polled; resume it first."
                return _page(request, here, tx, feed, wrong=wrong)
        else:
            feeds.set_state(tx, feed.id, FeedState.PAUSED if action == "pause" else FeedState.ACTIVE, now)
    done = {"pause": "paused", "resume": "resumed", "poll": "polled"}[action]
    return RedirectResponse(f"/feeds/{feed.id}?done={done}", 303)


def _change(request: Request, here: Context, tx: Connection, feed: Feed, sent: Sent) -> Response:
    title = " ".join(sent.get("title").replace("\0", "").split())
    try:
        tags = _tags(sent.get("tags"))
        if len(title) > TITLE_CHARS:
            raise InputError(f"a title has at most {TITLE_CHARS} characters")
    except InputError as error:
        wrong = f"{show.first_upper(str(error))} Nothing was changed."
        return _page(request, here, tx, feed, wrong=wrong, title=title, tags=sent.get("tags"))
    feed_list.change(tx, feed.id, title=title, tags=tags)
    return RedirectResponse(f"/feeds/{feed.id}?done=changed", 303)
