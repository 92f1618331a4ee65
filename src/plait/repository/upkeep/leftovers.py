"""What dead runs leave in a repository's place: temporary files, and locks that nobody refreshes."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import DirectoryNotFoundError, IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.model.items import Kind
from plait.repository.format import locks
from plait.repository.format.locks import STALE_SECONDS
from plait.repository.layout import CONFIGURATION, Folder, name_of
from plait.repository.signs import is_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.repository.files import StoredFiles
    from plait.repository.format.codec import Codec

_SECOND: Final = 1_000_000_000
_TEMPORARY: Final = re.compile(r"tmp\.[0-9]+|[0-9a-f]{64}\.tmp\..+|(?:[0-9a-f]{64}|CONFIG)\.[0-9a-f]{8}\.partial")
"""The names that the original's connectors for directories and for SFTP give files that are not whole yet, and ours."""


class LeftOver(msgspec.Struct, frozen=True):
    """A file that a writer left: its key, bytes, and when it was written, in nanoseconds since the epoch."""

    key: str
    size: int
    modified: int


class SeenLock(msgspec.Struct, frozen=True):
    """A lock that is there, whose, how old it says it is in seconds, and whether its holder is known to have ended."""

    name: bytes
    host: str
    exclusive: bool
    age: int
    is_over: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether it counts no more."""
        return self.is_over or self.age >= STALE_SECONDS


def temporary_files(files: StoredFiles) -> list[LeftOver]:
    """The temporary files of writers, of those that still run, too. Raises the store's errors."""
    root = _local_root(files)
    found = _local_files(root) if root is not None else _stored_files(files)
    return [file for file in found if _TEMPORARY.fullmatch(file.key.rpartition("/")[2])]


def seen_locks(files: StoredFiles, codec: Codec) -> list[SeenLock]:
    """The locks that are there; one that cannot be read is nobody's. Raises the store's errors."""
    seen = []
    for name, key in files.keys(Folder.LOCKS).items():
        try:
            lock = locks.read(files.read(key), codec)
        except ObjectNotFoundError:
            continue
        except (IntegrityError, NotSupportedError):
            seen.append(SeenLock(name, "", exclusive=False, age=0))
        else:
            age = (time.time_ns() - lock.timestamp) // _SECOND
            seen.append(SeenLock(name, lock.host, lock.exclusive, max(0, age), is_over(files.signs, name)))
    return seen


def remove(files: StoredFiles, left: list[LeftOver]) -> None:
    """Removes temporary files. Raises the first error, after all were tried."""
    root = _local_root(files)
    if root is None:
        trouble = None
        for deleted in files.store.delete([file.key for file in left]):
            trouble = trouble or deleted.error
        if trouble is not None:
            raise trouble
        return
    for file in left:
        # The store itself takes its own partial files for nobody's business.
        (root / file.key).unlink(missing_ok=True)


def _local_root(files: StoredFiles) -> Path | None:
    from pathlib import Path

    from plait.stores.local.store import LocalStore
    from plait.stores.wrappers.base import unwrapped

    store = unwrapped(files.store)
    return Path(store.root.path) if isinstance(store, LocalStore) else None


def _local_files(root: Path) -> Iterator[LeftOver]:
    """Files of the repository's directories, with those that the store does not list."""
    places = [root, *(root / folder.value for folder in Folder)]
    places += [
        below
        for folder in (Folder.PACKFILES, Folder.STATES)
        if (root / folder.value).is_dir()
        for below in (root / folder.value).iterdir()
        if below.is_dir()
    ]
    for place in places:
        if not place.is_dir():
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and name_of(entry.name) is None:
                    stat = entry.stat(follow_symlinks=False)
                    prefix = place.relative_to(root).as_posix()
                    key = entry.name if prefix == "." else f"{prefix}/{entry.name}"
                    yield LeftOver(key, stat.st_size, stat.st_mtime_ns)


def _stored_files(files: StoredFiles) -> Iterator[LeftOver]:
    try:
        for page in files.store.list(""):
            if page.error is not None:
                raise page.error
            for index, name in enumerate(page.names):
                key = page.prefix + name
                if page.kinds[index] != Kind.FILE or name_of(key) is not None or key == CONFIGURATION:
                    continue
                stat = page.stat(index)
                written = stat.modified if stat.stored_at is None else stat.stored_at
                yield LeftOver(key, stat.size or 0, time.time_ns() if written is None else written)
    except (DirectoryNotFoundError, NotSupportedError):
        # Nothing was written yet; or a server shows the repository's own files only.
        return
