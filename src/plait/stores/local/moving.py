"""Moving files from one local store to another by renaming them, where both lie on one file system."""

from __future__ import annotations

import os
import stat as modes
import struct
from contextlib import ExitStack
from itertools import groupby
from typing import TYPE_CHECKING

from plait.model.errors import PlaitError, from_os_error
from plait.model.items import Kind, Stat, order_bytes
from plait.native import rename_files
from plait.stores.copies import CopyResult
from plait.stores.local.attributes import stat_of
from plait.stores.local.links import stands_for_link
from plait.stores.local.moves import rename_to_new
from plait.stores.local.options import Links
from plait.stores.local.paths import components
from plait.stores.local.reading import READ, check_file
from plait.stores.local.writing import system_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.stores.base import Outgoing
    from plait.stores.copies import CopyRequest
    from plait.stores.local.store import LocalStore

_EXPECTED = struct.Struct("=5q")


class Moves:
    """Requests being moved from `source` to `destination`.

    Whatever stands in the way of a rename (another file system, a second name of one file, a link, a file that is not
    as expected any more) makes None of a request: copying it says what is wrong, or does it.
    """

    def __init__(
        self, source: LocalStore, destination: LocalStore, how: Outgoing, cancelled: Callable[[], bool]
    ) -> None:
        self._source = source
        self._destination = destination
        self._how = how
        self._cancelled = cancelled
        self._durable = how.durable or destination.options.durable

    def run(self, requests: Sequence[CopyRequest]) -> list[CopyResult | None]:
        """What became of each request, in their order."""
        results: list[CopyResult | None] = []
        for _, group in groupby(requests, _directories):
            results += self._run_directory(list(group))
        return results

    def _run_directory(self, requests: Sequence[CopyRequest]) -> list[CopyResult | None]:
        """Moves files of one directory to one directory."""
        first = requests[0]
        with ExitStack() as opened:
            try:
                parents = components(first.item.key)[:-1]
                source = self._source.root.open_to_write(parents, first.item.key, make=False)
                opened.callback(os.close, source)
                target = self._destination.open_target(first.key, self._how)
                opened.callback(os.close, target.directory)
            except (OSError, PlaitError):
                return [None] * len(requests)
            destination = target.directory
            if os.fstat(source).st_dev != os.fstat(destination).st_dev:
                return [None] * len(requests)
            done = self._move_together(source, destination, requests)
            results = [
                self._move(source, destination, request) if result is None else result
                for request, result in zip(requests, done, strict=True)
            ]
            if self._durable:
                with system_errors("failed to sync the directory", first.key):
                    os.fsync(destination)
                    os.fsync(source)
            return results

    def _move_together(
        self, source: int, destination: int, requests: Sequence[CopyRequest]
    ) -> Sequence[CopyResult | None]:
        """What one native call can do of them all."""
        names = [request.item.key.rpartition("/")[2] for request in requests]
        leaves = [request.key.rpartition("/")[2] for request in requests]
        rows = [_expected(request) for request in requests]
        links = any(map(self._is_link, names, leaves))
        if self._durable or self._cancelled() or links or None in rows:
            return [None] * len(requests)
        moved = rename_files(
            source,
            destination,
            [order_bytes(name) for name in names],
            [order_bytes(leaf) for leaf in leaves],
            b"".join(row for row in rows if row is not None),
        )
        return [_moved(request) if done else None for request, done in zip(requests, moved, strict=True)]

    def _move(self, source: int, destination: int, request: CopyRequest) -> CopyResult | None:
        name = request.item.key.rpartition("/")[2]
        leaf = request.key.rpartition("/")[2]
        if self._cancelled() or self._is_link(name, leaf):
            return None
        try:
            found = os.stat(name, dir_fd=source, follow_symlinks=False)
            if modes.S_ISLNK(found.st_mode) and self._leads_nowhere(source, name):
                return self._move_link(source, destination, request)
            if not modes.S_ISREG(found.st_mode):
                return None
            if not self._source.options.no_check_updated:
                check_file(request.item.stat, stat_of(found), request.item.key)
            if self._durable:
                _sync(source, name)
            if request.replaces is None:
                rename_to_new(source, name, destination, leaf)
            elif _is_expected(destination, leaf, request.replaces, found):
                os.rename(name, leaf, src_dir_fd=source, dst_dir_fd=destination)
            else:
                return None
        except PermissionError as error:
            # What may not be taken from its directory is not copied either: it would stand in both places.
            return CopyResult(request, from_os_error(error, "failed to move", key=request.key))
        except (OSError, PlaitError):
            return None
        return CopyResult(request, None, Stat(Kind.FILE, found.st_size, found.st_mtime_ns), moved=True)

    def _leads_nowhere(self, directory: int, name: str) -> bool:
        if self._source.options.links is not Links.FOLLOW:
            return False
        try:
            os.stat(name, dir_fd=directory)
        except FileNotFoundError:
            return True
        return False

    def _move_link(self, source: int, destination: int, request: CopyRequest) -> CopyResult | None:
        """Moves the link itself, which was listed as what it led to: what has gone since was moved, too."""
        if request.replaces is not None:
            return None
        name, leaf = request.item.key.rpartition("/")[2], request.key.rpartition("/")[2]
        rename_to_new(source, name, destination, leaf)
        return _moved(request)

    def _is_link(self, name: str, leaf: str) -> bool:
        return stands_for_link(name, self._source.options) or stands_for_link(leaf, self._destination.options)


def _expected(request: CopyRequest) -> bytes | None:
    """What the native call is to find of a file; None where it cannot be told, or it is to replace another."""
    stat = request.item.stat
    posix = stat.posix
    if request.replaces is not None or stat.size is None or stat.modified is None or posix is None:
        return None
    return _EXPECTED.pack(stat.size, stat.modified, posix.changed, posix.inode, posix.device)


def _moved(request: CopyRequest) -> CopyResult:
    stat = request.item.stat
    return CopyResult(request, None, Stat(Kind.FILE, stat.size, stat.modified), moved=True)


def _is_expected(directory: int, leaf: str, expected: Stat, source: os.stat_result) -> bool:
    """True where a rename replaces the file that is expected. Raises OSError, SourceChangedError.

    Of two names of one file a rename would leave both.
    """
    there = os.stat(leaf, dir_fd=directory, follow_symlinks=False)
    if not modes.S_ISREG(there.st_mode) or os.path.samestat(there, source):
        return False
    check_file(expected, stat_of(there), leaf)
    return True


def _sync(directory: int, name: str) -> None:
    descriptor = os.open(name, READ | os.O_NOFOLLOW, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _directories(request: CopyRequest) -> tuple[str, str]:
    return request.item.key.rpartition("/")[0], request.key.rpartition("/")[0]
