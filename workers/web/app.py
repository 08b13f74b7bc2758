"""The web service put together, and the process that serves it."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis as redis_client
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from redis.backoff import NoBackoff
from redis.retry import Retry
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pipeline.errors import InputError, LedgerError, RedisError, UsageError
from pipeline.ledger import Ledger, open_ledger
from pipeline.settings import Settings
from pipeline.urls import mask
from workers import logs
from workers.meaning import Meaning
from workers.process import now as utc_now
from workers.process import release
from workers.web import (
    api,
    changes,
    corrections,
    eventlog,
    exposed,
    feedpages,
    feeds,
    listing,
    login,
    opspages,
    pages,
    rules,
    searching,
    sinkpages,
    sinks,
    websub,
)
from workers.web.context import MANY, ONE, Context
from workers.web.door import Door
from workers.web.guard import HUB_PATH, Guard
from workers.web.headers import Headers
from workers.web.measure import Measure
from workers.web.streams import Streams

log = logs.get("web")
REDIS_SECONDS = 2.0  # a page or probe does not wait longer for Redis
STOP_SECONDS = 5  # what is being answered may take so long after SIGTERM
JSON_PATHS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json")
TAGS = [
    {"name": "storylines", "description": "What the coverage is about; the clusterer alone changes them."},
    {"name": "articles", "description": "Coverage, one version of a text at a time."},
    {"name": "feeds", "description": "What is watched."},
    {"name": "operations", "description": "What waits, and what was given up."},
    {"name": "rules", "description": "What rings: alert rules, tried on the last days before they are saved."},
    {"name": "sinks", "description": "Where events and alerts are sent, and what became of each delivery."},
    {"name": "events", "description": "The log of what happened, replayable by position."},
    {"name": "probes", "description": "For supervisors and load balancers."},
]


class _Service(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """The headers go around what answers a bug too, which no other middleware does."""
        return Headers(super().build_middleware_stack())


def create_app(
    settings: Settings,
    ledger: Ledger,
    redis: redis_client.Redis | None,
    *,
    local_only: bool = True,
    clock: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """Make the ASGI application. The caller keeps `ledger` and `redis` and closes them.

    `local_only` says that the socket is bound to loopback: then, unless a token is set, only host names of this machine
    are answered. `clock` gives the present time, aware and in UTC.
    """
    app = _Service(
        title="Slugline",
        version=release(),
        description="Streaming news ingestion: feeds in, living storylines and events out.",
        openapi_tags=TAGS,
        docs_url=None,  # both viewers load their scripts from another host
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    door = Door(settings.api_token, ledger, clock) if settings.api_token else None
    app.state.context = Context(
        settings=settings,
        ledger=ledger,
        redis=redis,
        clock=clock,
        measure=Measure(ledger, redis),
        meaning=Meaning(ledger, settings.model),
        door=door,
    )
    app.state.streams = Streams(ledger)
    app.state.looking = set()  # for feeds: a search takes a process and up to two minutes, so there is one at a time
    # Lists shrink to a fifth; streams of events are left alone.
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(
        Guard,
        door=door,
        local_only=local_only and not settings.api_token,
        hub_bytes=settings.feed_max_bytes if settings.public_url else 0,
    )
    app.include_router(api.router)
    app.include_router(changes.router)
    app.include_router(feeds.router)
    app.include_router(feeds.lists)
    app.include_router(eventlog.router)
    app.include_router(searching.router)
    app.include_router(rules.router)
    app.include_router(sinks.router)
    app.include_router(api.probes)
    app.include_router(login.router)
    app.include_router(exposed.router)
    app.include_router(listing.router)
    app.include_router(pages.router)
    app.include_router(feedpages.router)
    app.include_router(sinkpages.router)
    app.include_router(opspages.router)
    app.include_router(corrections.router)
    if settings.public_url:
        app.include_router(websub.router())
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(InputError, _bad_input)
    app.add_exception_handler(LedgerError, _ledger_away)
    app.add_exception_handler(Exception, _bug)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _problem(request: Request, status: int, sentence: str, headers: Any = None) -> Response:
    """An error as the one who asked can read it: JSON for programs, a page for people."""
    if request.scope["path"].startswith(JSON_PATHS):
        return JSONResponse({"detail": sentence}, status, headers=headers)
    context: Context = request.app.state.context
    page = pages.render(request, "problem.html", context.clock(), status, code=status, sentence=sentence)
    page.headers.update(headers or {})
    return page


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    sentence = str(error.detail)
    if not isinstance(error, HTTPException):  # the framework's own, such as "Not Found"
        sentence = {404: "There is nothing at this address.", 405: "This address does not take that method."}.get(
            error.status_code, sentence.rstrip(".") + "."
        )
    return _problem(request, error.status_code, sentence, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong, by name; what was given is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", ONE, MANY))
    said = str(first["msg"]).removeprefix("Value error, ")
    return _problem(request, 422, f"{where or 'the request'}: {said}.")


async def _bad_input(request: Request, error: Exception) -> Response:
    return _problem(request, 422, f"{error}.")


async def _ledger_away(request: Request, error: Exception) -> Response:
    log.error("the ledger does not answer", error=str(error))
    return _problem(request, 503, "The ledger does not answer at the moment; /readyz says more.")


async def _bug(request: Request, error: Exception) -> Response:
    log.error("a request failed", path=HUB_PATH.sub("/websub/…", request.scope["path"]), error=repr(error))
    return _problem(request, 500, "Something went wrong here; the log of the web service says what.")


def bind(settings: Settings, host: str, port: int) -> socket.socket:
    """Take the address, listening; whoever connects from now on is answered as soon as somebody serves.

    Raises UsageError, with the way out, when the address cannot be had, or when it is reachable from other machines
    and no token guards it.
    """
    addresses = _resolve(host, port)
    family, place = addresses[0]
    if not settings.api_token and not is_loopback(str(place[0])):
        raise UsageError(
            f"the web service would be reachable from other machines on {host}; set SLUGLINE_API_TOKEN, "
            "or leave --host at 127.0.0.1"
        )
    # The protocol is named: asyncio turns Nagle's algorithm off only then, which else holds answers up for 40 ms.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(place)
        taken.listen(256)
    except OSError as error:
        taken.close()
        raise UsageError(_why_not(error, host, port)) from error
    taken.setblocking(False)
    return taken


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    if not 0 <= port <= 65_535:
        raise UsageError(f"there is no port {port}; choose one from 1 to 65535 with --port")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"there is no address for {host!r}; choose one of this machine with --host") from error
    # IPv4 first: localhost is often both, and probes tend to ask 127.0.0.1.
    return sorted(((family, place) for family, _, _, _, place in found), key=lambda each: each[0] != socket.AF_INET)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another one with --port, or stop what listens there"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used without privileges; choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; choose one that is with --host"
    return f"port {port} on {host} cannot be used ({error.strerror}); choose another one with --port"


def is_loopback(address: str) -> bool:
    """Whether this address reaches no other machine. The text of an IP address; anything else counts as reachable."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def connect_redis(settings: Settings) -> redis_client.Redis:
    """A client that has not connected yet: pages and probes work, and say so, while Redis is away.

    Raises RedisError when the URL makes no sense.
    """
    try:
        return redis_client.Redis.from_url(
            settings.valkey_url,
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 1),  # one more try: the server may have closed an idle connection
        )
    except ValueError as error:
        raise RedisError(f"SLUGLINE_REDIS_URL {mask(settings.valkey_url)} cannot be used: {error}") from error


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered then is finished.

    Raises UsageError as `bind` does, LedgerError when the ledger cannot be opened, RedisError on a malformed URL.
    """
    taken = bind(settings, host, port)
    try:
        address, bound = taken.getsockname()[:2]
        ledger = open_ledger(settings.ledger_url)
        try:
            client = connect_redis(settings)
            app = create_app(settings, ledger, client, local_only=is_loopback(address))
            log.info("listening", url=f"http://{f'[{address}]' if ':' in address else address}:{bound}/")
            _run(server(app), taken)
            client.close()
        finally:
            ledger.close()
    finally:
        taken.close()


class _Server(uvicorn.Server):
    """Ends the streams of events first: they would go on for ever, and be waited for."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.close()
        await super().shutdown(sockets)


def server(app: FastAPI) -> uvicorn.Server:
    """uvicorn as this service uses it: quiet, no version in its answers, nothing believed that a proxy says."""
    return _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        ),
        app.state.streams,
    )


def _run(running: uvicorn.Server, taken: socket.socket) -> None:
    """Run until a signal. uvicorn raises it again once it has stopped, which by default would end the process; here
    it has done its work by then."""

    def stop(*_: Any) -> None:
        running.should_exit = True

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        running.run(sockets=[taken])
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
