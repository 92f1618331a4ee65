"""A snapshot as a store that is only read: a tree that a mirror can take from."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, Self

from plait.model.errors import DirectoryNotFoundError, NotSupportedError, ObjectNotFoundError
from plait.model.items import Kind, Page, Stat, order_bytes
from plait.repository.chunk_source import ChunkSource
from plait.repository.format import entries
from plait.repository.restoring.attributes import posix_metadata
from plait.stores.base import PLAIN, Deleted, Features
from plait.stores.content import BytesReader, check_expected
from plait.stores.local.options import LINK_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from plait.model.errors import PlaitError
    from plait.repository.format.entries import Entry
    from plait.repository.format.objects import Object
    from plait.repository.snapshots import SnapshotReader
    from plait.stores.base import Outgoing, Reader, Source

    # `list` is a method below.
    Named = list[tuple[str, Entry]]

_PAGE: Final = 1000


class SnapshotStore:
    """What is at and below an absolute path of a snapshot.

    `links`: symbolic links are text files, `name.rclonelink`, as on a local store; else they are left out, like what
    is no regular file. `notice(key, text)` is told of what is left out. `close` closes what `closing` closes, too.
    """

    def __init__(
        self,
        snapshot: SnapshotReader,
        path: str,
        *,
        links: bool = False,
        notice: Callable[[str, str], None] = lambda _, __: None,
        closing: Callable[[], None] = lambda: None,
    ) -> None:
        self._snapshot = snapshot
        self._root = path.rstrip("/")
        self._links = links
        self._notice = notice
        self._closing = closing
        repository = snapshot.repository.configuration.repository
        self._features = Features(
            scheme="snapshot",
            identity=f"snapshot:{repository.hex()}:{snapshot.identifier.hex()}",
            time_precision=1,
            times_in_listing=True,
            directories=True,
            metadata=True,
            links=links,
            concurrency=4,
        )

    @property
    def features(self) -> Features:
        """As in `Store`."""
        return self._features

    @property
    def description(self) -> str:
        """As in `Store`."""
        return f"snapshot {self._snapshot.identifier.hex()[:8]}:{self._root or '/'}"

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        """As in `Store`."""
        try:
            entry = self._snapshot.entry(self._path(prefix.rstrip("/")))
        except ObjectNotFoundError:
            raise DirectoryNotFoundError("directory not found", key=prefix.rstrip("/")) from None
        if not entry.file_info.is_directory:
            raise DirectoryNotFoundError("is a file not a directory", key=prefix.rstrip("/"))
        yield from self._pages(prefix, order_bytes(start_after), descend)

    def stat(self, key: str) -> Stat:
        """As in `Store`."""
        return self._stat(self._entry(key))

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        """As in `Store`; raises IntegrityError, here or while it is read, where the content is damaged."""
        entry = self._entry(key)
        stat = self._stat(entry)
        check_expected(expected, stat, key)
        if stat.kind is not Kind.FILE:
            raise ObjectNotFoundError("is no regular file", key=key)
        if entry.symlink_target:
            target = order_bytes(entry.symlink_target)
            return BytesReader(target[offset : None if length is None else offset + length], stat)
        blobs = self._snapshot.repository.blobs
        item = blobs.object(entry.object)
        if offset == 0 and (length is None or length >= item.size):
            return _ChunkReader(blobs.content(item), stat)
        return _ChunkReader(self._range(item, offset, item.size if length is None else offset + length), stat)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        """As in `Store`: a snapshot never changes."""
        del content, size, how
        raise NotSupportedError("a snapshot never changes", key=key, hint="back up to its repository instead")

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        """As in `Store`: a snapshot never changes."""
        for key in keys:
            yield Deleted(key, NotSupportedError("a snapshot never changes", key=key))

    def close(self) -> None:
        """As in `Store`."""
        self._closing()

    def _pages(self, prefix: str, after: bytes, descend: Callable[[str], bool] | None) -> Iterator[Page]:
        """The pages of a directory and of those in it, in the total order."""
        found, error = self._children(prefix)
        rows: list[tuple[str, Stat]] = []
        for name, entry in found:
            is_directory = entry.file_info.is_directory
            order_key = order_bytes(f"{prefix}{name}/" if is_directory else f"{prefix}{name}")
            if order_key > after or not after:
                rows.append((name, self._stat(entry)))
            elif not is_directory or not after.startswith(order_key):
                continue
            if is_directory or len(rows) >= _PAGE:
                if rows:
                    yield Page.of(prefix, rows)
                rows = []
            if is_directory and (descend is None or descend(prefix + name)):
                yield from self._pages(f"{prefix}{name}/", after, descend)
        if rows:
            yield Page.of(prefix, rows)
        if error is not None:
            yield Page.failed(prefix.rstrip("/"), error)

    def _children(self, prefix: str) -> tuple[Named, PlaitError | None]:
        """Names and entries of a directory in the order of listings, and what of it could not be read."""
        errors: list[PlaitError] = []
        found = []
        for entry in self._snapshot.children(self._path(prefix.rstrip("/")), lambda _, error: errors.append(error)):
            name = self._name(entry)
            if name is None:
                self._notice(prefix + entry.file_info.name, "left out: it is no regular file")
            else:
                found.append((name, entry))
        found.sort(key=lambda row: order_bytes(row[0] + "/" if row[1].file_info.is_directory else row[0]))
        return found, errors[0] if errors else None

    def _name(self, entry: Entry) -> str | None:
        """The name in listings; None for what is left out."""
        info = entry.file_info
        if info.is_directory or info.is_regular:
            return info.name
        is_link = bool(info.mode & entries.MODE_SYMLINK)
        return info.name + LINK_SUFFIX if is_link and self._links else None

    def _entry(self, key: str) -> Entry:
        link = self._link(key)
        if link is not None:
            return link
        entry = self._snapshot.entry(self._path(key))
        if not (entry.file_info.is_directory or entry.file_info.is_regular):
            raise ObjectNotFoundError("is no regular file", key=key)
        return entry

    def _link(self, key: str) -> Entry | None:
        """The symbolic link that a key stands for, if it does: a file may really be called so."""
        if not self._links or not key.endswith(LINK_SUFFIX):
            return None
        try:
            entry = self._snapshot.entry(self._path(key.removesuffix(LINK_SUFFIX)))
        except ObjectNotFoundError:
            return None
        return entry if entry.file_info.mode & entries.MODE_SYMLINK else None

    def _path(self, key: str) -> str:
        """The path in the snapshot. Raises ObjectNotFoundError for a key that is no path."""
        if not key:
            return self._root or "/"
        if not {"", ".", ".."}.isdisjoint(key.split("/")):
            raise ObjectNotFoundError("no such key", key=key)
        return posixpath.join(self._root or "/", key)

    def _stat(self, entry: Entry) -> Stat:
        info = entry.file_info
        if info.is_directory:
            return Stat(Kind.DIRECTORY, modified=info.mod_time, metadata=posix_metadata(entry))
        size = len(order_bytes(entry.symlink_target)) if entry.symlink_target else info.size
        return Stat(
            Kind.FILE,
            size,
            modified=info.mod_time,
            content_type=entry.content_type or None,
            metadata={} if entry.symlink_target else posix_metadata(entry),
        )

    def _range(self, item: Object, offset: int, end: int) -> Iterator[bytes]:
        """Bytes of a content, of which only the chunks concerned are read."""
        position = 0
        for chunk in item.chunks or ():
            start, position = position, position + chunk.length
            if position <= offset or start >= end:
                continue
            data = self._snapshot.repository.blobs.chunk(chunk.content_mac, chunk.length)
            yield data[max(0, offset - start) : end - start]


class _ChunkReader(ChunkSource):
    """Chunks as an open content."""

    def __init__(self, chunks: Iterator[bytes], stat: Stat) -> None:
        super().__init__(chunks)
        self.stat = stat

    def close(self) -> None:
        """As in `Reader`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()
