"""Telling spans to a collector by OTLP over HTTP; imported by `traces` alone, and only when traces are asked for."""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from workers import process

LAST_SECONDS = 2.0  # what the last spans of a process may take: a work-horse ends with its job, and others wait for it
REST_SECONDS = 30.0  # for which nothing is sent after the collector did not take something


class Teller:
    """The same in a worker and in the work-horses forked from it; what sends is made anew in each process, since its
    thread would not survive the fork."""

    def __init__(self, service: str) -> None:
        mine = {"service.name": f"slugline-{service}", "service.namespace": "slugline"}
        mine["service.version"] = process.release()
        self._resource = Resource.create(mine).merge(OTELResourceDetector().detect())  # the environment's names win
        self._rest = _Rest()
        self._ids = _Ids()
        self._lock = threading.Lock()
        self._made: tuple[int, TracerProvider] | None = None  # and the process that it is of

    def tell(
        self,
        name: str,
        ids: tuple[int, int],
        times: tuple[datetime, datetime],
        what: Mapping[str, str | int],
        *,
        first: bool = False,
        below: bool = True,
        error: str = "",
    ) -> None:
        """A span that is over. `ids` are those of its trace and of the trace's first span, which this one is (`first`),
        hangs below, or has nothing to do with."""
        provider = self._provider()
        began, ended = (int(moment.timestamp() * 1e9) for moment in times)
        self._ids.pin(ids[0], ids[1] if first else None)
        span = provider.get_tracer("slugline").start_span(
            name,
            context=_below(provider, name, ids) if below and not first else Context(),
            kind=SpanKind.CONSUMER if "messaging.system" in what else SpanKind.INTERNAL,
            attributes=what,
            start_time=began,
        )
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(max(began, ended))

    def close(self) -> None:
        """Send what this process has left, in `LAST_SECONDS` at most."""
        with self._lock:
            made, self._made = self._made, None
        if made is None or made[0] != os.getpid():
            return
        # In a thread, since the shutdown waits for as long as the collector is waited for.
        last = threading.Thread(target=made[1].shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(LAST_SECONDS)
        if last.is_alive():
            self._rest.begin()

    def _provider(self) -> TracerProvider:
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                provider = TracerProvider(resource=self._resource, id_generator=self._ids, shutdown_on_exit=False)
                provider.add_span_processor(BatchSpanProcessor(_Careful(OTLPSpanExporter(), self._rest)))
                self._made = (os.getpid(), provider)
            return self._made[1]


def _below(provider: TracerProvider, name: str, ids: tuple[int, int]) -> Context:
    """As if another service had told the trace's first span, with the flag that the sampler gives it here, too."""
    sampled = provider.sampler.should_sample(None, ids[0], name).decision is Decision.RECORD_AND_SAMPLE
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(*ids, is_remote=True, trace_flags=flags)), Context())


class _Ids(RandomIdGenerator):
    """Gives the next span of this thread the ids that were pinned."""

    def __init__(self) -> None:
        self._next = threading.local()

    def pin(self, trace: int, span: int | None) -> None:
        self._next.trace, self._next.span = trace, span

    def generate_trace_id(self) -> int:
        trace: int = self._next.trace
        return trace

    def generate_span_id(self) -> int:
        span: int | None = self._next.span
        return super().generate_span_id() if span is None else span


class _Rest:
    """Until when nothing is sent. In memory that work-horses share: each would find out anew that nobody answers, and
    its job would take two seconds longer."""

    def __init__(self) -> None:
        self._until = mmap.mmap(-1, 8)

    def begin(self) -> None:
        self._until[:] = struct.pack("d", time.monotonic() + REST_SECONDS)

    def lasts(self) -> bool:
        (until,) = struct.unpack("d", self._until[:])
        return bool(time.monotonic() < until)


class _Careful(SpanExporter):
    """Leaves a collector alone for a while that did not take something; what would have been sent is dropped."""

    def __init__(self, exporter: SpanExporter, rest: _Rest) -> None:
        self._exporter, self._rest = exporter, rest

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._rest.lasts():
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._rest.begin()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
