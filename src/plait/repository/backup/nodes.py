"""A node of a source becomes an entry: its content and attributes saved, or taken from the snapshot before."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from plait.model.errors import ObjectNotFoundError, PlaitError
from plait.repository.backup.contents import Saved
from plait.repository.backup.previous import Frame
from plait.repository.backup.sources import Unreadable
from plait.repository.format import packed, wire
from plait.repository.format.entries import NOT_REGULAR_CONTENT_TYPE, XattrEntry
from plait.repository.format.packed import Glance
from plait.repository.format.resources import NO_MAC, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.repository.backup.contents import Contents
    from plait.repository.backup.sources import Folder, Node
    from plait.repository.format.codec import Codec
    from plait.repository.format.entries import FileInfo
    from plait.repository.index import StoredIndex
    from plait.repository.writing import Writer

T = TypeVar("T")

_TOLD_FROM: Final = 16 << 20
"""Bytes of a content from which on a person may be waiting for it."""
_MOST_LINKS: Final = 100_000


class Made(NamedTuple):
    """An entry that is in the repository. `xattrs`: keys and identifiers for the tree of attributes."""

    frame: Frame
    xattrs: Sequence[tuple[str, bytes]] = ()
    size: int = 0
    unchanged: bool = False


class Vanished(Exception):  # noqa: N818  (no error: a tree that is in use changes)
    """The node is there no more."""


class Failure(Exception):  # noqa: N818  (carried in the snapshot, not raised to anybody)
    """The node could not be read, and is not part of the snapshot."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Nodes:
    """Makes entries. Threads may share it. `carried` is told of bytes of long contents, by path."""

    def __init__(
        self,
        writer: Writer,
        codec: Codec,
        index: StoredIndex,
        contents: Contents,
        carried: Callable[[str, int], None],
    ) -> None:
        self._writer = writer
        self._codec = codec
        self._index = index
        self._contents = contents
        self._carried = carried
        self._links: dict[tuple[int, int], tuple[int, int, Saved]] = {}
        self._lock = Lock()

    def make(self, folder: Folder, parent: bytes, name: str, before: Frame | None, errors: list[Unreadable]) -> Made:
        """Makes the entry of a node; `parent` is the folder's path, packed.

        What of the node's attributes cannot be read is added to `errors`. Raises Failure, Vanished, and what storing
        raises.
        """
        path = f"{folder.path.rstrip('/')}/{name}"
        node = self._read(path, "lstat", lambda: folder.node(name))
        info = node.info
        saved = None
        packed_info = packed.info(info)
        names = self._names(folder, node, path, errors)
        kept = before if before is not None and before.glance.info == packed_info else None
        unchanged = kept is not None and kept.glance.attributes == tuple(names)
        if info.is_regular:
            if kept is not None and unchanged and self._has_content(kept):
                return self._kept(kept, folder, node, path, errors)
            unchanged = False
            info, saved = self._content(folder, node, path)
            packed_info = packed.info(info)
        elif kept is not None and unchanged:
            return self._kept(kept, folder, node, path, errors)
        frame = self._entry(parent, node, info, packed_info, saved, names)
        return Made(frame, self._xattrs(folder, node, path, names, errors), 0 if saved is None else saved.size)

    def entry(self, parent: bytes, node: Node) -> Frame:
        """The entry of a node without content and attributes."""
        return self._entry(parent, node, node.info, packed.info(node.info), None, ())

    def keep(self, frame: Frame) -> None:
        """Sees to it that an entry of the snapshot before has its blob: the original leaves some unwritten."""
        self._writer.put(Resource.VFS_ENTRY, frame.mac, frame.plain)

    def _kept(self, kept: Frame, folder: Folder, node: Node, path: str, errors: list[Unreadable]) -> Made:
        """The entry of the snapshot before; values of attributes may be others all the same."""
        self.keep(kept)
        size = kept.glance.size if node.info.is_regular else 0
        return Made(kept, self._xattrs(folder, node, path, kept.glance.attributes, errors), size, unchanged=True)

    def _has_content(self, frame: Frame) -> bool:
        return frame.glance.object != NO_MAC and self._index.holds(Resource.OBJECT, frame.glance.object)

    def _entry(
        self, parent: bytes, node: Node, info: FileInfo, packed_info: bytes, saved: Saved | None, names: Sequence[str]
    ) -> Frame:
        if saved is None:
            kind = "" if info.is_directory else NOT_REGULAR_CONTENT_TYPE
            saved = Saved(NO_MAC, kind, 0.0, 0, 0)
        plain = packed.entry(
            parent,
            packed_info,
            target=node.target,
            mac=saved.mac,
            content_type=saved.content_type,
            entropy=saved.entropy,
            chunks=saved.chunks,
            attributes=names,
        )
        mac = self._codec.mac(plain)
        self._writer.put(Resource.VFS_ENTRY, mac, plain)
        seconds = info.mod_time // 1_000_000_000
        glance = Glance(
            info.name, packed_info, info.mode, info.size, seconds, saved.mac, saved.content_type, saved.entropy,
            saved.chunks, tuple(names),
        )  # fmt: skip
        return Frame(plain, mac, glance)

    def _content(self, folder: Folder, node: Node, path: str) -> tuple[FileInfo, Saved]:
        """Saves the content of a file; of several names of one file, it is read for the first."""
        info = node.info
        linked = info.links > 1 and info.inode != 0
        if linked:
            with self._lock:
                found = self._links.get((info.device, info.inode))
            if found is not None and found[:2] == (info.size, info.mod_time):
                return info, found[2]

        def told(size: int) -> None:
            if info.size >= _TOLD_FROM:
                self._carried(path, size)

        with self._read(path, "open", lambda: folder.open(node)) as content:
            info = content.info
            saved = self._contents.save(_reporting(content.read, path), info.size, told)
        if saved.size != info.size:
            info = _with_size(info, saved.size)
        elif linked and len(self._links) < _MOST_LINKS:
            with self._lock:
                self._links[info.device, info.inode] = info.size, info.mod_time, saved
        return info, saved

    def _names(self, folder: Folder, node: Node, path: str, errors: list[Unreadable]) -> Sequence[str]:
        try:
            return folder.xattrs(node)
        except FileNotFoundError:
            if node.info.is_directory:
                # What was below it may be saved already.
                return ()
            raise Vanished from None
        except (OSError, PlaitError) as error:
            errors.append(Unreadable(path, f"xattr.list {path}: {reason(error)}"))
            return ()

    def _xattrs(
        self, folder: Folder, node: Node, path: str, names: Sequence[str], errors: list[Unreadable]
    ) -> Sequence[tuple[str, bytes]]:
        if not names:
            return ()
        found = []
        for name in names:
            try:
                value = folder.xattr(node, name)
            except (OSError, PlaitError) as error:
                errors.append(Unreadable(path, f"xattr.get {path} {name}: {reason(error)}"))
                continue
            entry = XattrEntry(path=path, name=name, size=len(value), object=self._contents.save_bytes(value).mac)
            plain = wire.encode(entry)
            mac = self._codec.mac(plain)
            self._writer.put(Resource.XATTR_ENTRY, mac, plain)
            found.append((entry.key, mac))
        return found

    @staticmethod
    def _read(path: str, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except (FileNotFoundError, ObjectNotFoundError):
            raise Vanished from None
        except (OSError, PlaitError) as error:
            raise Failure(f"{what} {path}: {reason(error)}") from None


def reason(error: OSError | PlaitError) -> str:
    """Why something could not be read, in the original's words."""
    if isinstance(error, PlaitError):
        return error.message
    return (error.strerror or str(error)).lower()


def _reporting(read: Callable[[int], bytes], path: str) -> Callable[[int], bytes]:
    """Reads, and tells the source's errors from the repository's."""

    def reading(size: int) -> bytes:
        try:
            return read(size)
        except (OSError, PlaitError) as error:
            raise Failure(f"read {path}: {reason(error)}") from None

    return reading


def _with_size(info: FileInfo, size: int) -> FileInfo:
    return msgspec.structs.replace(info, size=size)
