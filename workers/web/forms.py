"""What a form of our pages sends: a few fields, URL-encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Message, Receive

FIELD = "csrf"  # the hidden input that every form of a session carries
HEADER = "x-csrf-token"  # the same, for changes that are no form
TYPE = "application/x-www-form-urlencoded"


def is_form(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == TYPE


async def body(receive: Receive, most: int) -> bytes | None:
    """All that is sent; None when it is longer than `most` bytes, or when the sender is gone."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def again(content: bytes, receive: Receive) -> Receive:
    """What gives this content as the body, and then goes on with `receive`."""
    waiting: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give


def fields(content: bytes) -> Mapping[str, str]:
    """The first value of each field; none when it is no form."""
    return {name: values[0] for name, values in lists(content).items()}


def lists(content: bytes) -> Mapping[str, Sequence[str]]:
    """All values of each field, one at least; none when it is no form."""
    try:
        return parse_qs(content.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
