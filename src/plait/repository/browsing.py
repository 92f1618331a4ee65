"""Snapshots as one tree to look around in: a directory for each, or the inside of one of them."""

from __future__ import annotations

import posixpath
import stat
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError, ObjectNotFoundError
from plait.repository.format import entries
from plait.repository.restoring.attributes import permission_bits
from plait.repository.seeking import ChunkCache, SeekableContent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.repository.format.entries import Entry
    from plait.repository.format.headers import Header
    from plait.repository.repository import Repository
    from plait.repository.snapshots import SnapshotReader

_KEPT_ENTRIES: Final = 200_000
_FRESH_SECONDS: Final = 2.0
"""For so long the list of snapshots is not asked for again."""
_SHORTEST_NAME: Final = 8
_KINDS: Final = (
    (entries.MODE_DIRECTORY, stat.S_IFDIR),
    (entries.MODE_SYMLINK, stat.S_IFLNK),
    (entries.MODE_CHARACTER_DEVICE, stat.S_IFCHR),
    (entries.MODE_DEVICE, stat.S_IFBLK),
    (entries.MODE_FIFO, stat.S_IFIFO),
    (entries.MODE_SOCKET, stat.S_IFSOCK),
)


class Node(NamedTuple):
    """A path of the tree: a path of a snapshot, or, without both, the directory of all snapshots."""

    snapshot: SnapshotReader | None = None
    entry: Entry | None = None

    @property
    def is_directory(self) -> bool:
        """Whether there can be something in it."""
        return self.entry is None or self.entry.file_info.is_directory


def posix_mode(entry: Entry) -> int:
    """The mode of an entry as POSIX's `stat` gives it."""
    mode = entry.file_info.mode
    kind = next((kind for bit, kind in _KINDS if mode & bit), stat.S_IFREG)
    return kind | permission_bits(mode)


class Browser:
    """The snapshots of a repository that `select` gives, newest first, or what is at and below a path of one.

    Several threads may share it. Look-ups raise ObjectNotFoundError for what is not there, IntegrityError for what is
    damaged, and the store's errors. `size`: bytes of content of all that is listed at the top.
    """

    def __init__(
        self,
        repository: Repository,
        select: Callable[[], Sequence[Header]],
        inside: tuple[SnapshotReader, str] | None = None,
    ) -> None:
        self._repository = repository
        self._select = select
        self._inside = inside
        self._lock = Lock()
        self._chunks = ChunkCache(repository.reader.blobs)
        self._snapshots: dict[str, SnapshotReader] = {}
        self._identifiers: list[bytes] | None = None
        self._looked = -_FRESH_SECONDS
        self._directories: OrderedDict[tuple[bytes, str], dict[str, Entry]] = OrderedDict()
        self._entries = 0

    def node(self, path: str) -> Node:
        """What is at an absolute path."""
        snapshot, inner = self._place(path)
        if snapshot is None:
            return Node()
        parent, name = posixpath.split(inner)
        with self._lock:
            listed = self._directories.get((snapshot.identifier, parent)) if name else None
        if listed is None:
            return Node(snapshot, snapshot.entry(inner))
        if name not in listed:
            raise ObjectNotFoundError(f"the snapshot has no {inner}", key=inner)
        return Node(snapshot, listed[name])

    def children(self, path: str) -> dict[str, Node]:
        """What a directory holds, by name; a part of it where the directory's list is damaged."""
        snapshot, inner = self._place(path)
        if snapshot is None:
            return {name: Node(found) for name, found in self._listed().items()}
        key = snapshot.identifier, inner
        with self._lock:
            listed = self._directories.get(key)
        if listed is None:
            trouble: list[IntegrityError] = []
            found = snapshot.children(inner, lambda _, error: trouble.append(error))
            listed = {entry.file_info.name: entry for entry in found}
            if trouble and not listed:
                raise trouble[0]
            self._keep(key, listed)
        return {name: Node(snapshot, entry) for name, entry in listed.items()}

    def content(self, node: Node) -> SeekableContent:
        """The content of a regular file."""
        if node.snapshot is None or node.entry is None or not node.entry.file_info.is_regular:
            raise ObjectNotFoundError("is no regular file")
        return SeekableContent(self._chunks, node.snapshot.repository.blobs.object(node.entry.object))

    def attribute(self, node: Node, name: str) -> bytes | None:
        """The value of an extended attribute; None where there is none of that name."""
        if node.snapshot is None or node.entry is None or name not in node.entry.extended_attributes:
            return None
        found = node.snapshot.xattr(node.entry.path, name)
        return None if found is None else b"".join(node.snapshot.repository.content(found.object))

    @property
    def size(self) -> int:
        """As the class says."""
        found = [self._inside[0]] if self._inside is not None else list(self._listed().values())
        return sum(
            source.summary.directory.size + source.summary.below.size
            for snapshot in found
            for source in snapshot.header.sources or ()
        )

    def _place(self, path: str) -> tuple[SnapshotReader | None, str]:
        """The snapshot that a path leads into, and the path in it; None for the directory of all snapshots."""
        names = [name for name in path.split("/") if name]
        if not {".", ".."}.isdisjoint(names):
            raise ObjectNotFoundError(f"no such path: {path}", key=path)
        if self._inside is not None:
            snapshot, top = self._inside
            return snapshot, posixpath.join(top, *names)
        if not names:
            return None, ""
        found = self._snapshots.get(names[0]) or self._listed().get(names[0]) or self._whole(names[0])
        if found is None:
            raise ObjectNotFoundError(f"there is no snapshot {names[0]}", key=names[0])
        return found, "/" + "/".join(names[1:])

    def _whole(self, name: str) -> SnapshotReader | None:
        """The snapshot with all digits of an identifier."""
        return next((one for one in self._listed().values() if one.identifier.hex() == name), None)

    def _listed(self) -> dict[str, SnapshotReader]:
        """The snapshots by the names of their directories: as many digits as tell them apart."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked < _FRESH_SECONDS:
                return self._snapshots
            self._repository.refresh()
            identifiers = self._repository.reader.snapshots()
            if identifiers == self._identifiers:
                self._looked = time.monotonic()
                return self._snapshots
            listed = [self._repository.snapshot(header.identifier) for header in self._select()]
            known = {snapshot.identifier: snapshot for snapshot in self._snapshots.values()}
            found: dict[str, SnapshotReader] = {}
            for snapshot in listed:
                digits = snapshot.identifier.hex()
                length = _SHORTEST_NAME
                while digits[:length] in found:
                    length += 1
                found[digits[:length]] = known.get(snapshot.identifier, snapshot)
            self._snapshots, self._identifiers = found, identifiers
            self._looked = time.monotonic()
            return found

    def _keep(self, key: tuple[bytes, str], listed: dict[str, Entry]) -> None:
        with self._lock:
            # Another thread may have asked for it meanwhile.
            self._entries += len(listed) - len(self._directories.get(key, ()))
            self._directories[key] = listed
            while self._entries > _KEPT_ENTRIES and len(self._directories) > 1:
                _, gone = self._directories.popitem(last=False)
                self._entries -= len(gone)
