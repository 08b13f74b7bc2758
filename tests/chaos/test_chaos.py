"""A short run of the chaos that `make chaos` makes of hours: every fault's machinery, a few of the faults."""

from __future__ import annotations

import pytest

from tests.chaos.run import run

SEED = 20_251_130
QUICK = (
    "kill -9 of a fetch work-horse",
    "kill -9 of a parser",
    "kill -9 of the clusterer",
    "kill -9 of the embed worker",
    "kill -9 of the deliverer",
    "kill -9 of Valkey",
    "kill -9 of all",
    "FLUSHALL",
    "ledger locked",
    "disk full",
    "half of the sites",
    "clock -900",
)


@pytest.mark.timeout(400)
def test_a_wire_under_which_things_break_loses_nothing() -> None:
    report = run(SEED, 200, 2.0, only=QUICK, ahead=60)
    assert not report.problems, "\n".join(report.lines())
    assert len(report.recovered) == len(QUICK)
