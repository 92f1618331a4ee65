"""Packfiles while they are filled, and their way into the store."""

from __future__ import annotations

import mmap
import os
import secrets
import time
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import TemporaryError
from plait.repository.format import frames
from plait.repository.format.packfiles import LEAST_PADDING, RECORD, seal
from plait.repository.format.resources import MAC_SIZE, VERSION_1_0_0, Resource
from plait.repository.layout import Folder
from plait.repository.segments import KEY
from plait.stores.wrappers.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.files import StoredFiles
    from plait.repository.format.codec import Codec

LARGEST: Final = 24 << 20
"""Bytes of blobs after which a packfile is closed, whatever more the repository allows: up to four are in memory."""
_ATTEMPTS: Final = 4
_CAPACITY: Final = LARGEST + (4 << 20)
_FIRST_PADDING: Final = 4 << 10
_MORE_PADDING: Final = 16 << 10
"""What comes to the least by chance: little, so that a dry run foresees the size of a small snapshot, too."""
_HUGE_PAGES: Final[int | None] = getattr(mmap, "MADV_HUGEPAGE", None)
"""Where the system has them."""


class Packed(NamedTuple):
    """A packfile that was stored. `timestamp` in nanoseconds since the epoch, `size` in bytes of the stored file.

    `records`: its plain index.
    """

    name: bytes
    timestamp: int
    records: bytes
    size: int


class Encoded(NamedTuple):
    """Blobs that are encoded, as columns: keys (`segments.key_of`), bytes of each, and all bytes; none without."""

    keys: bytes
    sizes: Sequence[int]
    data: bytes

    def only(self, numbers: Sequence[int]) -> Encoded:
        """Some of them, by their places in order."""
        ends = list(accumulate(self.sizes))
        keys = b"".join(self.keys[number * KEY : (number + 1) * KEY] for number in numbers)
        sizes = [self.sizes[number] for number in numbers]
        data = b"".join(self.data[ends[number] - self.sizes[number] : ends[number]] for number in numbers)
        return Encoded(keys, sizes, data)


class Packing:
    """A packfile being filled. Not for several threads at once."""

    def __init__(self) -> None:
        self.timestamp = time.time_ns()
        # Straight from the system: what an allocator has many threads fill and free it hardly ever gives back.
        # Private: shared memory cannot grow, and processes forked meanwhile would hold it.
        self._body = mmap.mmap(-1, _CAPACITY, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if _HUGE_PAGES is not None:
            # Else the faults of its pages cost more than what is copied into them. A kernel may be built without.
            with suppress(OSError):
                self._body.madvise(_HUGE_PAGES)
        self.size = 0
        """Bytes of blobs so far, padding included."""
        self._records = bytearray()
        self._pad(1 + secrets.randbelow(_FIRST_PADDING))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but padding in it."""
        return len(self._records) == RECORD.size

    def add(self, resource: int, mac: bytes, encoded: bytes) -> None:
        """Appends a blob whose bytes are encoded already."""
        self._records += RECORD.pack(resource, VERSION_1_0_0, mac, self.size, len(encoded), 0)
        self._append(encoded)

    def add_all(self, blobs: Encoded) -> None:
        """As `add`, of many."""
        keys, at = blobs.keys, self.size
        starts = accumulate(blobs.sizes, initial=at)
        self._records += b"".join(
            RECORD.pack(keys[key + MAC_SIZE], VERSION_1_0_0, keys[key : key + MAC_SIZE], start, size, 0)
            for key, start, size in zip(range(0, len(keys), KEY), starts, blobs.sizes, strict=False)
        )
        self._append(blobs.data)

    def _append(self, data: bytes) -> None:
        end = self.size + len(data)
        if end > len(self._body):
            self._body.resize(end + _CAPACITY // 4)
        self._body[self.size : end] = data
        self.size = end

    def _pad(self, size: int) -> None:
        self.add(Resource.RANDOM, os.urandom(MAC_SIZE), os.urandom(size))

    def store(self, codec: Codec, files: StoredFiles) -> Packed:
        """Stores the packfile, durably. Raises the store's errors."""
        # Readers may reach beyond the end of a blob, and fail where the file ends.
        self._pad(LEAST_PADDING + secrets.randbelow(_MORE_PADDING))
        records = bytes(self._records)
        self._append(seal(codec, self.timestamp, records, self.size))
        with memoryview(self._body) as whole, whole[: self.size] as body:
            name = codec.mac(body)
            header = frames.header(Resource.PACKFILE, VERSION_1_0_0)
            framed = codec.authenticator.hasher()
            framed.update(header)
            framed.update(body)
            parts = (header, body, framed.digest())
            size = sum(map(len, parts))
            _upload(files, name, parts, size)
        self._body.close()
        return Packed(name, self.timestamp, records, size)


def _upload(files: StoredFiles, name: bytes, parts: Sequence[bytes | memoryview], size: int) -> None:
    """Stores a packfile. The same bytes under their own name may be stored again after any failure."""
    policy = RetryPolicy()
    for failures in range(1, _ATTEMPTS):
        try:
            files.put_stream(Folder.PACKFILES, name, _Parts(parts), size)
        except TemporaryError as error:
            time.sleep(policy.pause(failures, error))
        else:
            return
    files.put_stream(Folder.PACKFILES, name, _Parts(parts), size)


class _Parts:
    """Content that is in memory in several parts."""

    def __init__(self, parts: Sequence[bytes | memoryview]) -> None:
        self._parts = list(reversed(parts))
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, one at least before the end; all that is left for -1."""
        if size < 0:
            left, self._parts, self._at = self._parts[::-1], [], 0
            return b"".join(left)
        while self._parts:
            part = self._parts[-1]
            data = bytes(part[self._at : self._at + size])
            self._at += len(data)
            if data:
                return data
            self._parts.pop()
            self._at = 0
        return b""
