"""`/metrics` in Prometheus' text format, made of what was measured; every metric as `pipeline.metrics` declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from pipeline import metrics
from pipeline.tally import INFINITE, Read, Spread
from workers.web.api import GUARDED
from workers.web.context import Context, Here
from workers.web.measure import Measured

router = APIRouter(tags=["probes"])


@router.get("/metrics", response_class=Response, responses={**GUARDED, 200: {"content": {"text/plain": {}}}})
def metrics_page(here: Here) -> Response:
    """Everything that is measured and counted, in Prometheus' text format. Of a ledger or Redis that does not answer
    only that is told."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Once(here))
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Once(Collector):
    """Collects for one answer."""

    def __init__(self, here: Context) -> None:
        self._here = here

    def collect(self) -> Iterator[Metric]:
        found = self._here.measure(self._here.clock())
        yield _gauge(
            metrics.UP, {("ledger",): float(found.ledger is not None), ("redis",): float(found.redis is not None)}
        )
        yield _gauge(metrics.INFO, {("sqlite" if self._here.ledger.is_sqlite else "postgresql",): 1.0})
        yield from _of_ledger(found)
        yield from _of_redis(found)


def _of_ledger(found: Measured) -> Iterator[Metric]:
    known = found.ledger
    if known is None:
        return
    standing = {(state, where): float(n) for state, held in known.articles.items() for where, n in held.items()}
    yield _gauge(metrics.ARTICLES, standing)
    yield _gauge(metrics.OLDEST_SECONDS, _single(known.oldest))
    yield _gauge(metrics.EXPIRED, {(): float(known.expired)})
    yield _gauge(metrics.DEAD_NOW, _single(known.dead))
    yield _gauge(metrics.FEEDS, _single(known.feeds))
    troubles = {"failing": known.failing, "silent": known.silent, "overdue": known.overdue}
    yield _gauge(metrics.FEEDS_TROUBLED, _single(troubles))
    yield _gauge(metrics.STORYLINES, _single(known.storylines))
    yield _gauge(metrics.COMMANDS, {(): float(known.commands)})
    if found.lag is not None:
        yield _gauge(metrics.UNPUBLISHED, {(): float(found.lag[0])})
        yield _gauge(metrics.RELAY_LAG, {(): found.lag[1]})


def _of_redis(found: Measured) -> Iterator[Metric]:
    known = found.redis
    if known is None:
        return
    yield _gauge(metrics.JOBS, _single(known.jobs))
    yield _gauge(metrics.WORKERS, _single(known.workers))
    yield _gauge(metrics.REDIS_BYTES, {(): float(known.used)})
    if known.most:
        yield _gauge(metrics.REDIS_MOST, {(): float(known.most)})
    pressed = {hold.limit: max(hold.stages.values(), default=0.0) for hold in known.held}
    yield _gauge(metrics.HELD_BACK, _single(pressed))
    moved = {(name,): at for name, at in known.counted.progress.items() if name in metrics.SERVICES}
    yield _gauge(metrics.PROGRESS, moved, absent=True)
    yield from _counted(known.counted)


def _counted(counted: Read) -> Iterator[Metric]:
    for metric, series in counted.counters.items():
        counter = CounterMetricFamily(metric.name, metric.meaning, labels=list(metric.labels))
        for labels, value in series.items():
            counter.add_metric(labels, value)
        yield counter
    for metric, spreads in counted.histograms.items():
        histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=list(metric.labels))
        for labels, spread in spreads.items():
            histogram.add_metric(labels, _cumulated(metric, spread), spread.total)
        yield histogram


def _cumulated(metric: metrics.Metric, spread: Spread) -> list[Any]:
    buckets, reached = [], 0
    for bound, hits in zip((*metric.buckets, None), spread.hits, strict=True):
        reached += hits
        buckets.append([INFINITE if bound is None else str(bound), reached])
    return buckets


def _gauge(metric: metrics.Metric, values: Mapping[Any, float], *, absent: bool = False) -> GaugeMetricFamily:
    """A gauge with each of its series: at 0 where there is no value, unless those are to be `absent`. Values of labels
    that were not foreseen are added up as `other`."""
    gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=list(metric.labels))
    known = {} if absent else dict.fromkeys(metric.every(), 0.0)
    for labels, value in values.items():
        place = metric.values(dict(zip(metric.labels, labels, strict=True)))
        known[place] = known.get(place, 0.0) + value
    if metric is metrics.INFO:
        known = {place: value for place, value in known.items() if value}
    for labels, value in known.items():
        gauge.add_metric(labels, value)
    return gauge


def _single(values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): float(value) for name, value in values.items()}
