"""`storylines merge`, `split`, `move`, `rename`, `lock`, `unlock`, `undo` and `history`: people's corrections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pipeline.errors import InputError, UsageError
from pipeline.ledger import apart, changes, coverage
from pipeline.ledger.changes import Change
from workers.asking import Answer, ask
from workers.cli.common import AsJson, ledger, print_json, print_table

MOST = 2**63 - 1
Id = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=MOST, help="A storyline; an old id leads to where it went.")
]
Articles = Annotated[list[int], typer.Argument(metavar="ARTICLE…", min=1, max=MOST, help="Ids of articles.")]


def register(storylines: typer.Typer) -> None:
    storylines.command(help="Make one storyline part of another; its id leads there from then on.")(merge)
    storylines.command(help="Give articles of a storyline, with their reprints, one of their own.")(split)
    storylines.command(help="Put articles, with their reprints, into another storyline.")(move)
    storylines.command(help="Give a storyline a title that stays.")(rename)
    storylines.command(help="Have the clusterer's second thoughts leave a storyline as it is.")(lock)
    storylines.command(help="Let second thoughts at a locked storyline again.")(unlock)
    storylines.command(help="Take a change back; `history` shows the numbers.")(undo)
    storylines.command(help="What was changed about a storyline, by whom, the latest first.")(history)


def merge(
    storyline: Id,
    into: Annotated[int, typer.Argument(metavar="INTO", min=1, max=MOST, help="The storyline that stays.")],
    as_json: AsJson = False,
) -> None:
    _do(
        "merge",
        {"storyline": storyline, "into": into},
        "storyline {storyline} is part of storyline {other} now",
        as_json,
    )


def split(storyline: Id, articles: Articles, as_json: AsJson = False) -> None:
    given = {"storyline": storyline, "articles": articles}
    _do("split", given, "the articles have storyline {other} of their own now", as_json)


def move(
    articles: Articles,
    to: Annotated[str, typer.Option("--to", metavar="ID|new", help="The storyline, or `new` for one of their own.")],
    as_json: AsJson = False,
) -> None:
    target = int(to) if to.isdecimal() and int(to) <= MOST else None
    if target is None and to != "new":
        raise UsageError(f"--to takes the id of a storyline or the word new, not {to!r}")
    given = {"articles": articles, "to": target}
    _do("move", given, "the articles are in storyline {other} now", as_json)


def rename(
    storyline: Id,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is called from now on.")],
    as_json: AsJson = False,
) -> None:
    _do("rename", {"storyline": storyline, "title": title}, "storyline {storyline} has its new title", as_json)


def lock(storyline: Id, as_json: AsJson = False) -> None:
    _do("lock", {"storyline": storyline}, "storyline {storyline} is locked", as_json)


def unlock(storyline: Id, as_json: AsJson = False) -> None:
    _do("unlock", {"storyline": storyline}, "storyline {storyline} is not locked any more", as_json)


def mute(storyline: Id, as_json: AsJson = False) -> None:
    _do("mute", {"storyline": storyline}, "storyline {storyline} is muted", as_json)


def unmute(storyline: Id, as_json: AsJson = False) -> None:
    _do("unmute", {"storyline": storyline}, "storyline {storyline} is not muted any more", as_json)


def undo(
    change: Annotated[int, typer.Argument(metavar="CHANGE", min=1, max=MOST, help="The number of the change.")],
    as_json: AsJson = False,
) -> None:
    _do("undo", {"change": change}, f"change {change} is undone", as_json)


def history(
    storyline: Annotated[int, typer.Argument(metavar="ID", min=1, max=MOST, help="A storyline, merged away or not.")],
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        if coverage.row(tx, storyline) is None:
            raise UsageError(f"there is no storyline {storyline}; `slugline storylines list` shows the ids")
        found = changes.history(tx, storyline, limit)
        home = apart.living(tx, [storyline])[storyline]
    if as_json:
        print_json([shown(one) for one in found])
        return
    print_table(
        ("change", "when", "by", "what", "undone"),
        [(one.id, one.made, one.by, sentence(one), one.undone) for one in found],
    )
    if home != storyline:
        typer.echo(f"storyline {storyline} leads to storyline {home}, which has a history of its own")


def shown(one: Change) -> dict[str, Any]:
    """A change as JSON."""
    return {
        "id": one.id,
        "kind": one.kind,
        "storyline": one.storyline,
        "other": one.other,
        "by": one.by,
        "command": one.command,
        "articles": one.articles(),
        "title": one.payload.get("title"),
        "undoes": one.payload.get("undoes"),
        "why": dict(one.why),
        "made": one.made,
        "undone": one.undone,
    }


def sentence(one: Change) -> str:
    """A change in a few words."""
    count = len(one.articles())
    articles = f"{count} article{'' if count == 1 else 's'}"
    words = {
        "merge": f"{one.storyline} merged into {one.other} with {articles}",
        "split": f"{articles} of {one.storyline} split off as {one.other}",
        "move": f"{articles} moved from {one.storyline} to {one.other}",
        "rename": f"renamed to {one.payload.get('title')!r}",
        "lock": "locked",
        "unlock": "unlocked",
        "mute": "muted",
        "unmute": "not muted any more",
        "undo": f"change {one.payload.get('undoes')} undone",
    }
    return words.get(one.kind, one.kind)


def _do(kind: str, payload: Mapping[str, Any], done: str, as_json: bool) -> None:
    with ledger() as (_, opened):
        answer = ask(opened, kind, payload)
    if as_json:
        print_json(_plain(answer))
    if answer.state == "refused":
        raise InputError(answer.error or "it was refused")
    if not as_json:
        typer.echo(_words(answer, done))


def _words(answer: Answer, done: str) -> str:
    if answer.state == "applied":
        result = answer.result or {}
        undone = "" if result.get("change") is None else f" (change {result['change']})"
        return done.format(**result) + undone
    if answer.heard:
        return f"the clusterer has not come to it yet; it is command {answer.command} and will be done in its turn"
    return (
        f"it waits as command {answer.command}: no clusterer is running; start one with `slugline up` or "
        "`slugline clusterer`"
    )


def _plain(answer: Answer) -> dict[str, Any]:
    return {"command": answer.command, "state": answer.state, "result": answer.result, "error": answer.error}
