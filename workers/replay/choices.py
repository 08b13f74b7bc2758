"""The settings of filing that a replay may change: their names, values and ranges, read from the options themselves."""

from __future__ import annotations

import ast
import difflib
import inspect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from pipeline.errors import UsageError
from pipeline.storylines.options import FilingOptions

HOW_TO_LIST = "`slugline replay --list` shows all settings"
YEARS = 87_600.0  # ten years, in hours
MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting: its present value, the least and the most that make sense, and what it means in a sentence."""

    name: str
    value: float
    least: float
    most: float
    meaning: str

    @property
    def kind(self) -> str:
        if isinstance(self.value, bool):
            return "true or false"
        return "a whole number" if isinstance(self.value, int) else "a number"

    @property
    def takes(self) -> str:
        """What may be given, in words."""
        if isinstance(self.value, bool):
            return self.kind
        return f"{self.kind} from {self.least:,.10g} to {self.most:,.10g}"

    def read(self, given: str) -> float:
        """The value that was meant. Raises UsageError with what may be given."""
        words = given.strip()
        if isinstance(self.value, bool):
            if words.lower() in ("true", "false"):
                return words.lower() == "true"
            raise self._refused(given)
        try:
            value = int(words) if isinstance(self.value, int) else float(words)
        except ValueError:
            raise self._refused(given) from None
        if not math.isfinite(value) or not self.least <= value <= self.most:
            raise self._refused(given)
        return value

    def _refused(self, given: str) -> UsageError:
        return UsageError(f"{self.name} takes {self.takes}, not {given!r:.60}; as shipped it is {self.value}")


def choices() -> list[Choice]:
    """Every setting that can be given as a number or a truth value, as shipped."""
    shipped, told = FilingOptions(), _meanings()
    found = []
    for field in fields(FilingOptions):
        value = getattr(shipped, field.name)
        if isinstance(value, int | float):
            least, most = _range(field.name, value)
            found.append(Choice(field.name, value, least, most, told.get(field.name) or _from_name(field.name)))
    return found


def chosen(given: Sequence[str]) -> FilingOptions:
    """The shipped settings with these changes, each KEY=VALUE. Raises UsageError with the way out."""
    known = {one.name: one for one in choices()}
    values: dict[str, Any] = {}
    for change in given:
        name, equals, value = change.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set takes KEY=VALUE, not {change!r:.60}; {HOW_TO_LIST}")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            meant = f"did you mean {' or '.join(near)}? " if near else ""
            raise UsageError(f"filing has no setting {name!r:.60}; {meant}{HOW_TO_LIST}")
        if name in values:
            raise UsageError(f"{name} is set twice; a replay has one value for each setting")
        values[name] = known[name].read(value)
    return replace(FilingOptions(), **values)


def _range(name: str, value: float) -> tuple[float, float]:
    if name.endswith(("_similarity", "_share")):
        return 0.0, 1.0
    if name == "threshold":
        return -1000.0, 1000.0  # log-odds
    if name.endswith("_hours"):
        return 0.01, YEARS
    return (1, MOST) if isinstance(value, int) else (0.0, 1000.0)


def _from_name(name: str) -> str:
    words = name.split("_")
    if words[-1] in ("weight", "prior"):
        return f"The {words[-1]} of {' '.join(words[:-1])}."
    return f"{' '.join(words).capitalize()}."


@cache
def _meanings() -> dict[str, str]:
    """The first sentence of what stands beneath each setting in its source; nothing where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(FilingOptions))
    except (OSError, SyntaxError):
        return {}
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    told = {}
    for field, below in itertools.pairwise(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            told[field.target.id] = " ".join(below.value.value.split()).split(". ")[0].rstrip(".") + "."
    return told
