"""What is remembered of uploads in parts, so that the next run goes on with one that was interrupted.

A server tells which parts it has, but not what the upload was begun with (times, type, class, keys); a note in Plait's
state directory does. It is a file for each object under way, readable by its owner only, named after a hash of the
place. It holds no secret: of the headers only a hash is kept. Whoever uploads holds a lock on it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION: Final = 1
LARGEST: Final = 64 << 10
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class UploadNote(msgspec.Struct, frozen=True):
    """An upload: its identifier, and hashes of what it was begun with and of the content."""

    version: int
    identifier: str
    part_size: int
    begun_with: str
    content: str


class HeldNote:
    """A note that no other process uses now; `known` is what it said when it was taken."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self.known = _parsed(os.pread(descriptor, LARGEST, 0))

    def write(self, note: UploadNote) -> None:
        """Writes the note anew. Raises OSError."""
        if self._descriptor is not None:
            data = msgspec.json.encode(note)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, data, 0)

    def forget(self) -> None:
        """Removes the note and lets go of it."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
        self.release()

    def release(self) -> None:
        """Lets go of the note, which stays; repeated calls do nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def take(directory: Path, place: str) -> HeldNote | None:
    """The note on a place, made where there is none; None where another process uses it, or none can be made."""
    path = directory / sha256(place.encode("utf-8", "surrogateescape")).hexdigest()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Before it was locked, its owner may have removed it.
        if os.fstat(descriptor).st_nlink:
            return HeldNote(path, descriptor)
    except OSError:
        pass
    os.close(descriptor)
    return None


def hash_of(headers: Mapping[str, str]) -> str:
    """A hash of what an upload is begun with."""
    return sha256(msgspec.json.encode(sorted(headers.items()))).hexdigest()


def _parsed(data: bytes) -> UploadNote | None:
    try:
        note = msgspec.json.decode(data, type=UploadNote)
    except msgspec.DecodeError:
        return None
    return note if note.version == VERSION else None
