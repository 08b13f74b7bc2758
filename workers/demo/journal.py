"""What the demo wire keeps in a file, so that a restart goes on: when its later stories began, and its alerts.

A line is one JSON object: first `{"secret": …}`, written by whoever starts the wire, then `{"live": TIME}` once, and
`{"alert": EVENT}` for each alert that the receiver took, in the order in which they came.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any


class Journal:
    """The file as the wire's process writes it; what is in it already counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.secret = ""
        self.live: datetime | None = None
        self._ids: set[str] = set()
        for entry in read(path):
            self.secret = entry.get("secret", self.secret)
            self.live = datetime.fromisoformat(entry["live"]) if "live" in entry else self.live
            if "alert" in entry:
                self._ids.add(entry["alert"]["id"])

    @property
    def alerts(self) -> int:
        """How many there are."""
        return len(self._ids)

    def go_live(self, moment: datetime) -> None:
        """Keep when the later stories began to come out."""
        self.live = moment
        self._append({"live": moment.isoformat()})

    def take(self, event: dict[str, Any]) -> bool:
        """Keep an alert (its envelope). Returns whether it is a new one: what comes again has the same id."""
        if event["id"] in self._ids:
            return False
        self._append({"alert": event})
        self._ids.add(event["id"])
        return True

    def _append(self, entry: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            # One write: a process that is killed leaves the line or nothing. The first line end is for half a line that
            # a full disk may have left.
            file.write(b"\n" + json.dumps(entry).encode() + b"\n")


def begin(path: Path, secret: str) -> None:
    """Begin the journal of a new wire; that of the one before is gone. Only its owner can read it."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(json.dumps({"secret": secret}).encode() + b"\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal; none where there is no file."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:  # an empty line, or one that is being written
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found
