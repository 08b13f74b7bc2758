"""A storyline on a terminal, as an analyst reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.records import Storyline
from pipeline.storylines.tell.records import Day, Digest, Episode, KeySentence, Outlet, Related
from workers.cli.common import console, plain

READABLE = 100  # cells; longer lines of prose are hard to read, however wide the terminal is
OUTLETS, DAYS = 12, 14  # shown; all are in the JSON


def show(found: Storyline, digest: Digest, coverage: Sequence[Mapping[str, Any]]) -> None:
    """Print it. Titles and texts come from feeds: control characters are taken out and nothing is read as markup."""
    _head(found, digest)
    for heading, body in (
        ("What is said", [_sentence(one) for one in digest.sentences]),
        ("Names", _names(digest)),
        ("Who covers it", _outlets(digest)),
        ("Day by day", [_days(digest.days)] if digest.days else []),
        ("Episodes", [_episode(one) for one in digest.episodes]),
        ("Related storylines", [_related(one) for one in digest.related]),
        ("Coverage", [_coverage(coverage)] if coverage else []),
    ):
        if body:
            console.print()
            console.print(Text(heading, style="bold"))
            for item in body:
                console.print(Padding(item, (0, 0, 0, 2), expand=False))


def _head(found: Storyline, digest: Digest) -> None:
    console.print(Text.assemble((f"{found.id}  ", "dim"), (plain(found.headline or found.title), "bold")))
    marks = [found.state, *(["declared"] if found.declared else [])]
    reprints = found.articles - found.originals
    amount = f"{_count(found.originals, 'original')}, {_count(reprints, 'reprint')} of {_outlet_count(digest, found)}"
    console.print(Text(f"{', '.join(marks)} · {amount}{_period(found)}", style="dim"))
    if 0 < digest.read < found.articles:
        console.print(Text(f"what follows rests on the latest {digest.read} articles", style="dim"))


def _period(found: Storyline) -> str:
    if found.first_article is None or found.last_article is None:
        return ""
    return f" · {_when(found.first_article)} to {_when(found.last_article)}"


def _sentence(one: KeySentence) -> Table:
    source = f"  {plain(one.outlet) or 'unknown outlet'}, {_when(one.at)} [{one.article}]"
    more = f", and {_count(one.outlets - 1, 'other')}" if one.outlets > 1 else ""
    return _prose(Text.assemble(plain(one.text), (source + more, "dim")), "•")


def _names(digest: Digest) -> list[Table]:
    lines = []
    if digest.names:
        lines.append(_list([(plain(one.name), f" {one.articles}") for one in digest.names]))
    if digest.figures:
        agreed = [(plain(one.text), f" ({_count(one.outlets, 'outlet')})") for one in digest.figures]
        lines.append(Text("Numbers: ").append_text(_list(agreed)))
    return [_prose(line) for line in lines]


def _outlets(digest: Digest) -> list[Any]:
    if not digest.outlets:
        return []
    table = _table("outlet", ("originals", True), ("reprints", True), "first report", "")
    for one in digest.outlets[:OUTLETS]:
        table.add_row(*_outlet_row(one))
    told: list[Any] = [table]
    if len(digest.outlets) > OUTLETS:
        told.append(Text(f"and {_count(len(digest.outlets) - OUTLETS, 'other')}", style="dim"))
    if len(digest.languages) > 1:
        told.append(_list([(one.lang or "unknown", f" {one.articles}") for one in digest.languages]))
    return told


def _outlet_row(one: Outlet) -> tuple[Text, ...]:
    name = plain(one.outlet) or "unknown"
    return (
        Text(name),
        Text(str(one.originals)),
        Text(str(one.reprints or "")),
        Text(_when(one.first), style="dim"),
        Text(plain(one.title), style="dim", overflow="ellipsis", no_wrap=True),
    )


def _days(days: Sequence[Day]) -> Table:
    table = _table("day", ("originals", True), ("reprints", True), ("outlets", True), "what was new")
    for one in days[:DAYS]:
        what = Text(plain(one.title), style="" if one.new else "dim")
        if not one.new and one.article is not None:
            what.append("  nothing new", style="dim italic")
        if one.fresh:
            what.append(f"  new: {', '.join(map(plain, one.fresh))}", style="dim")
        table.add_row(f"{one.day:%d %b %Y}", str(one.originals), str(one.reprints or ""), str(one.outlets), what)
    if len(days) > DAYS:
        table.add_row("", "", "", "", Text(f"and {_count(len(days) - DAYS, 'earlier day')}", style="dim"))
    return table


def _episode(one: Episode) -> Table:
    period = _when(one.first) if one.first.date() == one.last.date() else f"{one.first:%d %b} to {one.last:%d %b}"
    amount = f"{_count(one.originals, 'original')}, {_count(one.outlets, 'outlet')}"
    return _prose(Text.assemble(plain(one.title), (f"  {period}, {amount} [{one.article}]", "dim")), "•")


def _related(one: Related) -> Table:
    return _prose(Text.assemble(plain(one.headline), (f"  {plain(one.reason)}", "dim")), str(one.id))


def _coverage(coverage: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("id", "when", "outlet", "title", "why here")
    for one in coverage:
        kind = "" if one["kind"] == "original" else "dim"
        cells = (plain(one["outlet"]), plain(one["title"]), why(one))
        table.add_row(str(one["id"]), _when(one["published"] or one["seen"]), *(Text(cell, kind) for cell in cells))
    return table


def why(article: Mapping[str, Any]) -> str:
    """Why an article is where it is, in a few words."""
    recorded = article["why"]
    try:
        if article["kind"] == "duplicate":
            return f"reprint of {article['original_id']} ({recorded['score']:.0%} of the text)"
        if recorded["storyline"] is None:
            return "opened it"
        strongest = sorted(recorded["evidence"], key=lambda one: -abs(one["contribution"]))[:2]
        reasons = ", ".join(f"{plain(str(one['name']))} {one['contribution']:+.1f}" for one in strongest)
        return f"{recorded['score']:.1f} of {recorded['threshold']:.1f}: {reasons}"
    except (KeyError, TypeError, ValueError):  # moved by a person, or recorded by an older version
        return plain(str(recorded.get("summary", ""))) if isinstance(recorded, Mapping) else ""


def _table(*columns: str | tuple[str, bool]) -> Table:
    """A table without lines; columns that hold numbers are named with True."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        name, number = column if isinstance(column, tuple) else (column, False)
        wide = name in ("what was new", "title")
        table.add_column(name, justify="right" if number else "left", overflow="fold", ratio=None if not wide else 1)
    return table


def _list(items: Sequence[tuple[str, str]]) -> Text:
    made = Text()
    for place, (word, remark) in enumerate(items):
        made.append((", " if place else "") + word).append(remark, style="dim")
    return made


def _prose(text: Text, mark: str = "") -> Table:
    """No wider than can be read, hung behind its mark."""
    made = Table.grid(padding=(0, 1))
    if mark:
        made.add_column(no_wrap=True, style="dim")
    made.add_column(max_width=min(READABLE, console.width - 4 - len(mark)), overflow="fold")
    made.add_row(*([mark, text] if mark else [text]))
    return made


def _when(moment: datetime) -> str:
    """Day and time, with the year when it is another one."""
    at = moment.astimezone(UTC)
    return f"{at:%d %b %H:%M}" if at.year == datetime.now(UTC).year else f"{at:%d %b %Y %H:%M}"


def _outlet_count(digest: Digest, found: Storyline) -> str:
    return _count(max(len(found.outlets), len(digest.outlets)), "outlet")


def _count(value: int, one: str) -> str:
    return f"{value} {one}" if value == 1 else f"{value} {one}s"
