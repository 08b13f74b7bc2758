"""A process that is asked to stop stops, whatever it is doing at that moment."""

from __future__ import annotations

import subprocess
import sys
import threading

from workers.process import Stop

# It is asked to stop again and again, at any point of a wait, and each time anew.
ASKED_OVER_AND_OVER = """
import os, signal
from workers.process import Stop
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
stop = Stop.on_signals()
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
for _ in range(20_000):
    stop = Stop.on_signals()
    stop.wait(0.000001)
    stop.is_set()
signal.setitimer(signal.ITIMER_REAL, 0)
os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(60)
print("stopped")
"""


def test_a_signal_at_any_moment_is_heard_and_locks_nothing_up() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASKED_OVER_AND_OVER], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.stdout, ran.returncode) == ("stopped\n", 0), ran.stderr


def test_all_who_wait_wake_up() -> None:
    stop, woken = Stop(), []
    waiting = [threading.Thread(target=lambda: woken.append(stop.wait(60))) for _ in range(3)]
    for one in waiting:
        one.start()
    stop.set()
    for one in waiting:
        one.join(60)
    assert woken == [True, True, True]
    assert stop.wait(60)


def test_a_wait_that_nobody_ends_ends_by_itself() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    assert not stop.wait(-1.0)
