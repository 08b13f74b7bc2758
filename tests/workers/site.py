"""A web site on loopback that answers as a test says and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Answer:
    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as the site saw it; names of headers are lower-case."""

    path: str
    headers: Mapping[str, str]


Page = Answer | Callable[[Asked], Answer]


@dataclass
class Site:
    """What is at each path (nothing: 404), and what was asked for, in order."""

    port: int
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """`host` may be any name below `localhost`: each is a host of its own and is asked on its own."""
        return f"http://{host}:{self.port}{path}"

    def own_host(self, path: str) -> str:
        """The URL of a page under a host name that no other page has."""
        return self.url(path, f"{path.strip('/').replace('.', '-')}.localhost")

    def requests(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]

    def hang(self, _asked: Asked) -> Answer:
        """A page that does not come before the test is over."""
        self.over.wait(60)
        return Answer("too late")


@contextmanager
def serving() -> Iterator[Site]:
    site = Site(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
            site.asked.append(asked)
            page = site.pages.get(self.path, Answer("not here", 404))
            answer = page if isinstance(page, Answer) else page(asked)
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            with suppress(ConnectionError):  # whoever asked may have gone
                self.send_response(answer.status)
                for name, value in ({"Content-Length": str(len(body))} | dict(answer.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def rss(*links: str, title: str = "A feed", content: Mapping[str, str] | None = None) -> bytes:
    """An RSS feed with an item for each link; `content` is the full text of some."""
    items = "".join(
        f"<item><title>About {escape(link)}</title><link>{escape(link)}</link><guid>{escape(link)}</guid>"
        f"<description>A teaser.</description>"
        f"<content:encoded>{escape((content or {}).get(link, ''))}</content:encoded></item>"
        for link in links
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>{escape(title)}</title><link>https://a.example/</link>{items}</channel></rss>"
    ).encode()
