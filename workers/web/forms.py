"""What a form of our pages sends: a few fields, URL-encoded, or as parts where a file is among them (RFC 7578)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message as Mail
from email.parser import BytesHeaderParser
from email.policy import HTTP
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Message, Receive

FIELD = "csrf"  # the hidden input that every form of a session carries
HEADER = "x-csrf-token"  # the same, for changes that are no form
TYPE = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
MOST_FIELDS = 100  # no form of ours has more; a list of what was found is as long as a search is wide


@dataclass(frozen=True, slots=True)
class Sent:
    """The fields of a form, each with all its values, and its files: names and contents."""

    fields: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The first value, without blanks around it; empty when there is none."""
        return self.fields.get(name, [""])[0].strip()


def is_form(headers: Headers) -> bool:
    """Whether this is a form, of either kind."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in (TYPE, PARTS)


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


def fields(content: bytes, kind: str = TYPE) -> Mapping[str, str]:
    """The first value of each field; none when it is no form. `kind` is its Content-Type."""
    return {name: values[0] for name, values in lists(content, kind).items()}


def lists(content: bytes, kind: str = TYPE) -> Mapping[str, Sequence[str]]:
    """All values of each field, one at least; none when it is no form. `kind` is its Content-Type."""
    return read(content, kind).fields


def read(content: bytes, kind: str) -> Sent:
    """All that a form sent; nothing when it is none. `kind` is its Content-Type."""
    mail = Mail()
    mail["content-type"] = kind
    if mail.get_content_type() == PARTS:
        return _parts(content, str(mail.get_boundary("")))
    try:
        return Sent(parse_qs(content.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return Sent()


def _parts(content: bytes, boundary: str) -> Sent:
    """Read parts between boundaries, up to the closing one. What is malformed is left out."""
    given: dict[str, list[str]] = {}
    files: dict[str, tuple[str, bytes]] = {}
    if not boundary:
        return Sent()
    delimiter = b"\r\n--" + boundary.encode("utf-8", "replace")
    _, *parts = (b"\r\n" + content).split(delimiter, MOST_FIELDS)
    for part in parts:
        head, found, value = part.partition(b"\r\n\r\n")
        if head.startswith(b"--") or not found:
            break
        told = BytesHeaderParser(policy=HTTP).parsebytes(head.lstrip(b"\r\n \t") + b"\r\n")
        disposition = told.get("content-disposition")
        known = dict(disposition.params) if disposition is not None else {}
        if "filename" in known:
            files[str(known.get("name", ""))] = (str(known["filename"]), value)
        elif "name" in known:
            given.setdefault(str(known["name"]), []).append(value.decode("utf-8", "replace"))
    return Sent(given, files)
