"""The declarations: by Prometheus' conventions, bounded, with a meaning each, and abreast of what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import metrics
from pipeline.articles import reject
from pipeline.metrics import EVERY, OTHER, Metric

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("metric", EVERY.values(), ids=lambda metric: metric.name)
def test_each_is_named_as_prometheus_wants_and_says_what_it_means(metric: Metric) -> None:
    assert re.fullmatch(r"slugline_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.unit
    assert metric.meaning.endswith(".")
    assert "seconds" not in metric.unit or "_seconds" in metric.name
    for name, values in metric.labels.items():
        assert name != "le"
        assert len(values) == len(set(values)) > 0


def test_there_are_no_more_series_than_a_small_prometheus_takes_lightly() -> None:
    assert metrics.series_count() < 700


def test_wrong_label_names_are_a_mistake_and_unforeseen_values_are_not() -> None:
    with pytest.raises(ValueError, match="outcome"):
        metrics.POLLS.values({"result": "read"})
    assert metrics.POLLS.values({"outcome": "never heard of"}) == (OTHER,)


def test_every_reason_in_the_code_has_its_class() -> None:
    """A new reason in the code would count as `other` without a word."""
    said: set[str] = set()
    for folder in ("pipeline/http", "pipeline/feeds"):
        for file in (ROOT / folder).glob("*.py"):
            said |= set(
                re.findall(r'(?:Fetch|Feed)Error\([^()]*(?:\([^()]*\)[^()]*)*reason="([a-z0-9-]+)"', file.read_text())
            )
    assert len(said) > 10
    assert {reason for reason in said if metrics.class_of(reason) == OTHER} == set()


def test_every_rejection_in_the_code_is_known() -> None:
    said = set(re.findall(r'reason="([a-z-]+)"', Path(reject.__file__).read_text()))
    said |= set(re.findall(r'return "([a-z-]+)", "', Path(reject.__file__).read_text()))
    said |= {reason for _, reason in (*reject._MAGIC, *reject._TYPES)}
    assert len(said) > 10
    assert said - set(metrics.REJECTIONS) == set()


def test_each_that_is_declared_is_told() -> None:
    """One that is in neither list would be counted and never shown."""
    assert {one.name for one in vars(metrics).values() if isinstance(one, metrics.Metric)} == set(metrics.EVERY)
