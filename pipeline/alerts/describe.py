"""`docs/events.md`, made from the declarations: `python -m pipeline.alerts.describe docs/events.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.alerts.events import DECLARED, ENVELOPE
from pipeline.alerts.shapes import Schema

_HEAD = """\
# Events

Made from `pipeline/alerts/events.py` by `make docs/events.md`; do not edit.

What happens to storylines, feeds and the pipeline is an event, and so is what [alert rules](alerting.md) match. It is
written in the transaction that causes it, so none is missing and none tells of what did not happen. It comes out at
least once, in the order of its subject:

| where | how to catch up |
|---|---|
| Redis stream `slugline:events` | its ids are `POSITION-0`; [consumer.py](clients/consumer.py) is a group |
| `GET /api/v1/events?after=POSITION` | `last` of the answer is the next `after`; `gap`: some behind it are gone |
| `GET /api/v1/events/stream` (SSE) | `Last-Event-ID`, or `?after=POSITION`; `type` and `subject` choose |
| `slugline events tail --follow`, `slugline events replay --after POSITION` | |

Without `after` or `Last-Event-ID` the SSE stream begins with what happens next. A repetition carries the same `id`.
Positions have no gaps in the log. In the Redis stream one is missing where an article was forgotten: `article.removed`
follows.

The log is kept for `SLUGLINE_EVENT_RETENTION_DAYS`. Whoever was away for longer is told so and begins with the rest.
`GET /api/v1/events` says `"gap": true` and the oldest position that is kept (`first`); the SSE stream begins with a
message named `gap`, whose data is `{"after": 17, "first": 2001}`; in Redis the stream's first entry lies behind the
group's last one, which the consumer says. `after=0` asks for what is kept, and is no gap.

The API gives events as [CloudEvents 1.0](https://cloudevents.io/) in JSON; an entry of the Redis stream has `id`,
`type`, `time`, `subject` and `data`, with `sequence` in the latter. Fields may be added; when one goes away or changes
its meaning, `dataschema` gets another version.

## The envelope

"""


def document() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD, *(f"{line}\n" for line in _table(ENVELOPE))]
    parts += ["\n## The types\n\n| type | it means |\n|---|---|\n"]
    parts += [f"| [`{one.type}`](#{one.type.replace('.', '')}) | {one.meaning} |\n" for one in DECLARED.values()]
    for one in DECLARED.values():
        parts += [f"\n### {one.type}\n\n{one.meaning} Schema: `{one.dataschema}`.\n\n"]
        parts += [f"{line}\n" for line in _table(one.data)]
    return "".join(parts)


def _table(schema: Schema) -> Iterator[str]:
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    yield from _rows(schema, "", optional=False)


def _rows(schema: Schema, above: str, *, optional: bool) -> Iterator[str]:
    for name, field in schema["properties"].items():
        absent = optional or name not in schema["required"]
        meaning = field.get("description", "") + (" Not always there." if name not in schema["required"] else "")
        choices = ", ".join(f"`{one}`" for one in field.get("enum", ()))
        yield f"| `{above}{name}` | {_kind(field)} | {meaning}{f' One of {choices}.' if choices else ''} |"
        if "properties" in field:
            yield from _rows(field, f"{above}{name}.", optional=absent)


def _kind(field: Schema) -> str:
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    words = ["time" if field.get("format") == "date-time" and kind == "string" else kind for kind in kinds]
    inner = f" of {_kind(field['items'])}" if "items" in field else ""
    return " or ".join(words) + inner


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
