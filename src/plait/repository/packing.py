"""Packfiles while they are filled, and their way into the store."""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import TemporaryError
from plait.repository.format import frames
from plait.repository.format.packfiles import LEAST_PADDING, Blob, seal
from plait.repository.format.resources import MAC_SIZE, VERSION_1_0_0, Resource
from plait.repository.layout import Folder
from plait.stores.wrappers.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.repository.files import StoredFiles
    from plait.repository.format.codec import Codec

LARGEST: Final = 24 << 20
"""Bytes of blobs after which a packfile is closed, whatever more the repository allows: up to four are in memory."""
_ATTEMPTS: Final = 4
_FIRST_PADDING: Final = 4 << 10
_PIECE: Final = 1 << 20


class Packed(NamedTuple):
    """A packfile that was stored. `timestamp` in nanoseconds since the epoch, `size` in bytes of the stored file."""

    name: bytes
    timestamp: int
    blobs: Sequence[Blob]
    size: int


class Packing:
    """A packfile being filled. Not for several threads at once."""

    def __init__(self) -> None:
        self.timestamp = time.time_ns()
        self._parts: list[bytes] = []
        self._blobs: list[Blob] = []
        self.size = 0
        """Bytes of blobs so far, padding included."""
        self._pad(1 + secrets.randbelow(_FIRST_PADDING))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but padding in it."""
        return len(self._blobs) == 1

    def add(self, resource: int, mac: bytes, encoded: bytes) -> None:
        """Appends a blob whose bytes are encoded already."""
        self._blobs.append(Blob(resource, VERSION_1_0_0, mac, self.size, len(encoded)))
        self._parts.append(encoded)
        self.size += len(encoded)

    def _pad(self, size: int) -> None:
        self.add(Resource.RANDOM, os.urandom(MAC_SIZE), os.urandom(size))

    def store(self, codec: Codec, files: StoredFiles) -> Packed:
        """Stores the packfile, durably. Raises the store's errors."""
        # Readers may reach beyond the end of a blob, and fail where the file ends.
        self._pad(LEAST_PADDING + secrets.randbelow(LEAST_PADDING))
        self._parts.append(seal(codec, self.timestamp, self._blobs, self.size))
        header = frames.header(Resource.PACKFILE, VERSION_1_0_0)
        named, framed = codec.authenticator.hasher(), codec.authenticator.hasher()
        framed.update(header)
        for piece in self._pieces():
            named.update(piece)
            framed.update(piece)
        name = named.digest()
        size = sum(map(len, self._parts)) + len(header) + frames.TRAILER_SIZE
        self._parts.insert(0, header)
        self._parts.append(framed.digest())
        self._upload(files, name, size)
        self._parts.clear()
        return Packed(name, self.timestamp, self._blobs, size)

    def _upload(self, files: StoredFiles, name: bytes, size: int) -> None:
        """Stores what the parts are. The same bytes under their own name may be stored again after any failure."""
        policy = RetryPolicy()
        for failures in range(1, _ATTEMPTS):
            try:
                files.put_stream(Folder.PACKFILES, name, _Pieces(self._pieces()), size)
            except TemporaryError as error:
                time.sleep(policy.pause(failures, error))
            else:
                return
        files.put_stream(Folder.PACKFILES, name, _Pieces(self._pieces()), size)

    def _pieces(self) -> Iterator[bytes]:
        """The parts, small ones joined."""
        waiting: list[bytes] = []
        size = 0
        for part in self._parts:
            waiting.append(part)
            size += len(part)
            if size >= _PIECE:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)


class _Pieces:
    """Content that is read piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, one at least before the end; all that is left for -1."""
        if size < 0:
            rest, self._rest = self._rest, b""
            return rest + b"".join(self._pieces)
        while not self._rest:
            following = next(self._pieces, None)
            if following is None:
                return b""
            self._rest = following
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
