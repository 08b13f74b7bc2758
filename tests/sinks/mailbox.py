"""A mail server on loopback, for what is sent to people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from tests.e2e.running import free_port


class Mailbox:
    """Takes mail; `got` has it. With `refuse` it answers with that instead."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refuse = ""
        self.url = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        made = message_from_bytes(envelope.content, policy=default)
        assert isinstance(made, EmailMessage)
        self.got.append(made)
        return "250 OK"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"hu5hhush")


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server at work while the block runs."""
    made, port = Mailbox(), free_port()
    server = Controller(made, hostname="127.0.0.1", port=port, authenticator=made.login, auth_require_tls=False)
    server.start()
    try:
        made.url = (
            f"mailto://desk:hu5hhush@paper.example:{port}?smtp=127.0.0.1&mode=insecure"
            "&from=slugline@paper.example&to=night@paper.example"
        )
        yield made
    finally:
        server.stop()
