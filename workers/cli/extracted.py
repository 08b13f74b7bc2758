"""What was made of a page, as people and machines are shown it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.records import Extraction
from workers.cli.common import console, print_table


def fields(page: Extraction) -> dict[str, Any]:
    """The fields of an article in the order in which they are shown, the text last."""
    return {
        "title": page.title,
        "authors": list(page.authors),
        "published": page.published,
        "modified": page.modified,
        "lang": page.lang,
        "outlet": page.outlet,
        "canonical_url": page.canonical_url,
        "image_url": page.image_url,
        "lead": page.lead,
        "text": page.text,
    }


def show(page: Extraction, *, text: bool = True) -> None:
    """Print the fields and where each came from, then the text."""
    found = fields(page)
    if not text:
        found["text"] = f"{len(page.text.split())} words in {page.text.count(chr(10) * 2) + 1} paragraphs"
    rows = [
        (name, ", ".join(value) if isinstance(value, list) else value, page.sources.get(name, ""))
        for name, value in found.items()
        if name != "text" or not text
    ]
    print_table(("field", "value", "from"), rows)
    if text:
        console.print()
        console.print(page.text, markup=False, highlight=False)


def rounded(timings: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds to a hundredth."""
    return {name: round(milliseconds, 2) for name, milliseconds in timings.items()}


def show_timings(timings: Mapping[str, float]) -> None:
    """Print how long each step took."""
    words = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in timings.items())
    console.print(f"milliseconds: {words}", markup=False, highlight=False)
