"""What was last seen in which hour, so that what is old is found without looking at the rest."""

from __future__ import annotations

import math


class Hours:
    """Numbers (of storylines or articles) by a time in hours since 1970."""

    def __init__(self) -> None:
        self._held: dict[int, set[int]] = {}

    def put(self, number: int, hours: float) -> None:
        """Note a number under a time."""
        self._held.setdefault(math.floor(hours), set()).add(number)

    def remove(self, number: int, hours: float) -> None:
        """Take it away again; the time is the one it was put under."""
        hour = math.floor(hours)
        held = self._held.get(hour)
        if held is not None:
            held.discard(number)
            if not held:
                del self._held[hour]

    def before(self, hours: float) -> list[int]:
        """Numbers under times before that one, and under others of its hour, in ascending order."""
        return sorted(number for hour, held in self._held.items() if hour <= hours for number in held)
