"""A node of a source becomes an entry: its content and attributes saved, or taken from the snapshot before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from plait.model.errors import ObjectNotFoundError, PlaitError
from plait.repository.backup.contents import Saved
from plait.repository.backup.holes import parts
from plait.repository.backup.previous import Frame
from plait.repository.backup.sources import Unreadable
from plait.repository.format import packed, wire
from plait.repository.format.entries import NOT_REGULAR_CONTENT_TYPE, XattrEntry
from plait.repository.format.packed import Glance
from plait.repository.format.resources import NO_MAC, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.repository.backup.contents import BlobWriter, Contents
    from plait.repository.backup.holes import Part
    from plait.repository.backup.opened import OpenDirectory
    from plait.repository.backup.sources import Content, Node, NodeReader
    from plait.repository.format.codec import Codec
    from plait.repository.format.entries import FileInfo
    from plait.repository.index import StoredIndex

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
        writer: BlobWriter,
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

    def make(
        self,
        folder: NodeReader,
        parent: bytes,
        name: str,
        before: Frame | None,
        errors: list[Unreadable],
        is_directory: bool,  # noqa: FBT001  (called for every path)
    ) -> Made:
        """Makes the entry of a node; `parent` is the folder's path, packed, `is_directory` what its listing said.

        What of the node's attributes cannot be read is added to `errors`. Raises Failure, Vanished, and what storing
        raises.
        """
        path = f"{folder.path.rstrip('/')}/{name}"
        try:
            node = folder.node(name)
            info = node.info
            if info.is_directory != is_directory:
                # It took another's place, too late for what is in it to be saved, or early enough to be saved already.
                raise Vanished
            packed_info = packed.info(info)
            kept = before if before is not None and before.glance.info == packed_info else None
            if info.is_regular:
                if kept is not None and self._has_content(kept):
                    names = self._names(partial(folder.xattrs, node), node, path, errors)
                    if kept.glance.attributes == tuple(names):
                        return self._kept(kept, folder, node, path, errors)
                return self._file(folder, parent, node, path, packed_info, errors)
        except (FileNotFoundError, ObjectNotFoundError):
            raise Vanished from None
        except _SourceError as error:
            raise Failure(f"{error.what} {path}: {reason(error.cause)}") from None
        except OSError as error:
            raise Failure(f"open {path}: {reason(error)}") from None
        names = self._names(partial(folder.xattrs, node), node, path, errors)
        if kept is not None and kept.glance.attributes == tuple(names):
            return self._kept(kept, folder, node, path, errors)
        frame = self._entry(parent, node.target, info, packed_info, None, names)
        return Made(frame, self._xattrs(folder, node, path, names, errors))

    def make_small(self, folder: OpenDirectory, parent: bytes, names: Sequence[str]) -> Iterator[Made | None]:
        """Makes the entries of short files, as `make`; None for what it is to make. Raises what storing raises."""
        for found in folder.small(names, self._contents.short):
            if found is None:
                yield None
                continue
            info, data = found
            saved = self._contents.save_bytes(data)
            yield Made(self._entry(parent, "", info, packed.info(info), saved, ()), (), saved.size)

    def _file(
        self, folder: NodeReader, parent: bytes, node: Node, path: str, packed_info: bytes, errors: list[Unreadable]
    ) -> Made:
        """Makes the entry of a file that is read; of several names of one file, the first is."""
        info = node.info
        linked = self._linked(info)
        try:
            content = folder.open(node)
        except PlaitError as error:
            if isinstance(error, ObjectNotFoundError):
                raise
            raise _SourceError("open", error) from None
        with content:
            names = self._names(content.xattrs, node, path, errors)
            saved = linked
            if saved is None:
                if content.info is not info:
                    info = content.info
                    packed_info = packed.info(info)
                saved = self._save(content, info, self._teller(path, info))
        if saved.size != info.size:
            info = msgspec.structs.replace(info, size=saved.size)
            packed_info = packed.info(info)
        elif linked is None and info.links > 1 and len(self._links) < _MOST_LINKS:
            self._links[info.device, info.inode] = info.size, info.mod_time, saved
        frame = self._entry(parent, node.target, info, packed_info, saved, names)
        return Made(frame, self._xattrs(folder, node, path, names, errors), saved.size)

    def _save(self, content: Content, info: FileInfo, carried: Callable[[int], None]) -> Saved:
        if content.has_holes:
            return self._contents.save_sparse(_reporting_parts(parts(content, info.size)), carried)
        return self._contents.save(_reporting(content.read), info.size, carried)

    def _linked(self, info: FileInfo) -> Saved | None:
        """The content of a file that was saved under another name."""
        if info.links < 2 or not info.inode:
            return None
        found = self._links.get((info.device, info.inode))
        return found[2] if found is not None and found[:2] == (info.size, info.mod_time) else None

    def _teller(self, path: str, info: FileInfo) -> Callable[[int], None]:
        return partial(self._carried, path) if info.size >= _TOLD_FROM else _untold

    def entry(self, parent: bytes, node: Node) -> Frame:
        """The entry of a node without content and attributes."""
        return self._entry(parent, node.target, node.info, packed.info(node.info), None, ())

    def keep(self, frame: Frame) -> None:
        """Sees to it that an entry of the snapshot before has its blob: the original leaves some unwritten."""
        self._writer.put(Resource.VFS_ENTRY, frame.mac, frame.plain)

    def _kept(self, kept: Frame, folder: NodeReader, node: Node, path: str, errors: list[Unreadable]) -> Made:
        """The entry of the snapshot before; values of attributes may be others all the same."""
        self.keep(kept)
        size = kept.glance.size if node.info.is_regular else 0
        return Made(kept, self._xattrs(folder, node, path, kept.glance.attributes, errors), size, unchanged=True)

    def _has_content(self, frame: Frame) -> bool:
        return frame.glance.object != NO_MAC and self._index.holds(Resource.OBJECT, frame.glance.object)

    def _entry(
        self, parent: bytes, target: str, info: FileInfo, packed_info: bytes, saved: Saved | None, names: Sequence[str]
    ) -> Frame:
        if saved is None:
            kind = "" if info.is_directory else NOT_REGULAR_CONTENT_TYPE
            saved = Saved(NO_MAC, kind, 0.0, 0, 0)
        plain = packed.entry(
            parent,
            packed_info,
            target=target,
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

    @staticmethod
    def _names(listed: Callable[[], Sequence[str]], node: Node, path: str, errors: list[Unreadable]) -> Sequence[str]:
        try:
            return listed()
        except FileNotFoundError:
            if node.info.is_directory:
                # What was below it may be saved already.
                return ()
            raise Vanished from None
        except (OSError, PlaitError) as error:
            errors.append(Unreadable(path, f"xattr.list {path}: {reason(error)}"))
            return ()

    def _xattrs(
        self, folder: NodeReader, node: Node, path: str, names: Sequence[str], errors: list[Unreadable]
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


def reason(error: OSError | PlaitError) -> str:
    """Why something could not be read, in the original's words."""
    if isinstance(error, PlaitError):
        return error.message
    return (error.strerror or str(error)).lower()


class _SourceError(Exception):
    """Reading the source failed, and not storing what was read."""

    def __init__(self, what: str, cause: OSError | PlaitError) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause


def _reporting(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Reads, and tells the source's errors from the repository's."""

    def reading(size: int) -> bytes:
        try:
            return read(size)
        except (OSError, PlaitError) as error:
            raise _SourceError("read", error) from None

    return reading


def _reporting_parts(found: Iterator[Part]) -> Iterator[Part]:
    """As `_reporting`, of the parts of a content with holes."""
    try:
        yield from found
    except (OSError, PlaitError) as error:
        raise _SourceError("read", error) from None


def _untold(size: int) -> None:
    """Nobody waits for a small file."""
