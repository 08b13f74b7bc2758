"""What travels between client and parser child: a length of four bytes, then that many bytes of pickle."""

from __future__ import annotations

import socket
import struct

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A page is capped at 10 MB before it gets here; anything near this size is a mistake."""
_HEADER = struct.Struct(">I")


def send(connection: socket.socket, body: bytes) -> None:
    connection.sendall(_HEADER.pack(len(body)))
    connection.sendall(body)


def receive(connection: socket.socket) -> bytes | None:
    """One frame, or None when the other side is gone or sends nonsense."""
    header = _receive_exactly(connection, _HEADER.size)
    if header is None:
        return None
    (size,) = _HEADER.unpack(header)
    return None if size > MAX_FRAME_BYTES else _receive_exactly(connection, size)


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    body = bytearray(size)
    view = memoryview(body)
    got = 0
    while got < size:
        count = connection.recv_into(view[got:])
        if count == 0:
            return None
        got += count
    return bytes(body)
