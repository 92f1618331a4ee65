"""Whirlpool, for machines whose OpenSSL does not offer it (ISO/IEC 10118-3)."""

from __future__ import annotations

from typing import Final

from plait.native import whirlpool

_BLOCK: Final = 64
_LENGTH_BYTES: Final = 32


class Whirlpool:
    """A Whirlpool hash being computed."""

    def __init__(self) -> None:
        self._state = bytes(_BLOCK)
        self._held = b""
        self._size = 0

    def update(self, data: bytes, /) -> None:
        self._size += len(data)
        data = self._held + bytes(data)
        whole = len(data) - len(data) % _BLOCK
        if whole:
            self._state = whirlpool(self._state, memoryview(data)[:whole])
        self._held = data[whole:]

    def hexdigest(self) -> str:
        zeros = -(len(self._held) + 1 + _LENGTH_BYTES) % _BLOCK
        last = self._held + b"\x80" + bytes(zeros) + (8 * self._size).to_bytes(_LENGTH_BYTES)
        return whirlpool(self._state, last).hex()
