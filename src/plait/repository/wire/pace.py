"""How much a server must send in how long a time: one that sends a byte now and then has not hung, but never ends."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from typing import Literal

    from _typeshed import WriteableBuffer

LEAST: Final = 32 << 10
"""Bytes that come, or a whole answer, within the seconds that are given; and so many go with each call that sends."""


class Paced:
    """A socket, as far as `http.client` reads an answer from it: with a deadline for every `LEAST` bytes."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        """What the answer is read from. Reading raises TimeoutError."""
        raw = self._connection.makefile(mode, buffering=0)
        return io.BufferedReader(_PacedReader(self._connection, raw, self._seconds))


class _PacedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, raw: socket.SocketIO, seconds: float) -> None:
        self._connection = connection
        self._raw = raw
        self._seconds = seconds
        self._begin()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"timed out: less than {LEAST >> 10} KiB came in {self._seconds:g} s")
        self._connection.settimeout(left)
        size = self._raw.readinto(buffer)
        self._moved += size or 0
        if self._moved >= LEAST:
            self._begin()
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _begin(self) -> None:
        self._moved = 0
        self._until = time.monotonic() + self._seconds
