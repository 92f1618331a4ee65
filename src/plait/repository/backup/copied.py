"""A snapshot as the source of a backup: of another repository, or of the same one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Self

from plait.model.errors import ObjectNotFoundError
from plait.model.items import Kind
from plait.repository.backup.sources import Node, Unreadable, WithoutFacts, WithoutHoles
from plait.repository.format import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from plait.repository.format.entries import Entry
    from plait.repository.format.headers import Importer
    from plait.repository.snapshots import SnapshotReader


class SnapshotSource(WithoutFacts):
    """The tree of a snapshot, with everything that it says of each path, and its errors."""

    fingerprint = b""

    def __init__(self, snapshot: SnapshotReader) -> None:
        """Reads the snapshot's errors and the names of its attributes. Raises IntegrityError."""
        self.snapshot = snapshot
        self.errors: dict[str, list[Unreadable]] = defaultdict(list)
        for error in snapshot.errors():
            self.errors[error.path.rpartition("/")[0] or "/"].append(Unreadable(error.path, error.error))
        self.xattrs = {(item.path, item.name): item.object for item in snapshot.xattrs()}

    @property
    def importer(self) -> Importer:
        """As in `Source`."""
        return self.snapshot.source.importer

    def root(self) -> Node:
        """As in `Source`."""
        return Node(self.snapshot.entry("/").file_info)

    def walk(self, cancelled: Callable[[], bool]) -> Iterator[SnapshotFolder]:
        """As in `Source`."""
        waiting = ["/"]
        while waiting and not cancelled():
            folder = SnapshotFolder(self, waiting.pop())
            prefix = folder.path.rstrip("/")
            waiting += [f"{prefix}/{name}" for name in folder.subfolders]
            yield folder


class SnapshotFolder:
    """A directory of a snapshot."""

    signature = b""
    identity = None
    with_xattrs = True

    def __init__(self, source: SnapshotSource, path: str) -> None:
        self._source = source
        self.path = path
        self._entries = {entry.file_info.name: entry for entry in source.snapshot.children(path)}
        self.errors = source.errors.get(path, [])
        self.names = list(self._entries)
        self.subfolders = [name for name, entry in self._entries.items() if entry.file_info.is_directory]

    def weights(self, names: Sequence[str]) -> Sequence[int]:
        """As in `Folder`."""
        return [self._entries[name].file_info.size for name in names]

    def kinds(self, names: Sequence[str]) -> bytes:
        """As in `Folder`."""
        return bytes(_kind(self._entries[name]) for name in names)

    def unchanged(self, signature: bytes) -> frozenset[str]:
        """As in `Folder`."""
        del signature
        return frozenset()

    def lasting(self) -> bytes:
        """As in `Folder`."""
        return b""

    def node(self, name: str) -> Node:
        """As in `Folder`."""
        entry = self._entries[name]
        return Node(entry.file_info, entry.symlink_target)

    def open(self, node: Node) -> SnapshotContent:
        """As in `Folder`."""
        entry = self._entries[node.name]
        return SnapshotContent(entry, self._source.snapshot.content(entry))

    def xattrs(self, node: Node) -> Sequence[str]:
        """As in `Folder`: also those whose values were lost."""
        return self._entries[node.name].extended_attributes

    def xattr(self, node: Node, name: str) -> bytes:
        """As in `Folder`."""
        mac = self._source.xattrs.get((self._entries[node.name].path, name))
        if mac is None:
            raise ObjectNotFoundError("the snapshot has no value of it")
        return b"".join(self._source.snapshot.repository.content(mac))

    def hold(self) -> None:
        """Nothing is open."""

    def release(self) -> None:
        """Nothing is open."""


class SnapshotContent(WithoutHoles):
    """The content of a file of a snapshot."""

    def __init__(self, entry: Entry, chunks: Iterator[bytes]) -> None:
        self.info = entry.file_info
        self._xattrs = entry.extended_attributes
        self._chunks = chunks
        self._rest = b""

    def xattrs(self) -> Sequence[str]:
        """As in `Content`."""
        return self._xattrs

    def read(self, size: int, /) -> bytes:
        """As in `Content`."""
        while not self._rest:
            following = next(self._chunks, None)
            if following is None:
                return b""
            self._rest = following
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


def _kind(entry: Entry) -> Kind:
    if entry.file_info.is_directory:
        return Kind.DIRECTORY
    if entry.file_info.is_regular:
        return Kind.FILE
    return Kind.SYMLINK if entry.file_info.mode & entries.MODE_SYMLINK else Kind.SPECIAL
