"""`python -m tests.chaos [--seed N] [--articles N] …`: the long run; its exit code says whether anything was lost."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--articles", type=int, default=3000, help="at least so many")
    parser.add_argument("--rounds", type=int, default=3, help="times that each fault is met")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long faults last that last")
    parser.add_argument("--only", action="append", help="faults with this in their names; may be given several times")
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends as well
    print(f"seed {given.seed}", flush=True)  # noqa: T201
    report = run(
        given.seed,
        given.articles,
        given.seconds,
        rounds=given.rounds,
        only=given.only or [""],
        postgresql=given.postgresql,
    )
    print("\n".join(report.lines()))  # noqa: T201
    return bool(report.problems)


if __name__ == "__main__":
    sys.exit(main())
