"""Reading TOML tables strictly: each complaint names the file, the record and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

_MISSING = object()


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid TOML ({error})") from error


class Table:
    """One table of a seed file; every key must be asked for, so a misspelt one is found by `done`."""

    def __init__(self, values: object, *, file: Path, label: str) -> None:
        self.where = f"{file.name}: {label}"
        if not isinstance(values, dict):
            raise self.error("must be a table")
        self._values: dict[str, Any] = values
        self._asked: set[str] = set()

    def error(self, problem: str) -> InputError:
        """Return (not raise) the error that names this table and the problem."""
        return InputError(f"{self.where}: {problem}")

    def has(self, key: str) -> bool:
        """Say whether the key is present."""
        return key in self._values

    def _get(self, key: str, default: object) -> object:
        self._asked.add(key)
        value = self._values.get(key, default)
        if value is _MISSING:
            raise self.error(f"{key!r} is missing")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string without surrounding space; without a default it must be there and not empty."""
        value = self._get(key, _MISSING if default is None else default)
        if not isinstance(value, str):
            raise self.error(f"{key!r} must be a string")
        if default is None and not value.strip():
            raise self.error(f"{key!r} is empty")
        return value.strip()

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """Return a string that is one of the options."""
        value = self.text(key, default)
        if value not in options:
            raise self.error(f"{key!r} is {value!r}; it must be one of {', '.join(sorted(options))}")
        return value

    def number(self, key: str, *, low: float, high: float) -> float:
        """Return a number between low and high, both included."""
        value = self._get(key, _MISSING)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{key!r} must be a number")
        if not low <= value <= high:
            raise self.error(f"{key!r} is {value:g}; it must lie between {low:g} and {high:g}")
        return float(value)

    def flag(self, key: str) -> bool:
        """Return a boolean; False when absent."""
        value = self._get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key!r} must be true or false")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings as a tuple; empty when absent."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(part, str) and part.strip() for part in value):
            raise self.error(f"{key!r} must be a list of strings")
        return tuple(part.strip() for part in value)

    def table(self, key: str) -> object:
        """Return the raw value of a nested table or list of tables, to be wrapped by the caller."""
        return self._get(key, _MISSING)

    def done(self) -> None:
        """Raise when the table has keys that nobody asked for."""
        unknown = sorted(self._values.keys() - self._asked)
        if unknown:
            raise self.error(f"unknown key {', '.join(map(repr, unknown))}")
