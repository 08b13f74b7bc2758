"""Keeping a claim while something long is done that cannot be interrupted."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from pipeline.errors import FencedError, LedgerError


@contextlib.contextmanager
def renewed(still: Callable[[datetime], None], moment: datetime, every: float) -> Iterator[Callable[[datetime], None]]:
    """Call `still(time)` every so many seconds from a thread, and give what does the same to be called on the way: it
    makes sure that a claim holds, and raises FencedError when it does not. The block ends with that error at last."""
    done, alone, began, lost = threading.Event(), threading.Lock(), time.monotonic(), list[FencedError]()

    def holds(reached: datetime) -> None:
        with alone:
            if lost:
                raise lost[0]
            still(reached)

    def renew() -> None:
        while not done.wait(every):
            try:
                holds(moment + timedelta(seconds=time.monotonic() - began))
            except FencedError as error:
                lost.append(error)
                return
            except LedgerError:  # the next try may do, and whoever needs the ledger will say so
                continue

    thread = threading.Thread(target=renew, name="renew-claim", daemon=True)
    thread.start()
    try:
        yield holds
    finally:
        done.set()
        thread.join()
    if lost:
        raise lost[0]
