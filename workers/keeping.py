"""The data directory as a whole: held by one service at a time, and set back to a copy of its ledger."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipeline.errors import SluglineError
from pipeline.ledger import backup


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the data directory: a second `up` on it is refused.

    Raises SluglineError when another one holds it or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise SluglineError(
            f"the data directory {folder} cannot be written ({error.strerror}); choose another with --data-dir"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SluglineError(
                f"another `slugline up` is running on {folder}; stop it, or choose another place with --data-dir"
            ) from error
        yield


def set_back(copy: Path, ledger: Path, folder: Path, moment: datetime) -> list[Path]:
    """Put a copy in the ledger's place, and set aside what the bundled Valkey knew of the ledger that was there: its
    stream would be ahead of the log. Returns what was kept of before. Raises as `held` and `backup.restore` do."""
    with held(folder):
        aside = backup.restore(copy, ledger, moment)
        kept = [] if aside is None else [aside]
        queues = folder / "valkey"
        if queues.is_dir():
            try:
                kept.append(queues.rename(folder / f"valkey.before-{moment:%Y%m%dT%H%M%S}"))
            except OSError as error:
                raise SluglineError(
                    f"the ledger is restored, but {queues} cannot be renamed ({error.strerror}); move it away by hand "
                    "before you start"
                ) from error
        return kept
