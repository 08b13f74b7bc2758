"""A collector of traces: OTLP over HTTP on loopback, as OpenTelemetry describes it."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Told:
    """A span as it arrived, and of which service it is."""

    service: str
    span: Span

    @property
    def said(self) -> dict[str, str | int]:
        return {one.key: one.value.string_value or one.value.int_value for one in self.span.attributes}


@dataclass
class Collector:
    url: str = ""
    told: list[Told] = field(default_factory=list)

    def of(self, article: int) -> list[Told]:
        found = [one for one in self.told if one.said["slugline.article"] == article]
        return sorted(found, key=lambda one: one.span.end_time_unix_nano)


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    made = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
            body = self.rfile.read(int(self.headers["content-length"]))
            for of in ExportTraceServiceRequest.FromString(body).resource_spans:
                (name,) = [one.value.string_value for one in of.resource.attributes if one.key == "service.name"]
                made.told.extend(Told(name, span) for scope in of.scope_spans for span in scope.spans)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield made
        finally:
            server.shutdown()
