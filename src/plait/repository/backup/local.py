"""The local file system as the source of a backup, read through descriptors of open directories."""

from __future__ import annotations

import copy
import errno
import os
import socket
import stat as modes
import time
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from plait.model.errors import CancelledError, DirectoryNotFoundError, from_os_error
from plait.model.items import Kind
from plait.native import scan
from plait.repository.backup.columns import Columns, Row, rows_of
from plait.repository.backup.databases import Images
from plait.repository.backup.opened import (
    DIRECTORY,
    FILE,
    HAS_XATTRS,
    WORDS,
    LocalContent,
    OpenDirectory,
    info_of,
    row_of,
    xattrs_of,
)
from plait.repository.backup.sources import Node, Unreadable
from plait.repository.format import entries
from plait.repository.format.hashing import plain_checksum
from plait.repository.format.headers import Importer
from plait.stores.local.attributes import kind_of
from plait.stores.sqlite_image import IN_USE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.repository.backup.databases import Databases, ImageContent
    from plait.repository.backup.excludes import Excludes

_GRAIN: Final = 100_000_000
"""Nanoseconds: two changes of a file that are nearer to each other may bear the same time."""


class LocalSource:
    """Files and directories of this machine, below what they have in common.

    `places`: absolute paths; a symbolic link is followed once and saved with what it leads to. `excludes` decides which
    paths are left out, `with_xattrs` whether extended attributes (and with them ACLs) are saved, `skips` names further
    directories and files by device and inode that are left out: a repository below the places must not save itself.
    `one_file_system`: directories on other devices are saved empty. `databases`: takes images of those in use; without,
    they are files like others. Raises DirectoryNotFoundError for a missing place.
    """

    def __init__(
        self,
        places: Sequence[str],
        *,
        excludes: Excludes | None = None,
        with_xattrs: bool = True,
        skips: frozenset[tuple[int, int]] = frozenset(),
        one_file_system: bool = False,
        origin: str | None = None,
        databases: Databases | None = None,
    ) -> None:
        self.databases = databases
        self.excludes = excludes
        self.with_xattrs = with_xattrs and HAS_XATTRS
        self.skips = skips
        self.one_file_system = one_file_system
        self.skipped: list[str] = []
        paths, directories = _ways(places)
        self._directory = os.path.commonpath(directories)
        self.importer = Importer("fs", socket.gethostname() if origin is None else origin, self._directory)
        self._ways = _tree_of(paths)
        self.began = time.time_ns()

    @property
    def fingerprint(self) -> bytes:
        """As in `Source`."""
        patterns = () if self.excludes is None else self.excludes.patterns
        parts = [*patterns, str(self.with_xattrs), str(sorted(self.skips)), str(self.one_file_system), repr(self._ways)]
        # Names of owners come from these.
        known = [Path(path).read_bytes() for path in ("/etc/passwd", "/etc/group") if os.access(path, os.R_OK)]
        return plain_checksum(b"\0".join(("\0".join(parts).encode("utf-8", "surrogateescape"), *known)))

    def root(self) -> Node:
        """As in `Source`."""
        found = os.lstat("/")
        return Node(info_of("/", row_of(found), named=self._ways is None))

    @property
    def facts(self) -> Mapping[str, str]:
        """As in `Source`."""
        return {} if self.databases is None else self.databases.facts()

    def count(self, cancelled: Callable[[], bool]) -> tuple[int, int]:
        """As in `Countable`, beside a walk or before it."""
        other = copy.copy(self)
        other.databases = None
        other.skipped = []
        items = size = 0
        for folder in other.walk(cancelled):
            items += len(folder.names)
            below = frozenset(folder.subfolders)
            size += sum(folder.weights([name for name in folder.names if name not in below]))
            folder.release()
        return items, size

    def walk(self, cancelled: Callable[[], bool]) -> Iterator[LocalFolder | WayFolder]:
        """As in `Source`: a folder before those in it."""
        if self.databases is None:
            yield from self._walk(cancelled)
            return
        self.databases.cancelled = cancelled
        with closing(self.databases), suppress(CancelledError):
            yield from self._walk(cancelled)

    def _walk(self, cancelled: Callable[[], bool]) -> Iterator[LocalFolder | WayFolder]:
        waiting: list[tuple[LocalFolder | WayFolder | None, str, _Ways]] = [(None, "/", self._ways)]
        while waiting and not cancelled():
            above, name, ways = waiting.pop()
            folder = self._enter(above, name, ways)
            if above is not None:
                above.release()
            for below in reversed(folder.subfolders):
                folder.hold()
                waiting.append((folder, below, None if ways is None else ways[below]))
            yield folder
        for above, _, _ in waiting:
            if above is not None:
                above.release()

    def _enter(self, above: LocalFolder | WayFolder | None, name: str, ways: _Ways) -> LocalFolder | WayFolder:
        path = name if above is None else os.path.join(above.path, name)
        if ways is not None:
            try:
                return WayFolder(self, path, ways)
            except OSError as error:
                # The place itself, or the way to it, was taken away since it was looked at.
                raise from_os_error(error, f"failed to open {path}") from None
        try:
            within = above.descriptor if isinstance(above, LocalFolder) else None
            descriptor = os.open(path if within is None else name, DIRECTORY, dir_fd=within)
        except OSError as error:
            return self._unreadable(path, error)
        try:
            folder = LocalFolder(self, path, descriptor)
        except OSError as error:
            os.close(descriptor)
            return self._unreadable(path, error)
        except CancelledError:
            os.close(descriptor)
            raise
        if self.one_file_system and isinstance(above, LocalFolder) and folder.device != above.device:
            folder.release()
            return LocalFolder(self, path, -1)
        return folder

    def _unreadable(self, path: str, error: OSError) -> LocalFolder:
        """A directory that cannot be read, or has vanished, which is no error: it is saved empty."""
        gone = error.errno == errno.ENOENT
        return LocalFolder(self, path, -1, None if gone else Unreadable(path, f"open {path}: {_reason(error)}"))


_Ways = dict[str, "_Ways"] | None
"""Names on the way to the places, and what is below them; None where a place begins."""


class WayFolder:
    """A directory above the places: only what leads to them is saved of it."""

    signature = b""
    identity = None
    errors: Sequence[Unreadable] = ()
    descriptor = None

    def __init__(self, source: LocalSource, path: str, ways: dict[str, _Ways]) -> None:
        self._source = source
        self._ways = ways
        self.path = path
        self.with_xattrs = source.with_xattrs
        self.names = sorted(ways, key=os.fsencode)
        self.subfolders = [name for name in self.names if self._is_directory(name)]
        self._images = Images({})
        places = [name for name in self.names if ways[name] is None and name not in self.subfolders]
        if source.databases is not None and places:
            beside = [name + end for name in places for end in IN_USE if os.path.lexists(self._at(name + end))]
            self._images = source.databases.images(path, beside, places)
            self.names = self._images.shown(self.names)

    def _is_directory(self, name: str) -> bool:
        return modes.S_ISDIR(os.lstat(os.path.join(self.path, name)).st_mode)

    def weights(self, names: Sequence[str]) -> Sequence[int]:
        """As in `Folder`."""
        return [os.lstat(self._at(name)).st_size for name in names]

    def kinds(self, names: Sequence[str]) -> bytes:
        """As in `Folder`."""
        return bytes(kind_of(os.lstat(self._at(name)).st_mode) for name in names)

    def unchanged(self, signature: bytes) -> frozenset[str]:
        """As in `Folder`."""
        del signature
        return frozenset()

    def lasting(self) -> bytes:
        """As in `Folder`."""
        return b""

    def node(self, name: str) -> Node:
        """As in `Folder`: without names of owners above the places, and of a link not where it leads to."""
        place = self._ways[name] is None
        found = os.lstat(self._at(name))
        link = modes.S_ISLNK(found.st_mode)
        return Node(info_of(name, row_of(found), named=place and not link))

    def open(self, node: Node) -> LocalContent | ImageContent:
        """As in `Folder`."""
        image = self._images.content(node.info, lambda: self.xattrs(node))
        if image is not None:
            return image
        return LocalContent(os.open(self._at(node.name), FILE), node.info, with_xattrs=self._source.with_xattrs)

    def xattrs(self, node: Node) -> Sequence[str]:
        """As in `Folder`: none above the places."""
        if self._ways[node.name] is not None or node.info.mode & entries.MODE_SYMLINK or not self._source.with_xattrs:
            return ()
        return xattrs_of(self._at(node.name))

    def xattr(self, node: Node, name: str) -> bytes:
        """As in `Folder`."""
        return os.getxattr(self._at(node.name), name, follow_symlinks=False)

    def hold(self) -> None:
        """Nothing is open."""

    def release(self) -> None:
        """Nothing is open."""

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)


class LocalFolder(OpenDirectory):
    """A directory at or below a place. `descriptor` is -1 where it could not be opened, and `error` says why."""

    def __init__(self, source: LocalSource, path: str, descriptor: int, error: Unreadable | None = None) -> None:
        """Reads the directory. Raises OSError."""
        super().__init__(path, descriptor, with_xattrs=source.with_xattrs)
        self._source = source
        self.device = os.fstat(descriptor).st_dev if source.one_file_system and descriptor >= 0 else 0
        self.errors = [] if error is None else [error]
        self._holders = 1
        self._lock = Lock()
        self._scanned = time.time_ns()
        self._columns = Columns(([], b"", b"", b"", b"") if descriptor < 0 else scan(descriptor))
        self.signature = b"" if descriptor < 0 else self._columns.signature()
        names, kinds = self._columns.names, self._columns.kinds
        if source.excludes is not None or Kind.UNREADABLE in kinds or self._columns.has(source.skips):
            self.names, self.subfolders = self._kept()
        else:
            self.subfolders = [name for name, kind in zip(names, kinds, strict=True) if kind == Kind.DIRECTORY]
            self.names = sorted(names, key=_raw) if self.subfolders else names
        self._rows: dict[str, Row] | None = None
        self._images = Images({})
        if source.databases is not None and descriptor >= 0:
            self._take_images(source.databases)

    def _take_images(self, databases: Databases) -> None:
        self._images = databases.images(self.path, self._columns.names, self.names)
        if self._images:
            self.names = self._images.shown(self.names)
            # What changes in a log is nothing that the folder's own signature shows.
            self.signature = b""

    def open(self, node: Node) -> LocalContent | ImageContent:
        """As in `Folder`."""
        return self._images.content(node.info, lambda: self.xattrs(node)) or super().open(node)

    def _kept(self) -> tuple[list[str], list[str]]:
        """Names and subfolders without what is left out; what cannot be read becomes an error."""
        names, subfolders = [], []
        excludes = self._source.excludes
        for name, row in zip(self._columns.names, self._columns.rows(), strict=True):
            path = self._path(name)
            directory = row.kind == Kind.DIRECTORY
            if excludes is not None and excludes.excludes(path, is_directory=directory):
                continue
            if row.kind == Kind.UNREADABLE:
                self.errors.append(Unreadable(path, f"lstat {path}: {os.strerror(row.size).lower()}"))
                continue
            if self._source.skips and (row.device % WORDS, row.inode % WORDS) in self._source.skips:
                self._source.skipped.append(path)
                continue
            names.append(name)
            if directory:
                subfolders.append(name)
        return sorted(names, key=_raw), subfolders

    @property
    def identity(self) -> tuple[int, int] | None:
        """As in `Folder`."""
        if self.descriptor < 0 or self._images:
            return None
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino

    def weights(self, names: Sequence[str]) -> Sequence[int]:
        """As in `Folder`."""
        rows = self._by_name()
        return [rows[name].size if rows[name].kind == Kind.FILE else 0 for name in names]

    def kinds(self, names: Sequence[str]) -> bytes:
        """As in `Folder`."""
        known = dict(zip(self._columns.names, self._columns.kinds, strict=True))
        return bytes(known[name] for name in names)

    def unchanged(self, signature: bytes) -> frozenset[str]:
        """As in `Folder`."""
        before = rows_of(signature)
        return frozenset(
            name for name, row in zip(self._columns.names, self._columns.rows(), strict=True) if before.get(name) == row
        )

    def lasting(self) -> bytes:
        """As in `Folder`."""
        return self._columns.lasting(self._scanned - _GRAIN) if self.signature else b""

    def row(self, name: str) -> Row:
        """As in `OpenDirectory`: as it was when the directory was read."""
        return self._by_name()[name]

    def _by_name(self) -> dict[str, Row]:
        rows = self._rows
        if rows is None:
            rows = self._rows = dict(zip(self._columns.names, self._columns.rows(), strict=True))
        return rows

    def hold(self) -> None:
        """As in `Folder`."""
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        """As in `Folder`."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self.descriptor >= 0:
                os.close(self.descriptor)

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name)


def _ways(places: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths that are saved with all that is below them, and the directories they are said to be in."""
    paths, directories = [], []
    for place in places:
        path = os.path.normpath(os.path.abspath(place))
        path = "/" + path.lstrip("/")
        try:
            found = os.lstat(path)
            if modes.S_ISLNK(found.st_mode):
                directories.append(os.path.dirname(path))
                paths += [path, os.path.realpath(path)]
                os.lstat(paths[-1])
                continue
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                is_link = os.path.lexists(path)
                text = f"{path} is a link to {paths[-1]}, which is not there" if is_link else f"there is no {path}"
                raise DirectoryNotFoundError(text) from None
            raise from_os_error(error, f"failed to open {path}") from None
        paths.append(path)
        directories.append(path if modes.S_ISDIR(found.st_mode) else os.path.dirname(path))
    return paths, directories


def _tree_of(paths: Sequence[str]) -> _Ways:
    tree: dict[str, _Ways] = {}
    for path in paths:
        if path == "/":
            return None
        at: dict[str, _Ways] = tree
        *above, last = path[1:].split("/")
        for part in above:
            below = at.setdefault(part, {})
            if below is None:
                break
            at = below
        else:
            at[last] = None
    return tree


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
