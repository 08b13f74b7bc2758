"""Content encodings, undone with a limit on what comes out: a few kilobytes can hold gigabytes."""

from __future__ import annotations

import zlib

import brotli  # type: ignore[import-untyped]
import zstandard

ACCEPT_ENCODING = "gzip, deflate, br, zstd"

# RFC 9659: a decoder for HTTP need not support zstd windows above 8 MB, and memory is taken by the window.
_ZSTD_WINDOW = 8 * 1024 * 1024
# Encodings one after the other; honest servers use one, a misconfigured proxy a second.
_LAYERS = 2
_BROTLI_STEP = 65_536
# Bytes given to the decoder at once. It has no limit on what it gives back, but a block of four bytes holds 128 KB at
# most (RFC 8878, 3.1.1.2), so a step gives back 8 MB at most.
_ZSTD_STEP = 256
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# gzip members or zstd frames in one body; each costs a copy of what follows, so a million empty ones would be a
# bomb of their own.
_MEMBERS = 64


class TooLargeError(Exception):
    """More came out than was allowed."""


class BadEncodingError(Exception):
    """The body is not what its Content-Encoding says, or that is nothing we know."""


def decode(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Undo `content_encoding` (the header's value) on `body`; the result has at most `limit` bytes.

    Raises TooLargeError or BadEncodingError.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in names if name and name != "identity"]
    if len(names) > _LAYERS:
        raise BadEncodingError(f"{len(names)} encodings on top of one another")
    for name in reversed(names):
        body = _decode_one(body, name, limit)
    if len(body) > limit:
        raise TooLargeError
    return body


def _decode_one(body: bytes, name: str, limit: int) -> bytes:
    if not body:
        return body
    try:
        if name in ("gzip", "x-gzip"):
            # Servers that announce gzip and send the page as it is exist; the first two bytes tell.
            return _inflate(body, 31, limit) if body[:2] == b"\x1f\x8b" else body
        if name == "deflate":
            # The name means the zlib format (RFC 9110, 8.4.1.2), but some servers send bare deflate.
            try:
                return _inflate(body, 15, limit)
            except zlib.error:
                return _inflate(body, -15, limit)
        if name == "br":
            return _brotli(body, limit)
        if name == "zstd":
            return _zstd(body, limit)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        raise BadEncodingError(f"the body is not {name}: {error}") from error
    raise BadEncodingError(f"unknown content encoding {name[:40]!r}")


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    for _ in range(_MEMBERS):
        inflator = zlib.decompressobj(window)
        part = inflator.decompress(body, limit + 1 - size)
        size += len(part)
        parts.append(part)
        if size > limit:
            raise TooLargeError
        if not inflator.eof:
            raise EOFError("it ends too early")
        # gzip allows several members one after the other; anything else behind the end is padding.
        body = inflator.unused_data
        if window != 31 or body[:2] != b"\x1f\x8b":
            return b"".join(parts)
    raise BadEncodingError(f"more than {_MEMBERS} gzip members")


def _brotli(body: bytes, limit: int) -> bytes:
    decoder = brotli.Decompressor()
    out = bytearray(decoder.process(body, output_buffer_limit=_BROTLI_STEP))
    while not decoder.is_finished():
        if len(out) > limit:
            raise TooLargeError
        part = decoder.process(b"", output_buffer_limit=_BROTLI_STEP)
        if not part and decoder.can_accept_more_data():
            raise EOFError("it ends too early")
        out += part
    if len(out) > limit:
        raise TooLargeError
    return bytes(out)


def _zstd(body: bytes, limit: int) -> bytes:
    out = bytearray()
    for _ in range(_MEMBERS):
        decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        position = 0
        while not decoder.eof and position < len(body):
            out += decoder.decompress(body[position : position + _ZSTD_STEP])
            position += _ZSTD_STEP
            if len(out) > limit:
                raise TooLargeError
        if not decoder.eof:
            raise EOFError("it ends too early")
        body = decoder.unused_data + body[position:]
        if not body.startswith(_ZSTD_MAGIC):
            return bytes(out)
    raise BadEncodingError(f"more than {_MEMBERS} zstd frames")
