"""Events against their declarations, strictly: a field that nobody declared is a fault as well."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from pipeline.alerts.events import DECLARED, ENVELOPE, envelope
from pipeline.records import Event


def closed(schema: Any) -> Any:
    """The schema with every object that names its fields closed to others."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("required"), list) else made


@cache
def validator(type_: str) -> Draft202012Validator:
    schema = ENVELOPE if type_ == "envelope" else DECLARED[type_].schema
    return Draft202012Validator(closed(schema), format_checker=FormatChecker())


def check(events: Iterable[Event]) -> set[str]:
    """Fails on the first event that is not as declared; returns the types that were seen."""
    types = set()
    for one in events:
        assert one.type in DECLARED, f"{one.type} is declared nowhere"
        for name, value in ((one.type, dict(one.data)), ("envelope", envelope(one))):
            faults = [f"{fault.json_path}: {fault.message}" for fault in validator(name).iter_errors(value)]
            assert not faults, (one.type, faults)
        types.add(one.type)
    return types
