"""Where the seed files lie: beside the packages in a checkout, inside `workers` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError


def seeds_dir() -> Path:
    """Return the directory of the shipped seed files.

    A wheel carries them as `workers/_seeds` (pyproject's force-include). A checkout has them as `seeds` next to
    `workers`; the wheel's place is looked at first, since a directory named `seeds` in site-packages could be
    anybody's.

    Raises:
        InputError: neither place exists, so the installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for place in (package / "_seeds", package.parent / "seeds"):
        if place.is_dir():
            return place
    raise InputError(f"the seed files are missing from {package.parent}; install slugline again")
