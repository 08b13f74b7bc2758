"""The root of the command line, and the one place where errors become exit codes."""

from __future__ import annotations

import sys

import typer

from pipeline.errors import SluglineError, UsageError
from workers.cli import content, dead, events, feeds, ledgers, ops, replay, rules, services, sinks, storylines

app = typer.Typer(
    name="slugline",
    help="Streaming news ingestion: feeds in, living storylines and events out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
services.register(app)
feeds.register(app)
content.register(app)
storylines.register(app)
replay.register(app)
ops.register(app)
events.register(app)
rules.register(app)
sinks.register(app)
dead.register(app)
ledgers.register(app)


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 failed, 2 wrong use; an error is one line on standard error."""
    try:
        app()
    except UsageError as error:
        _say(error)
        sys.exit(2)
    except SluglineError as error:
        _say(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away, as `head` does
        sys.exit(0)


def _say(error: SluglineError) -> None:
    sys.stderr.write(f"slugline: {error}\n")
