"""`replay`: the archive filed anew beside the live state, and what other settings would change."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from pipeline.errors import UsageError
from pipeline.settings import load
from workers import logs
from workers.cli.common import AsJson, console, ledger, print_json, print_table
from workers.process import now

_SPAN = re.compile(r"(\d{1,6})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LEFT_OUT = (
    ("not_filed", "could not be filed"),
    ("without_text", "left out, since their texts are not kept any more (SLUGLINE_TEXT_RETENTION_DAYS)"),
    ("before_without_text", "of those before them not remembered, for the same reason"),
    ("gone", "left out, since they went meanwhile"),
)
FEW_VECTORS = 0.1  # the share of articles without a vector from which on it is said


def register(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    since: Annotated[str, typer.Option(metavar="WHEN", help="From then on: a span such as 7d or 12h, or a time.")] = "",
    until: Annotated[str, typer.Option(metavar="WHEN", help="Only what was filed before then.")] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another setting.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="The settings, as shipped, and what they mean.")] = False,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="How much of each list is shown.")] = 10,
    as_json: AsJson = False,
) -> None:
    """File the archive anew beside the live state, and show what other settings would change.

    Nothing of the live state changes, and a running service is not held up. What was filed in the time goes once more
    through the clusterer, in its order; without --set by the shipped settings, which shows what chance did.
    """
    if list_:
        _list(as_json)
        return
    from pipeline.embedding import version
    from workers import replay as replaying

    options = replaying.chosen(set_ or [])
    moment = now()
    if not since:
        raise UsageError("say from when on, such as --since 7d or --since 2026-03-01; --list shows the settings")
    begin, end = _when(since, "--since", moment), _when(until, "--until", moment) if until else moment
    if begin >= end:
        raise UsageError(
            f"from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC there is no time; --since is earlier"
        )
    settings = load(log_level="error")
    logs.configure(settings, "replay")
    with _ended_like_ctrl_c(), ledger() as (_, opened):
        found = replaying.replay(
            opened,
            version(settings.model),
            since=begin,
            until=end,
            options=options,
            batch=settings.file_batch,
            limit=limit,
            say=lambda line: typer.echo(line, err=True),
        )
    _warn(found["articles"], version(settings.model))
    print_json(found) if as_json else _show(found)


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """What was copied goes when the process is asked to end, too."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _list(as_json: bool) -> None:
    from workers.replay import choices

    if as_json:
        rows = [{"name": one.name, "value": one.value, "takes": one.takes, "meaning": one.meaning} for one in choices()]
        print_json(rows)
        return
    print_table(
        ("setting", "as shipped", "takes", "meaning"),
        [(one.name, str(one.value), one.takes, one.meaning) for one in choices()],
    )


def _when(given: str, option: str, moment: datetime) -> datetime:
    """A time, or a span before now. Without a zone it is UTC."""
    span = _SPAN.fullmatch(given.strip())
    try:
        if span:
            return moment - timedelta(**{_UNITS[span[2]]: int(span[1])})
        found = datetime.fromisoformat(given.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} takes a span such as 90m, 12h, 7d or 2w, or a time such as 2026-03-01 or 2026-03-01T12:00Z, "
            f"not {given!r:.60}"
        ) from error
    if found > moment and option == "--since":
        raise UsageError(f"{option} {given} lies ahead; nothing was filed then")
    return found


def _warn(articles: Mapping[str, int], version: str) -> None:
    lacking = articles["without_vector"]
    if lacking > FEW_VECTORS * articles["window"]:
        typer.echo(
            f"{lacking:,} of {articles['window']:,} articles have no vector of the present model ({version}) and were "
            "filed by their words alone",
            err=True,
        )


# ---- for people ----


def _show(found: Mapping[str, Any]) -> None:
    articles, seconds = found["articles"], found["seconds"]
    changed = ", ".join(f"{name}={value}" for name, value in found["settings"].items()) or "the shipped settings"
    _say(
        f"{articles['filed']:,} articles filed anew with {changed}, from {found['since']:%Y-%m-%d %H:%M} to "
        f"{found['until']:%Y-%m-%d %H:%M} UTC, {articles['remembered']:,} before them remembered "
        f"({seconds['remembering'] + seconds['filing']:.0f} s)"
    )
    for name, words in LEFT_OUT:
        if articles[name]:
            _say(f"{articles[name]:,} {words}")
    if found["declared_within"]:
        _say(f"{_count(found['declared_within'], 'storyline')} declared since then counted from the beginning here")
    if articles["by_people"]:
        _say(
            f"{articles['by_people']:,} articles were put where they are by people, which a replay does not know; "
            f"{articles['by_people_elsewhere']:,} of them would be elsewhere; of all below only the table counts them."
        )
    _say("\nIn this time, without what was filed before:")
    rows = [(name, *found[name].values()) for name in ("live", "replay")]
    print_table(("", "storylines", "of one article", "largest"), rows)
    _agreement(found["agreement"])
    _merged(found["merged"])
    _split(found["split"])
    _moved(found["moved"])


def _agreement(found: Mapping[str, Any] | None) -> None:
    if found is None:
        return
    ami = "not computed for so many storylines" if found["ami"] is None else f"{found['ami']:.3f}"
    _say(
        f"\nagreement of the replay with what is live: BCubed F1 {found['bcubed']['f1']:.3f}, pairwise F1 "
        f"{found['pairwise']['f1']:.3f}, AMI {ami}"
    )


def _merged(found: Mapping[str, Any]) -> None:
    _say(f"\n{_count(found['storylines'], 'storyline')} would take in others: {_count(found['articles'], 'article')}")
    for one in found["shown"]:
        _say(f"  {_name(one['into'])}")
        for other in one["storylines"]:
            if other["id"] != one["into"]["id"]:
                _say(f"    would take in {other['come']} of {_name(other)}")
        _more(one["more"])
    _rest(found)


def _split(found: Mapping[str, Any]) -> None:
    _say(f"\n{_count(found['storylines'], 'storyline')} would be split: {_count(found['articles'], 'article')} leave")
    for one in found["shown"]:
        _say(f"  {_name(one['storyline'])}: {one['stay']} stay")
        for part in one["parts"]:
            _say(f"    {part['articles']} would go to {_name(part['to'])}")
        _more(one["more"])
    _rest(found)


def _moved(found: Mapping[str, Any]) -> None:
    _say(f"\n{_count(found['articles'], 'single article')} would be elsewhere")
    for one in found["shown"]:
        _say(f"  article {one['article']}: {one['title']}")
        _say(f"    from {_name(one['from'])}")
        _say(f"    to {_name(one['to'])}: {_reason(one['why'])}")
    _rest(found, found["articles"])


def _reason(why: Mapping[str, Any]) -> str:
    if why["score"] is None:
        return "no reason was recorded"
    if why["copy_of"] is not None:
        return f"a reprint of article {why['copy_of']}, {why['score']:.0%} of its text"
    if not why["evidence"]:
        return "there was nothing to compare it with"
    strongest = ", ".join(f"{one['name']} {one['contribution']:+.1f}" for one in why["evidence"])
    best = "the best other one scored" if why["opened"] else "scored"
    return f"{best} {why['score']:.2f} of {why['threshold']:.2f} needed ({strongest})"


def _name(one: Mapping[str, Any]) -> str:
    which = "a new one," if one["id"] is None else one["id"]
    return f"{which} {one['headline']!r} ({_count(one['articles'], 'article')})"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _more(count: int) -> None:
    if count:
        _say(f"    and {count} more")


def _rest(found: Mapping[str, Any], total: int | None = None) -> None:
    left = (found["storylines"] if total is None else total) - len(found["shown"])
    if left > 0:
        _say(f"  and {left} more; --limit shows more of them")


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
