"""The demo's receiver of alerts: a webhook that believes what is signed, takes each alert once, and says it in a line.

It is part of the demo wire's process, which has a port already. A receiver to start from is docs/clients/receiver.py.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipeline.alerts import signing
from workers.demo.journal import Journal

PATH = "/wire/alerts"
TOLERANCE = timedelta(minutes=5)  # of a signature's age, as Standard Webhooks has it
MATCHED = "alert.matched"


class Receiver:
    """Answers POSTs of events: 204 what is genuine, 400 what is not."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if not genuine(self._journal.secret, request.headers, body, datetime.now(UTC)):
            return Response("this is not signed with the secret of the demo's sink", status_code=400)
        event = json.loads(body)
        if event["type"] == MATCHED:
            self._journal.take(event)
        return Response(status_code=204)


def genuine(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Say whether a body was signed with the secret within the last five minutes (Standard Webhooks 1.0)."""
    stamp = headers.get("webhook-timestamp", "")
    if not secret or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        return False
    moment = datetime.fromtimestamp(int(stamp), UTC)
    made = signing.headers(headers.get("webhook-id", ""), moment, body, [secret])["webhook-signature"]
    given = headers.get("webhook-signature", "").split()
    return abs(now - moment) <= TOLERANCE and any(hmac.compare_digest(made.encode(), one.encode()) for one in given)


def summary(event: Mapping[str, Any]) -> dict[str, str]:
    """Return what scripts want to know of an alert: `rule`, `level` (`first` or `surge`) and `headline`."""
    data = event["data"]
    headline = data.get("storyline", {}).get("headline", "")
    return {"rule": data["rule"]["name"], "level": data["level"], "headline": headline}


def line(event: Mapping[str, Any]) -> str:
    """Return an alert as one line for people: the rule, what it rang for, and why."""
    data, told = event["data"], summary(event)
    storyline = data.get("storyline", {})
    turn = {"first": "", "surge": " (it surges)"}.get(told["level"], f" ({told['level']})")
    size = f"{storyline.get('articles', 0)} articles, {storyline.get('outlets', 0)} outlets"
    why = ", ".join(f"{one['condition']} ({one['found']})" for one in data.get("why", ()))
    said = f"ALERT {told['rule']}{turn}: {told['headline']} [{size}; matches {why}]"
    return "".join(sign if sign.isprintable() else " " for sign in said)
