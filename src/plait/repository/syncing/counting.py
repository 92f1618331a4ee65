"""A dry run's sink: what would be stored is counted, and stored nowhere."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from plait.repository.blobs import BlobIndex
    from plait.repository.format.codec import Codec

_PADDING: Final = 100 << 10
"""Bytes of padding and checksums of a packfile, and of the state that names it."""
_BOOKKEEPING: Final = 120
"""Bytes that say of a blob where it is, in its packfile and in a state."""


class Counting:
    """As a `Writer`, for a repository that stays as it is. `written`: bytes that it would have stored."""

    def __init__(self, codec: Codec, index: BlobIndex, packfile_size: int) -> None:
        self._codec = codec
        self._index = index
        self._packfile_size = packfile_size
        self._seen: set[bytes] = set()
        self._lock = Lock()
        self._blobs = [0, 0]
        self._count = 0
        self._chunk_count = 0
        self._padding = 0

    @property
    def written(self) -> int:
        """Bytes so far, with what the blobs' packfiles and states need."""
        return sum(self._blobs) + self._count * _BOOKKEEPING + self._padding

    def claim(self, resource: int, mac: bytes) -> bool:
        """As `Writer.claim`."""
        key = mac + bytes((resource,))
        with self._lock:
            if key in self._seen or self._index.places(resource, mac):
                return False
            self._seen.add(key)
            return True

    def add(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.add`."""
        self.add_encoded(resource, mac, self._codec.encode(plain))

    def add_encoded(self, resource: int, mac: bytes, encoded: bytes) -> None:
        """As `Writer.add_encoded`."""
        del mac
        self.grow(resource, len(encoded), 1)

    @property
    def chunks(self) -> tuple[int, int]:
        """Stored bytes of chunks so far, and how many."""
        return self._blobs[1], self._chunk_count

    def grow(self, resource: int, size: int, count: int) -> None:
        """Counts so many blobs of one kind, of so many stored bytes in all."""
        with self._lock:
            lane = int(resource == Resource.CHUNK)
            before = self._blobs[lane] // self._packfile_size
            self._blobs[lane] += size
            self._count += count
            self._chunk_count += count * lane
            self._padding += _PADDING * (self._blobs[lane] // self._packfile_size - before)

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.put`."""
        if self.claim(resource, mac):
            self.add(resource, mac, plain)

    def end_snapshot(self) -> None:
        """A snapshot ends its packfiles, of which there are two kinds, and adds a state."""
        self._padding += 2 * _PADDING
