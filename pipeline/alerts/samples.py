"""An event of each type as templates are tried with, made from the declarations: all that can be there, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.alerts.events import DECLARED
from pipeline.alerts.messages import context
from pipeline.alerts.shapes import Schema

_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def _made(schema: Schema) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _made(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_made(schema["items"])]
    if kind == "string":
        return _TIME.isoformat() if schema.get("format") == "date-time" else schema.get("enum", ["words"])[0]
    return {"boolean": False, "number": 1.5}.get(kind, 1)


EVENTS: Mapping[str, Mapping[str, Any]] = {type_: _made(one.data) for type_, one in DECLARED.items()}
"""The `data` of an event of each type."""
SAMPLES: Mapping[str, Mapping[str, Any]] = {
    type_: context(type_, "storyline/1", _TIME, data, "https://news.example") for type_, data in EVENTS.items()
}
"""What templates know of each (`messages.context`)."""
