"""A dry run's sink: what would be stored is counted, and stored nowhere."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.repository.format.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.repository.blobs import BlobIndex
    from plait.repository.format.codec import Codec

_PADDING: Final = 74 << 10
"""Bytes of padding and checksums of a packfile, on average."""
_BOOKKEEPING: Final = 120
"""Bytes that say of a blob where it is, in its packfile and in a state."""
_STATE: Final = 500
"""Bytes of a state that says little."""


class Counting:
    """As a `Writer`, for a repository that stays as it is. `written`: bytes that it would have stored."""

    def __init__(self, codec: Codec, index: BlobIndex, packfile_sizes: Callable[[int], int]) -> None:
        """`packfile_sizes`: as `writing.packfile_sizes` answers."""
        self._codec = codec
        self._index = index
        self._sizes = packfile_sizes
        self._open = [0, 0]
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

    def add_all(self, blobs: Sequence[tuple[int, bytes, bytes]]) -> None:
        """As `Writer.add_all`."""
        for blob in blobs:
            self.add_encoded(*blob)

    @property
    def chunks(self) -> tuple[int, int]:
        """Stored bytes of chunks so far, and how many."""
        return self._blobs[1], self._chunk_count

    def grow(self, resource: int, size: int, count: int) -> None:
        """Counts so many blobs of one kind, of so many stored bytes in all."""
        with self._lock:
            lane = int(resource == Resource.CHUNK)
            self._blobs[lane] += size
            self._count += count
            self._chunk_count += count * lane
            self._open[lane] += size
            fullest = self._sizes(sum(self._blobs))
            if self._open[lane] > fullest:
                self._padding += _PADDING * (self._open[lane] // fullest)
                self._open[lane] = 0

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.put`."""
        if self.claim(resource, mac):
            self.add(resource, mac, plain)

    def end_snapshot(self) -> None:
        """A snapshot ends its packfiles, and adds a state."""
        self._padding += _STATE + _PADDING * sum(map(bool, self._open))
        self._open = [0, 0]
