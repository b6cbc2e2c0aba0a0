"""Talking with a Jupyter kernel that may be hostile: its shell channel, with a bound on whatever it may say.

ZeroMQ's own library puts no bound on a message of many parts, so that a kernel could fill the grader's memory.
https://rfc.zeromq.org/spec/23/ and https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LARGEST = 32_000_000  # bytes of a message: all answers of an exercise, in base64
MOST_PARTS = 16
MOST_STRAY = 2_000  # messages that nobody asked for
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
_MORE, _LONG, _COMMAND = 1, 2, 4
_DELIMITER = b"<IDS|MSG>"


class Garbled(Exception):
    """What came is no message of Jupyter's, or too large."""


class Shell:
    """The shell channel of a kernel over a connected stream socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._bytes = bytearray()
        self._parts: list[bytes] = []
        self._greeted = self._ready = False
        self._held = b""  # what is not to be sent before the other side is ready
        self._asked = 0
        self._stray = 0
        channel.sendall(_GREETING + _frame(_READY, _COMMAND))

    def ask(self, code: str) -> str:
        """Send code to be run; gives the request's name, to know its reply by."""
        self._asked += 1
        name = f"crmlab-{self._asked}"
        header = {
            "msg_id": name, "msg_type": "execute_request", "session": "crmlab", "username": "crmlab",
            "date": "2000-01-01T00:00:00Z", "version": "5.4",
        }  # fmt: skip
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": False,
        }  # fmt: skip
        parts = [_DELIMITER, b"", *(json.dumps(one).encode() for one in (header, {}, {}, content))]
        self._held += b"".join(_frame(part, _MORE if i < 5 else 0) for i, part in enumerate(parts))
        self._send()
        return name

    def _send(self) -> None:
        if self._ready:
            held, self._held = self._held, b""
            self._channel.sendall(held)

    def read(self, name: str) -> bytes | None:
        """Take what has come; the content of the reply to this request, if it is there. Garbled, or EOFError."""
        try:
            come = self._channel.recv(2**20)
        except OSError as error:
            raise EOFError from error
        if not come:
            raise EOFError
        self._bytes += come
        for parts in iter(self._message, None):
            if (content := _reply(parts, name)) is not None:
                return content
            self._count()
        return None

    def _count(self) -> None:
        self._stray += 1
        if self._stray > MOST_STRAY:
            raise Garbled

    def _message(self) -> list[bytes] | None:
        """The next whole message, if it is there."""
        while (frame := self._next()) is not None:
            flags, body = frame
            if flags & _COMMAND:
                self._ready = True
                self._send()
                self._count()
                continue
            self._parts.append(body)
            if len(self._parts) > MOST_PARTS or sum(map(len, self._parts)) > LARGEST:
                raise Garbled
            if not flags & _MORE:
                whole, self._parts = self._parts, []
                return whole
        return None

    def _next(self) -> tuple[int, bytes] | None:
        data = self._bytes
        if not self._greeted:
            if len(data) < len(_GREETING):
                return None
            if data[0] != 0xFF or data[10] < 3 or data[12:16] != b"NULL":
                raise Garbled
            del data[: len(_GREETING)]
            self._greeted = True
        head = 9 if data and data[0] & _LONG else 2
        if len(data) < head:
            return None
        size = struct.unpack(">Q", data[1:9])[0] if head == 9 else data[1]
        if size > LARGEST:
            raise Garbled
        if len(data) < head + size:
            return None
        flags, body = data[0], bytes(data[head : head + size])
        del data[: head + size]
        return flags, body


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) > 255:
        return struct.pack(">BQ", flags | _LONG, len(body)) + body
    return struct.pack(">BB", flags, len(body)) + body


def _reply(parts: list[bytes], name: str) -> bytes | None:
    """The content, where this message is the reply to that request."""
    if len(parts) < 6 or parts[0] != _DELIMITER or max(len(parts[2]), len(parts[3])) > 10_000:
        return None
    said: list[Any] = []
    for part in parts[2:4]:
        try:
            said.append(json.loads(part))
        except (ValueError, RecursionError):
            return None
    header, parent = said
    if not (isinstance(header, dict) and isinstance(parent, dict)):
        return None
    wanted = header.get("msg_type") == "execute_reply" and parent.get("msg_id") == name
    return parts[5] if wanted else None
