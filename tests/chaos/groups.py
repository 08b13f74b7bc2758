"""Groups of workers, as on machines of their own, on one PostgreSQL and one Valkey: who did how much, and that nothing
was done twice.

    python -m tests.chaos.groups --groups 1 2 4 --articles 400

The first group is `slugline up`; each further one has a fetch and an embed worker, in a session of its own, that know
the stores by their URLs only. Pages take their time to come, so that more fetch workers are of use on a small machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rq import Worker
from rq.serializers import JSONSerializer

from tests.chaos.machine import ROOT, SETTINGS, Machine
from tests.chaos.press import printing
from tests.chaos.run import database, finish
from tests.chaos.verify import Reader, problems

WORKERS = (("worker", "fetch"), ("worker", "embed"))
START_SECONDS = 90.0
SECONDS = 600.0
PAGE_SECONDS = 1.0  # a slow outlet


def run(groups: int, count: int, seed: int) -> tuple[float, dict[str, int], list[str]]:
    """Have `count` articles filed by so many groups. Returns the seconds it took once all workers were there, how many
    jobs each group did, and what does not hold (`verify.problems`)."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slugline-groups-")))
        press = stack.enter_context(printing(seed, page_seconds=PAGE_SECONDS))
        machine = Machine(folder, press, stack.enter_context(database()))
        stack.callback(machine.close)
        machine.start()
        pids = {machine.run.process.pid: "group 1"}
        for number in range(2, groups + 1):
            for process in stack.enter_context(_group(machine, folder / f"group-{number}")):
                pids[process.pid] = f"group {number}"
        _wait(
            lambda: sum(_jobs(machine, pids).values()) >= 0 and len(_present(machine)) >= 2 * groups + 1, START_SECONDS
        )
        reader = Reader(machine)
        reader.start()
        stack.callback(reader.end)
        began = time.monotonic()
        press.publish(count)
        _wait(lambda: machine.filed() >= count, SECONDS)
        seconds = time.monotonic() - began
        finish(machine, press, reader)
        return seconds, dict(_jobs(machine, pids)), problems(machine, press, reader)


@contextlib.contextmanager
def _group(machine: Machine, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    folder.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith("SLUGLINE_")}
    env |= {f"SLUGLINE_{name}": value for name, value in SETTINGS.items()}
    env |= {"SLUGLINE_DATABASE_URL": machine.ledger_url, "SLUGLINE_REDIS_URL": machine.valkey_url}
    env |= {"SLUGLINE_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        made = [
            subprocess.Popen(
                [sys.executable, "-m", "workers.cli", *words],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            for words in WORKERS
        ]
        try:
            yield made
        finally:
            for process in made:
                process.send_signal(signal.SIGTERM)
            for process in made:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                process.kill()
                process.wait()


def _present(machine: Machine) -> list[Worker]:
    with contextlib.closing(machine.redis()) as client:
        return list(Worker.all(connection=client, serializer=JSONSerializer))


def _jobs(machine: Machine, pids: dict[int, str]) -> Counter[str]:
    """Jobs done, by group: a worker that no other group started is one of the first."""
    done: Counter[str] = Counter()
    for worker in _present(machine):
        done[pids.get(worker.pid or 0, "group 1")] += worker.successful_job_count
    return done


def _wait(done: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--articles", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found: list[str] = []
    print("| groups | articles | seconds | jobs done by each | what does not hold |\n|---|---|---|---|---|")  # noqa: T201
    for groups in given.groups:
        seconds, jobs, wrong = run(groups, given.articles, given.seed)
        shares = ", ".join(str(jobs.get(f"group {number}", 0)) for number in range(1, groups + 1))
        held = "; ".join(wrong) or "nothing"
        print(f"| {groups} | {given.articles} | {seconds:.0f} | {shares} | {held} |", flush=True)  # noqa: T201
        found += wrong
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
