"""The demo wire's HTTP site: all outlets in one ASGI application, told apart by the Host header.

It behaves as a good publisher's server does: validators on everything that is text, 304 to a conditional request
(RFC 9110, section 13), gzip when asked, 404 for what is not out yet, 410 for what is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from workers.demo.clock import CUT_HOURS, DURATION, schedule
from workers.demo.feeds import CONTENT_TYPES, feed_body
from workers.demo.journal import Journal
from workers.demo.pages import PageWriter
from workers.demo.receiver import PATH as ALERTS
from workers.demo.receiver import Receiver
from workers.demo.world import Item, Outlet, World, feed_paths, feed_urls, labels

Clock = Callable[[], datetime]

ROBOTS = "User-agent: *\nDisallow: /wire/\nDisallow: /login\nDisallow: /subscribe\n"


def utc_now() -> datetime:
    """Return the present moment, timezone-aware."""
    return datetime.now(UTC)


class DemoSite:
    """The world as served on one port from one start; `clock` is asked at each request.

    With `polls_within` the later stories come out only after every feed was asked for once, or after so much time:
    what a first poll brings is a backlog, which rings nobody, and without these stories nothing would be news. With a
    `journal` a restart goes on with that, and alerts are received.
    """

    def __init__(
        self,
        world: World,
        *,
        port: int,
        start: datetime,
        duration: float = DURATION,
        cut_hours: float = CUT_HOURS,
        clock: Clock = utc_now,
        polls_within: timedelta | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._world = world
        self._port = port
        self._start = start
        self._clock = clock
        self._pages = PageWriter(world, port)
        self._journal = journal
        self._unpolled = {(outlet.key, path) for outlet in world.outlets.values() for path in feed_paths(outlet)}
        self._until = start + polls_within if polls_within is not None and duration > 0 else start
        self._plan = partial(schedule, world, start=start, cut_hours=cut_hours, duration=duration)
        self._schedule = [(item, published) for item, published in self._plan() if item.hours <= cut_hours]
        self._live: datetime | None = None
        if journal is not None and journal.live is not None:
            self._go_live(journal.live)
        elif self._until <= start:
            self._go_live(start)

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/wire/state", self._state),
                Route("/wire/labels", self._labels),
                *([Route(ALERTS, Receiver(self._journal).take, methods=["POST"])] if self._journal else []),
                Route("/robots.txt", self._robots),
                Route("/media/{number:int}.svg", self._picture),
                Route("/{path:path}", self._outlet),
            ],
            middleware=[Middleware(GZipMiddleware, minimum_size=500)],
        )

    def state(self) -> dict[str, object]:
        """Return what `/wire/state` says: whether everything is out, how much is, and where the feeds are."""
        out = self._released()
        ends = max((published for _, published in self._schedule), default=self._start)
        return {
            "ended": len(out) == len(self._world.items),
            "released": len(out),
            "total": len(self._world.items),
            "articles": len(self._world.articles),
            "outlets": len(self._world.outlets),
            "stories": len({item.story for item in self._world.articles}),
            "started": self._start.isoformat(),
            "live": self._live.isoformat() if self._live else None,  # None: not every feed was polled yet
            "ends": ends.isoformat() if self._live else None,
            "alerts": self._journal.alerts if self._journal else 0,
            "feeds": feed_urls(self._world, self._port),
            "labels_url": f"http://localhost:{self._port}/wire/labels",
        }

    def _released(self, outlet: Outlet | None = None) -> list[tuple[Item, datetime]]:
        now = self._clock()
        if self._live is None and now >= self._until:
            self._go_live(now)
        return [
            (item, published)
            for item, published in self._schedule
            if published <= now and (outlet is None or item.outlet == outlet.key)
        ]

    def _go_live(self, moment: datetime) -> None:
        """From now on the later stories come out."""
        self._live, self._schedule = moment, self._plan(live=moment)
        if self._journal is not None and self._journal.live is None:
            self._journal.go_live(moment)

    def _polled(self, outlet: Outlet, path: str) -> None:
        self._unpolled.discard((outlet.key, path))
        if self._live is None and not self._unpolled:
            self._go_live(self._clock())

    async def _state(self, request: Request) -> Response:
        return JSONResponse(self.state(), headers={"Cache-Control": "no-store"})

    async def _labels(self, request: Request) -> Response:
        return JSONResponse(labels(self._world, self._port))

    async def _robots(self, request: Request) -> Response:
        return PlainTextResponse(ROBOTS)

    async def _picture(self, request: Request) -> Response:
        hue = request.path_params["number"] % 360
        drawing = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9">'
            f'<rect width="16" height="9" fill="hsl({hue} 40% 70%)"/><circle cx="12" cy="3" r="1.5" fill="#fff"/></svg>'
        )
        return _validated(request, drawing.encode(), "image/svg+xml", self._start)

    async def _outlet(self, request: Request) -> Response:
        name = request.headers.get("host", "").partition(":")[0].lower()
        outlet = self._world.outlets.get(name.removesuffix(".localhost"))
        if outlet is None:
            if request.url.path == "/":
                return Response(self._pages.index(), media_type="text/html; charset=utf-8")
            return _missing(f"There is no outlet {name!r} on this wire.")
        path, out = request.url.path, self._released(outlet)
        modified = max((published for _, published in out), default=self._start)
        if path in feed_paths(outlet):
            section = path == outlet.feed.section_path
            body = feed_body(self._pages.environment, outlet, out, port=self._port, section=section)
            self._polled(outlet, path)
            return _validated(request, body, _content_type(outlet, CONTENT_TYPES[outlet.feed.format]), modified)
        item = self._world.find(outlet.key, path, request.url.query)
        if item is not None:
            return self._item(request, outlet, item, out)
        if path == "/":
            return _validated(request, self._pages.listing(outlet, outlet.tagline, out), _html(outlet), modified)
        return _missing("There is no such page here.")

    def _item(self, request: Request, outlet: Outlet, item: Item, out: list[tuple[Item, datetime]]) -> Response:
        published = {other.id: moment for other, moment in out}.get(item.id)
        if published is None or item.kind == "not-found":
            return _missing("There is no such page here.")
        if item.kind == "gone":
            return PlainTextResponse("This page has been taken away for good.", status_code=410)
        modified = out[-1][1]  # a page changes when its sidebars do
        if item.kind == "pdf":
            return _validated(request, pdf(item.title), "application/pdf", published)
        if item.kind == "section-front":
            articles = [pair for pair in out if pair[0].kind == "article"]
            return _validated(request, self._pages.listing(outlet, item.title, articles), _html(outlet), modified)
        return _validated(request, self._pages.article(item, published, out), _html(outlet), modified)


def _html(outlet: Outlet) -> str:
    return _content_type(outlet, "text/html")


def _content_type(outlet: Outlet, kind: str) -> str:
    """Name the charset in the header only where it is UTF-8: servers of old sites leave it to the document."""
    return f"{kind}; charset=utf-8" if outlet.charset == "utf-8" else kind


def _missing(text: str) -> Response:
    return PlainTextResponse(text, status_code=404)


def _validated(request: Request, body: bytes, content_type: str, modified: datetime) -> Response:
    """Return a body with its validators, or 304 when the request shows that its sender has it.

    The tag is a weak one, since gzip changes the bytes (RFC 9110, 8.8.1). If-Modified-Since counts only where there
    is no If-None-Match (13.1.3).
    """
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(modified.astimezone(UTC), usegmt=True),
        "Cache-Control": "no-cache",
        "Content-Type": content_type,
    }
    if _unchanged(request, tag, modified):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Last-Modified")})
    return Response(body, headers=headers)


def _unchanged(request: Request, tag: str, modified: datetime) -> bool:
    asked = request.headers.get("if-none-match")
    if asked is not None:
        opaque = tag.removeprefix("W/")
        return asked.strip() == "*" or opaque in (part.strip().removeprefix("W/") for part in asked.split(","))
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return modified.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):  # an unreadable date is ignored; a naive one cannot be compared
        return False


def pdf(title: str) -> bytes:
    """Return a PDF of one page with one line, enough for any reader to open (ISO 32000-1, 7.5)."""
    safe = title.encode("latin-1", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    stream = b"BT /F1 24 Tf 72 720 Td (" + safe + b") Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return body + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
