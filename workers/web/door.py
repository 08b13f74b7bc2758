"""Who holds the token: those who show it, and browsers in which it was entered a while ago."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, Signer, URLSafeSerializer

from pipeline.ledger import Ledger, logouts
from workers.web.attempts import MOST, Attempts

COOKIE = "slugline_session"
LASTS = timedelta(hours=12)  # a working day: the token is asked for again each morning
SLACK = timedelta(minutes=1)  # clocks of several web processes differ
SCRYPT = {"n": 2**14, "r": 8, "p": 1}  # 50 ms and 16 MB, once: a cookie that was seen is no quick way to a weak token


class ForgedError(Exception):
    """A cookie that was not signed with this token."""


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` goes into the forms of its pages, and comes back with each change."""

    id: str
    until: datetime
    csrf: str


class Door:
    """The token, the sessions that were begun with it, and one count of who was wrong for all ways to come in.

    The key of the sessions comes from the token: another token ends all of them, and several web processes over one
    ledger know one another's. `clock` gives the present time, aware and in UTC.
    """

    def __init__(self, token: str, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._token = token.encode()
        self._ledger = ledger
        self._clock = clock
        self._attempts = Attempts()
        key = hashlib.scrypt(self._token, salt=b"slugline sessions", n=SCRYPT["n"], r=SCRYPT["r"], p=SCRYPT["p"])
        hashed = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._cookies = URLSafeSerializer(key, salt="session", signer_kwargs=hashed)
        self._forms = Signer(key, salt="form", digest_method=hashlib.sha256, key_derivation="hmac")

    def is_token(self, given: bytes) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(given, self._token)

    def wrong(self, address: str) -> None:
        """Take note of a wrong token, or of a cookie that was made with one."""
        self._attempts.wrong(address, time.monotonic())

    def wait(self, address: str) -> int:
        """Seconds until what this address shows is looked at again; 0: it is."""
        return self._attempts.wait(address, time.monotonic())

    def begin(self) -> str:
        """A new session, as the value of its cookie."""
        made = self._cookies.dumps([secrets.token_urlsafe(18), int(self._clock().timestamp())])
        return made if isinstance(made, str) else made.decode()

    def session(self, cookie: str) -> Session | None:
        """The session of a cookie; None when it has ended. Reads the ledger.

        Raises ForgedError when the cookie was signed with another token or not at all, LedgerError when nobody can say
        whether it was ended.
        """
        try:
            name, began = self._cookies.loads(cookie)
        except BadSignature as error:
            raise ForgedError from error
        now, start = self._clock(), datetime.fromtimestamp(began, UTC)
        if not start - SLACK <= now < start + LASTS:
            return None
        with self._ledger.read() as tx:
            if logouts.holds(tx, name):
                return None
        return Session(name, start + LASTS, self._forms.get_signature(name).decode())

    def end(self, session: Session) -> None:
        """From now on its cookie lets nobody in. Raises LedgerError when that cannot be written down."""
        with self._ledger.write() as tx:
            logouts.add(tx, session.id, session.until)


def too_often(seconds: int) -> str:
    """What somebody is told who was wrong too often."""
    return f"The token was wrong {MOST} times within a minute; try again in {seconds} seconds."
