"""What this machine remembers of the last backup of a source: signatures and summaries of its folders.

One file for each source and repository, in the cache directory; it may be deleted at any time. It says of which
snapshot it is, and is worth nothing once that is no longer listed.
"""

from __future__ import annotations

import mmap
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final

import blake3
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHECKSUM: Final = 32
_LENGTH: Final = 8
_BLOCK: Final = 1 << 20
_VERSION: Final = 1


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The end of the file: what it is about, and where in it each folder's signature and summary are."""

    version: int
    identity: bytes
    snapshot: bytes
    folders: dict[bytes, tuple[int, int, int]]


class Known:
    """What is remembered. `snapshot`: the one it is of. Close it, or let it go."""

    def __init__(self, snapshot: bytes, folders: dict[bytes, tuple[int, int, int]], data: mmap.mmap) -> None:
        self.snapshot = snapshot
        self._folders = folders
        self._data = data

    def folder(self, path: str) -> tuple[bytes, bytes] | None:
        """Signature and packed summary of a folder, as they were; None where there was none."""
        found = self._folders.get(path.encode("utf-8", "surrogateescape"))
        if found is None:
            return None
        start, signature, summary = found
        middle = start + signature
        return self._data[start:middle], self._data[middle : middle + summary]


def load(path: Path, identity: bytes, is_listed: Callable[[bytes], bool]) -> Known | None:
    """What the file at a path remembers; None where it is missing, damaged, of other things or of no use any more."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _CHECKSUM + _LENGTH or not _is_whole(file, size):
                return None
            data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    except OSError:
        return None
    end = size - _CHECKSUM - _LENGTH
    start = end - int.from_bytes(data[end : end + _LENGTH], "little")
    try:
        head = msgspec.msgpack.decode(data[max(start, 0) : end], type=_Head)
    except msgspec.DecodeError:
        return None
    if (head.version, head.identity) != (_VERSION, identity) or not is_listed(head.snapshot):
        return None
    return Known(head.snapshot, head.folders, data)


def _is_whole(file: BinaryIO, size: int) -> bool:
    hasher = blake3.blake3()
    left = size - _CHECKSUM
    while left and (block := file.read(min(left, _BLOCK))):
        hasher.update(block)
        left -= len(block)
    return hasher.digest() == file.read(_CHECKSUM)


class Remembering:
    """Writes what will be known next time. A failure only means that nothing is remembered."""

    def __init__(self, path: Path | None, identity: bytes) -> None:
        self._path = path
        self._identity = identity
        self._folders: dict[bytes, tuple[int, int, int]] = {}
        self._position = 0
        self._file: BinaryIO | None = None
        self._hasher = blake3.blake3()
        if path is not None:
            with suppress(OSError):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._beside = path.with_name(f"{secrets.token_hex(8)}.new")
                descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                self._file = os.fdopen(descriptor, "wb", buffering=_BLOCK)

    def add(self, path: str, signature: bytes, summary: bytes) -> None:
        """Adds a folder."""
        if self._file is not None:
            name = path.encode("utf-8", "surrogateescape")
            self._folders[name] = (self._position, len(signature), len(summary))
            self._position += len(signature) + len(summary)
            self._write(signature + summary)

    def keep(self, snapshot: bytes) -> None:
        """Replaces what was remembered, now that the snapshot is part of the repository."""
        if self._file is None or self._path is None:
            return
        head = msgspec.msgpack.encode(_Head(_VERSION, self._identity, snapshot, self._folders))
        self._write(head + len(head).to_bytes(_LENGTH, "little"))
        self._write(self._hasher.digest())
        if self._file is not None:
            try:
                self._file.close()
                self._beside.replace(self._path)
            except OSError:
                self.discard()
            self._file = None

    def discard(self) -> None:
        """Forgets it all. Repeated calls do nothing."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._beside.unlink()
            self._file = None

    def _write(self, data: bytes) -> None:
        self._hasher.update(data)
        try:
            if self._file is not None:
                self._file.write(data)
        except OSError:
            self.discard()
