"""Digests of the contents of a snapshot's files, as other programs compute them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import blake3
import msgspec

from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.repository.checking.directories import packfiles_of
from plait.repository.format import entries
from plait.repository.restoring.settings import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.format.entries import Entry
    from plait.repository.snapshots import SnapshotReader

_GREATEST_DEPTH = 512


class Digest(msgspec.Struct, frozen=True):
    """The digest of a file: its path, the algorithm, and lower-case hex."""

    path: str
    algorithm: str
    hexadecimal: str


class _Hasher(Protocol):
    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def hasher_of(algorithm: str) -> Callable[[], _Hasher]:
    """Makes hashers of an algorithm: SHA256 or BLAKE3, without a key. Raises NotSupportedError."""
    if algorithm == "SHA256":
        return hashlib.sha256
    if algorithm == "BLAKE3":
        return blake3.blake3
    raise NotSupportedError(f"unknown hashing algorithm: {algorithm}", hint="SHA256 and BLAKE3 are known")


def digests(snapshot: SnapshotReader, path: str, algorithm: str = "SHA256") -> Iterator[Digest | Failure]:
    """Of every regular file at and below an absolute path, in order; a Failure in the place of one that is damaged.

    Symbolic links are followed inside of the snapshot; those that lead out of it, or round in a circle, have no digest.
    Raises ObjectNotFoundError where there is no such path, NotSupportedError for an unknown algorithm.
    """
    make = hasher_of(algorithm)
    failures: list[Failure] = []

    def damaged(where: str, error: IntegrityError) -> None:
        failures.append(Failure(snapshot.identifier, where, str(error), packfiles_of(error)))

    def below(shown: str, entry: Entry, above: tuple[str, ...]) -> Iterator[Digest | Failure]:
        if entry.file_info.is_directory:
            # A link to a directory above would never end.
            if entry.path in above or len(above) > _GREATEST_DEPTH:
                return
            for child in snapshot.children(entry.path, damaged):
                yield from below(f"{shown.rstrip('/')}/{child.file_info.name}", child, (*above, entry.path))
            yield from failures
            failures.clear()
        elif entry.file_info.mode & entries.MODE_SYMLINK:
            try:
                target = snapshot.follow(entry.path)
            except ObjectNotFoundError:
                return
            except IntegrityError as error:
                yield Failure(snapshot.identifier, shown, str(error), packfiles_of(error))
            else:
                yield from below(shown, target, above)
        elif entry.file_info.is_regular:
            yield _digest(snapshot, shown, entry, algorithm, make())

    yield from below(path, snapshot.follow(path), ())


def _digest(snapshot: SnapshotReader, path: str, entry: Entry, algorithm: str, hasher: _Hasher) -> Digest | Failure:
    try:
        for chunk in snapshot.content(entry):
            hasher.update(chunk)
    except IntegrityError as error:
        return Failure(snapshot.identifier, path, str(error), packfiles_of(error))
    return Digest(path, algorithm, hasher.hexdigest())
