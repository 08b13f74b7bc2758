"""Signatures of webhooks after Standard Webhooks 1.0 (https://www.standardwebhooks.com/), and their secrets."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pipeline.errors import InputError

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the secret of before is valid beside a new one."""
Secret = tuple[str, datetime | None]


def new_secret() -> str:
    """A secret of 32 random bytes; the specification asks for 24 to 64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def check_secret(secret: str) -> str:
    """Give a secret back as it was given. Raises InputError when it is not `whsec_` and 24 to 64 bytes in base64."""
    try:
        size = len(_key(secret))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(PREFIX) or not 24 <= size <= 64:
        raise InputError(f"a secret is {PREFIX} and 24 to 64 bytes in base64; without one, one is made")
    return secret


def rotated(held: Sequence[Secret], secret: str, now: datetime) -> tuple[Secret, ...]:
    """The secrets after a new one came: the present one stays valid for a day, older ones end."""
    before = [(one, now + OVERLAP) for one, until in held if until is None]
    return ((secret, None), *before[:1])


def valid(held: Iterable[Secret], now: datetime) -> list[str]:
    """The secrets that are valid at that moment, newest first."""
    return [secret for secret, until in held if until is None or until > now]


def headers(event_id: str, moment: datetime, body: bytes, held: Sequence[str]) -> dict[str, str]:
    """The three headers of a webhook: one signature (HMAC-SHA256) for each valid secret."""
    stamp = str(int(moment.timestamp()))
    signed = f"{event_id}.{stamp}.".encode() + body
    made = [base64.b64encode(hmac.digest(_key(one), signed, hashlib.sha256)).decode("ascii") for one in held]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{one}" for one in made),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
