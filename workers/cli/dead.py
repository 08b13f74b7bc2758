"""`slugline dead`: what was given up, to be looked at, tried again or let go of."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from pipeline.errors import InputError, UsageError
from pipeline.ledger import articles
from pipeline.ledger import dead as letters
from pipeline.records import ArticleState
from pipeline.urls import mask
from workers.cli.common import AsJson, console, ledger, print_json, print_table
from workers.process import now

LARGEST_ID = 2**63 - 1  # of the databases' integers
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID...]", min=1, max=LARGEST_ID)]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]
Reason = Annotated[str | None, typer.Option(help="Those that failed for this reason, as `dead list` shows it.")]
Host = Annotated[str | None, typer.Option(help="Those of this registrable domain, as `dead list` shows it.")]

dead = typer.Typer(help="Articles that were given up.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(dead, name="dead")


@dead.command(name="list", help="What was given up: where, why, how often, since when.")
def list_(
    reason: Reason = None,
    host: Host = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        _known(tx, reason, host)
        rows = [
            {**row, **{name: mask(row[name] or "") for name in ("url", "error")}}
            for row in letters.listed(tx, limit, reason=reason, host=host)
        ]
        reasons, hosts = articles.reasons(tx, ArticleState.DEAD), letters.hosts(tx)
    if as_json:
        print_json(rows)
        return
    names = ("id", "url", "reason", "attempts", "since", "error")
    print_table(names, [tuple(row[name] for name in names) for row in rows])
    for what, counted in (("reasons", reasons), ("hosts", hosts)):
        if counted:
            shown = [f"{name} {count}" for name, count in sorted(counted.items(), key=lambda each: -each[1])]
            more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
            console.print(f"{what}: {', '.join(shown[:10])}{more}", markup=False)


@dead.command(help="One of them, with the beginning of what was answered at the last attempt.")
def show(article: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID)], as_json: AsJson = False) -> None:
    with ledger() as (_, opened), opened.read() as tx:
        found = _dead(tx, article)
        answer = letters.answered(tx, [article]).get(article)
    names = ("id", "url", "title", "reason", "error", "attempts", "seen")
    shown = {name: mask(found[name] or "") if name in {"url", "error"} else found[name] for name in names}
    shown["since"] = found["due"]
    if as_json:
        print_json({**shown, "answer": _answer_json(answer) if answer else None})
        return
    for name, value in shown.items():
        console.print(f"{name}: {value}", markup=False)
    if answer is None:
        console.print("nothing was answered, or it was given up for another reason than its page", markup=False)
        return
    kind = answer.content_type or "of unknown type"
    console.print(f"answer: {answer.status} from {mask(answer.url)}, {kind}; it begins:", markup=False)
    console.print(answer.words(), markup=False, highlight=False)


def _answer_json(answer: letters.Answer) -> dict[str, Any]:
    given = {"url": mask(answer.url), "status": answer.status, "content_type": answer.content_type}
    return {**given, "begins": answer.words()}


@dead.command(help="Try dead articles again: those named, those of a reason or host, or all.")
def retry(
    ids: Ids = None, reason: Reason = None, host: Host = None, every: Every = False, as_json: AsJson = False
) -> None:
    count = _act(letters.retry, ids, reason, host, every, "retry")
    _say(as_json, "queued", count, f"{count} articles are queued again")


@dead.command(help="Let go of dead articles: they are neither listed nor tried again, and do not come back.")
def drop(
    ids: Ids = None, reason: Reason = None, host: Host = None, every: Every = False, as_json: AsJson = False
) -> None:
    count = _act(letters.drop, ids, reason, host, every, "drop")
    _say(as_json, "dropped", count, f"{count} articles were dropped; they count as rejected now")


def _act(act: letters.Act, ids: list[int] | None, reason: str | None, host: str | None, every: bool, verb: str) -> int:
    if not ids and not every and reason is None and host is None:
        raise UsageError(f"name the articles to {verb}, give --reason or --host, or --all")
    with ledger() as (_, opened), opened.write() as tx:
        _known(tx, reason, host)
        for one in ids or ():
            _dead(tx, one)
        return act(tx, now(), letters.Which(ids=ids or None, reason=reason, host=host))


def _dead(tx: Connection, article: int) -> dict[str, Any]:
    """The row of a dead article. Raises InputError when it is none."""
    row = articles.one(tx, article)
    if row is None or row["state"] != ArticleState.DEAD:
        stands = "there is none" if row is None else f"it is {row['state']}"
        raise InputError(f"article {article} is not dead: {stands}; `slugline dead list` shows those that are")
    return row


def _known(tx: Connection, reason: str | None, host: str | None) -> None:
    """Raises InputError, with those that there are, for a reason or host that no dead article has."""
    asked = (("reason", reason, articles.reasons(tx, ArticleState.DEAD)), ("host", host, letters.hosts(tx)))
    for what, given, counted in asked:
        if given is not None and given not in counted:
            there = f"there are: {', '.join(sorted(counted)[:20])}" if counted else "nothing is dead"
            raise InputError(f"no dead article has the {what} {given}; {there}")


def _say(as_json: bool, name: str, count: int, sentence: str) -> None:
    if as_json:
        print_json({name: count})
    else:
        typer.echo(sentence)
