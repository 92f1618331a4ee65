"""The hashes by which services know their files.

Sources: Dropbox, "Content hash"; Mail.ru Cloud, as its clients compute it; Microsoft Graph, "QuickXorHash algorithm";
"HiDrive Synchronization", section on MHash and NHash.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHA1_SIZE: Final = 20


class Dropbox:
    """SHA-256 of the SHA-256s of blocks of 4 MiB, as hex digits."""

    BLOCK: Final = 4 << 20

    def __init__(self) -> None:
        self._total = hashlib.sha256()
        self._block = hashlib.sha256()
        self._held = 0

    def update(self, data: bytes, /) -> None:
        view = memoryview(data)
        while view:
            part = view[: self.BLOCK - self._held]
            self._block.update(part)
            self._held += len(part)
            view = view[len(part) :]
            if self._held == self.BLOCK:
                self._total.update(self._block.digest())
                self._block = hashlib.sha256()
                self._held = 0

    def hexdigest(self) -> str:
        total = self._total.copy()
        if self._held:
            total.update(self._block.digest())
        return total.hexdigest()


class Mailru:
    """Of up to 20 bytes the bytes themselves, zeros after them; else SHA-1 of a word, the content and its length."""

    def __init__(self) -> None:
        self._hash = hashlib.sha1(b"mrCloud", usedforsecurity=False)
        self._short = b""
        self._size = 0

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)
        self._size += len(data)
        if len(self._short) < _SHA1_SIZE:
            self._short += bytes(data[: _SHA1_SIZE - len(self._short)])

    def hexdigest(self) -> str:
        if self._size <= _SHA1_SIZE:
            return self._short.ljust(_SHA1_SIZE, b"\0").hex()
        total = self._hash.copy()
        total.update(str(self._size).encode())
        return total.hexdigest()


class QuickXor:
    """Byte i of the content, rotated left by 11 i bits, exclusive-ored into 160 bits; then the length into the last 64.

    Bytes 160 places apart are rotated alike, so that they are combined first, all 160 places at once.
    """

    WIDTH: Final = 160
    SHIFT: Final = 11

    def __init__(self) -> None:
        self._places = 0
        self._held = b""
        self._size = 0

    def update(self, data: bytes, /) -> None:
        self._size += len(data)
        data = self._held + bytes(data)
        whole = len(data) - len(data) % self.WIDTH
        self._held = data[whole:]
        if whole:
            self._places ^= self._folded(data[:whole])

    def _folded(self, data: bytes) -> int:
        """The exclusive or of all pieces of 160 bytes: of the two halves, until one piece is left."""
        pieces = len(data) // self.WIDTH
        value = int.from_bytes(data, "little")
        while pieces > 1:
            half = (pieces + 1) // 2
            bits = half * self.WIDTH * 8
            value = (value & ((1 << bits) - 1)) ^ (value >> bits)
            pieces = half
        return value

    def hexdigest(self) -> str:
        places = (self._places ^ int.from_bytes(self._held, "little")).to_bytes(self.WIDTH, "little")
        ring = 0
        for place, byte in enumerate(places):
            ring ^= byte << (place * self.SHIFT % self.WIDTH)
        ring = (ring & ((1 << self.WIDTH) - 1)) ^ (ring >> self.WIDTH)
        ring ^= self._size << (self.WIDTH - 64)
        return ring.to_bytes(_SHA1_SIZE, "little").hex()


class Hidrive:
    """A tree of sums of SHA-1s: of blocks of 4 KiB, and of up to 256 sums of the level below with their places."""

    BLOCK: Final = 4096
    _NOTHING: Final = bytes(BLOCK)

    def __init__(self) -> None:
        self._held = b""
        self._levels: list[_Level] = []

    def update(self, data: bytes, /) -> None:
        data = self._held + bytes(data)
        whole = len(data) - len(data) % self.BLOCK
        for start in range(0, whole, self.BLOCK):
            _add(self._levels, 0, self._sum(data[start : start + self.BLOCK]))
        self._held = data[whole:]

    def _sum(self, block: bytes) -> bytes:
        if block == self._NOTHING:
            return bytes(_SHA1_SIZE)
        return hashlib.sha1(block, usedforsecurity=False).digest()

    def hexdigest(self) -> str:
        levels = [level.copy() for level in self._levels]
        if self._held:
            _add(levels, 0, self._sum(self._held.ljust(self.BLOCK, b"\0")))
        position = 0
        while position < len(levels) - 1:
            if levels[position].count:
                _add(levels, position + 1, levels[position].digest())
            position += 1
        if not levels:
            return bytes(_SHA1_SIZE).hex()
        last = levels[-1]
        return (last.digest() if last.count > 1 else last.latest).hex()


class _Level:
    """The sum of hashes of one level; `latest` is what was added to it last."""

    FULL: Final = 256
    _MODULUS: Final = 1 << (8 * _SHA1_SIZE)

    def __init__(self) -> None:
        self.count = 0
        self.latest = bytes(_SHA1_SIZE)
        self._total = 0

    def add(self, value: bytes) -> None:
        if any(value):
            placed = hashlib.sha1(value + bytes((self.count,)), usedforsecurity=False).digest()
            self._total = (self._total + int.from_bytes(placed)) % self._MODULUS
        self.count += 1
        self.latest = value

    def digest(self) -> bytes:
        return self._total.to_bytes(_SHA1_SIZE)

    def copy(self) -> _Level:
        other = _Level()
        other.count, other.latest, other._total = self.count, self.latest, self._total
        return other


def _add(levels: list[_Level], position: int, value: bytes) -> None:
    """Adds a hash to a level, and where that makes the level full its sum to the next one."""
    while True:
        if position == len(levels):
            levels.append(_Level())
        level = levels[position]
        level.add(value)
        if level.count < _Level.FULL:
            return
        value = level.digest()
        levels[position] = _Level()
        position += 1


SERVICES: Final[Mapping[str, type[Dropbox | Mailru | QuickXor | Hidrive]]] = {
    "dropbox": Dropbox,
    "hidrive": Hidrive,
    "mailru": Mailru,
    "quickxor": QuickXor,
}
"""The digests by rclone's names of them."""
