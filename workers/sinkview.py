"""Sinks as people see them, and what makes one: shared by the command line and the API. Secrets are shown once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline import urls
from pipeline.alerts import delivery, signing
from pipeline.alerts.events import DECLARED
from pipeline.errors import FetchError, InputError
from pipeline.http.guard import Guard, GuardedResolver, Resolver
from pipeline.http.targets import prepare
from pipeline.ledger import sinks
from pipeline.records import Attempt, Event, Held, Sink
from pipeline.settings import Settings
from workers import alerting, deliverer, notifier
from workers.process import now

NAME_CHARS = 100
HELD = 20  # subjects that are shown of those of which something is held back
TEST = alerting.TEST
"""The type of the event by which a sink is tried; it is in no log."""


async def checked(
    settings: Settings, kind: str, url: str, options: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """URL and options of a sink that is to be made, if it may be made. Raises InputError."""
    if kind == notifier.KIND:
        return url, dict(await notifier.checked(settings, url, options or {}))
    return await check_url(settings, url), dict(options or {})


async def check_url(settings: Settings, url: str) -> str:
    """The URL of a webhook or an Alertmanager, if it may be one. Raises InputError when it is no http(s) URL, its host
    has no address, or that is not on the public internet; each delivery is checked again where it is dialled."""
    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"a sink's URL begins with https:// or http://; {urls.mask(url)[:80]} does not")
    resolver = GuardedResolver(Guard(settings.allow_networks), Resolver(1))
    try:
        where, _ = prepare(url)
        await resolver.resolve(where.host or "", where.port or 0)
    except FetchError as error:
        raise InputError(str(error)) from error
    finally:
        await resolver.close()
    return url


def add(
    tx: Connection,
    name: str,
    url: str,
    types: Sequence[str],
    secret: str | None,
    kind: str = "webhook",
    options: Mapping[str, Any] | None = None,
) -> tuple[Sink, str]:
    """Record a sink. Returns it and its secret: that of a webhook is made unless one is given,
    that of an Alertmanager is a bearer token or none. URL and `options` are as `checked` gave them.

    Raises InputError for a name that is taken or none, for types that are none or none of its kind, for options that
    are out of bounds, and for a bad secret.
    """
    bare = " ".join(name.split())
    if not bare or len(bare) > NAME_CHARS or not bare.isprintable():
        raise InputError(f"a sink's name has 1 to {NAME_CHARS} characters; {name[:40]!r} is none")
    if unknown := delivery.unknown_types(types, list(DECLARED)):
        raise InputError(f"there is no event {unknown[0]!r}; there are: {', '.join(DECLARED)}, and such as storyline.*")
    key, own = secret or "", dict(options or {})
    if kind == alerting.KIND:
        alerting.check_token(key)
        own = alerting.check_options(own, delivery.covered(types, list(DECLARED)))
    elif kind == notifier.KIND:
        if key:
            raise InputError("what is secret of an Apprise sink stands in its URL; there is nothing beside it")
    elif own:
        raise InputError(f"a {kind} has no {next(iter(own))}; that is for other kinds of sinks")
    else:
        key = signing.check_secret(key) if key else signing.new_secret()
    held = [(key, None)] if key else []
    return sinks.add(tx, bare, kind, url, now(), secrets=held, types=types, options=own), key


def rotate(tx: Connection, name: str, secret: str | None) -> str:
    """Give a sink a new secret. Returns it. That of a webhook is valid for another day, in place of an Alertmanager's
    bearer token the new one is sent at once. Raises InputError."""
    sink = sinks.need(tx, name)
    if sink.kind == notifier.KIND:
        raise InputError(f"what is secret of {name} stands in its URL: add it anew with another one")
    if sink.kind != "webhook":
        if not secret:
            raise InputError(f"{name} is an {sink.kind}, which makes its own secrets: say the new one with --secret")
        alerting.check_token(secret)
        sinks.set_secrets(tx, sink.id, [(secret, None)])
        return secret
    key = signing.check_secret(secret) if secret else signing.new_secret()
    sinks.set_secrets(tx, sink.id, signing.rotated(sink.secrets, key, now()))
    return key


async def tried(settings: Settings, sink: Sink) -> tuple[dict[str, Any], Attempt]:
    """Send an event that says that it is a test. Returns its data, and what came of it."""
    moment = now()
    data = {"message": f"A test of the sink {sink.name}."}
    event = Event(
        id=f"test-{moment.timestamp():.6f}",
        type=TEST,
        subject=f"sink/{sink.id}",
        sequence=1,
        time=moment,
        data=data,
        position=None,
    )
    async with deliverer.client(settings) as http:
        return data, await deliverer.send(http, sink, event, settings)


def shown(sink: Sink) -> str:
    """The URL as it may be seen: of Apprise's only the service, since any part of it may be a secret."""
    return f"{sink.url.partition('://')[0]}://***" if sink.kind == notifier.KIND else urls.mask(sink.url)


def view(sink: Sink, waiting: datetime | None = None, held: Sequence[Held] = ()) -> dict[str, Any]:
    """A sink without its secrets; `waiting` is since when something waits for it, `held` what is held back."""
    return {
        "id": sink.id,
        "name": sink.name,
        "kind": sink.kind,
        "url": shown(sink),
        "types": list(sink.types),
        "options": dict(sink.options),
        "state": sink.state,
        "reason": sink.reason,
        "read_to": sink.read_to,
        "waiting_since": waiting.isoformat() if waiting else None,
        "held_back": sum(one.events for one in held),
        "held": [{"subject": one.subject, "events": one.events, "why": why(one)} for one in held[:HELD]],
        "failures": sink.failures,
        "rest_until": sink.rest_until.isoformat() if sink.rest_until else None,
        "delivered": sink.delivered,
        "dead": sink.dead,
        "lost": sink.lost,
        "last_success": sink.last_success.isoformat() if sink.last_success else None,
        "last_error": sink.last_error,
        "created": sink.created.isoformat() if sink.created else None,
    }


def why(one: Held) -> str:
    """Why events are held back, in words."""
    if one.error:
        return f"the event before is not taken ({one.error}), and a subject is told in order"
    return "the event before was taken or given up; they follow"
