"""A replica: the LTX files of one database in a store, in the layout that Litestream has for that kind of store.

Everything goes through the protocol of stores. What a kind of store needs to carry replicas is one entry in `LAYOUTS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.engine.parallel import run_together
from plait.model.errors import (
    AlreadyExistsError,
    BusyError,
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
)
from plait.model.items import Kind
from plait.replication.ltx.layouts import FILE, S3, SNAPSHOT_LEVEL, Layout, format_timestamp, parse_timestamp
from plait.replication.ltx.names import Span, file_name, format_txid
from plait.replication.ltx.plan import File
from plait.stores.base import Outgoing
from plait.stores.content import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from plait.model.items import Stat
    from plait.stores.base import Reader, Source, Store

LAYOUTS: Final[Mapping[str, Layout]] = {"local": FILE, "memory": FILE, "s3": S3}
"""By the scheme of a store: where its replicas have their files, and their files' times."""

TYPES: Final[Mapping[str, str]] = {"local": "file"}
"""What Litestream calls a kind of store, where that is not its scheme."""

LEVELS: Final = tuple(range(SNAPSHOT_LEVEL, -1, -1))
"""All levels, the snapshots' first."""
CONTENT_TYPE: Final = "application/octet-stream"
_MILLISECOND: Final = 10**6
_TIMES_AT_ONCE: Final = 16
_LISTINGS_AT_ONCE: Final = 5

In = TypeVar("In")
Out = TypeVar("Out")


class Replica:
    """The LTX files of one database in `store`, whose root is the replica's path.

    `leading_slash`: the path is empty on a store whose keys begin with a slash then, as Litestream's do. Calls may
    come from several threads; they raise what the store raises, with the key of the file.
    """

    def __init__(self, store: Store, layout: Layout | None = None, *, leading_slash: bool = False) -> None:
        """Raises NotSupportedError for a kind of store that has no layout."""
        scheme = store.features.scheme
        found = LAYOUTS.get(scheme) if layout is None else layout
        if found is None:
            raise NotSupportedError(f"a store of type {scheme!r} carries no replicas yet")
        self.store = store
        self.layout = found
        self.type = TYPES.get(scheme, scheme)
        """What Litestream calls the kind of the replica: `file`, `s3`."""
        self._leading = "/" if leading_slash else ""
        self._is_conditional = True

    @property
    def description(self) -> str:
        """The place of the replica as a person knows it, without secrets."""
        return self.store.description

    def key(self, level: int, span: Span) -> str:
        """The key of a file, whether it exists or not."""
        return self._prefix(level) + file_name(span)

    def files(self, level: int, *, start: int = 0) -> list[File]:
        """The files of a level in the order of their first transactions; with `start`, those that begin there or later.

        `created` is what the listing tells: the replica's own time on files, the server's clock on an object store
        (`with_timestamps` asks for the replica's). A level that is not there has no files.
        """
        prefix = self._prefix(level)
        after = f"{prefix}{format_txid(start)}" if start else ""
        found: list[File] = []
        try:
            for page in self.store.list(prefix, after):
                if page.error is not None:
                    raise page.error
                for item in page.items():
                    placed = self.layout.parse("", "/" + item.key.removeprefix("/"))
                    if placed is not None and item.kind is Kind.FILE and placed[0] == level:
                        found.append(File(level, placed[1], item.size or 0, self._created(item.stat)))
        except DirectoryNotFoundError:
            # A missing bucket is a mistake, a missing directory a replica that was not begun.
            if not self.store.features.directories:
                raise
        return found

    def all_files(self, levels: Iterable[int] = LEVELS) -> list[File]:
        """The files of several levels, those of the snapshots first.

        Levels are not listed at one moment, so that a replica that is written to meanwhile may seem to have gaps: the
        higher levels come first, since compaction writes them before what they hold is deleted below.
        """
        chosen = list(levels)
        workers = _LISTINGS_AT_ONCE if self.store.features.depends_on_network else 1
        found = _each(self.files, chosen, workers)
        return [file for level in found for file in level]

    def newest(self, level: int) -> File | None:
        """The file of a level that reaches furthest."""
        return max(self.files(level), key=lambda file: file.span.max_txid, default=None)

    def with_timestamps(self, files: Sequence[File]) -> list[File]:
        """The same files with the replica's own time as `created`, which may cost a request for each.

        A file whose time is not recorded keeps the one that it was listed with.
        """
        if self.layout.timestamp_name is None or not files:
            return list(files)
        return _each(self._with_timestamp, files, _TIMES_AT_ONCE)

    def open(self, file: File, offset: int = 0, length: int | None = None) -> Reader:
        """The content of a file, from `offset` on. Raises ObjectNotFoundError."""
        return self.store.read(self.key(file.level, file.span), offset, length)

    def chunks(self, file: File, size: int = BLOCK) -> Iterator[bytes]:
        """The content of a file in chunks of at most `size` bytes; opened with the first one."""
        with self.open(file) as reader:
            while chunk := reader.read(size):
                yield chunk

    def write(
        self,
        level: int,
        span: Span,
        content: Callable[[], Source],
        size: int | None,
        timestamp: int,
        *,
        replace: bool = False,
        mode: int | None = None,
    ) -> File:
        """Stores a file, whole and durably or not at all. `timestamp` is its header's, in milliseconds.

        `content` is called for each reading of the content, of `size` bytes where that is known. The file's own name is
        never overwritten unless `replace`: one that is there already with the same content was uploaded before, by a
        call that ended without an answer, or before a kill. Raises BusyError where it has another content: then another
        daemon writes to this replica.
        """
        key = self.key(level, span)
        how = self._outgoing(timestamp, if_absent=not replace and self._is_conditional, mode=mode)
        try:
            stat = self._put(key, content, size, how)
        except AlreadyExistsError:
            if not self._holds(key, content()):
                raise BusyError(
                    f"{key} is in the replica already, with other content",
                    hint=f"another daemon writes to {self.description}: give each database a replica of its own",
                    key=key,
                ) from None
            stat = self.store.stat(key)
        return File(level, span, stat.size or 0, timestamp * _MILLISECOND)

    def delete(self, files: Iterable[File]) -> None:
        """Deletes files; those that are gone count as deleted. Raises the first error, after all were tried."""
        keys = [self.key(file.level, file.span) for file in files]
        errors = [deleted.error for deleted in self.store.delete(keys) if deleted.error is not None]
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Closes the store."""
        self.store.close()

    def _prefix(self, level: int) -> str:
        return self._leading + self.layout.level_prefix("", level)[1:]

    def _created(self, stat: Stat) -> int:
        time = stat.modified if self.layout.timestamp_name is None else stat.stored_at
        return time or 0

    def _with_timestamp(self, file: File) -> File:
        assert self.layout.timestamp_name is not None  # noqa: S101  (asked before)
        text = (self.store.stat(self.key(file.level, file.span)).metadata or {}).get(self.layout.timestamp_name)
        created = None if text is None else parse_timestamp(text)
        return file if created is None else msgspec.structs.replace(file, created=created)

    def _outgoing(self, timestamp: int, *, if_absent: bool, mode: int | None) -> Outgoing:
        name = self.layout.timestamp_name
        if name is None:
            modified = timestamp * _MILLISECOND
            return Outgoing(if_absent=if_absent, modified=modified, durable=True, mode=mode)
        metadata = {name: format_timestamp(timestamp)}
        return Outgoing(if_absent=if_absent, metadata=metadata, content_type=CONTENT_TYPE, durable=True)

    def _put(self, key: str, content: Callable[[], Source], size: int | None, how: Outgoing) -> Stat:
        try:
            return self.store.write(key, content(), size, how)
        except NotSupportedError:
            if not how.if_absent:
                raise
            # The server obeys no conditions: what two daemons write is told apart by their next listings only.
            self._is_conditional = False
            return self.store.write(key, content(), size, msgspec.structs.replace(how, if_absent=False))

    def _holds(self, key: str, content: Source) -> bool:
        try:
            with self.store.read(key) as stored:
                return _equal(stored, content)
        except ObjectNotFoundError:
            return False


def _each(work: Callable[[In], Out], items: Sequence[In], workers: int) -> list[Out]:
    """What `work` gives for each item, in their order, with so many at once."""
    found: dict[int, Out] = {}

    def look(index: int, _: Callable[[], bool]) -> None:
        found[index] = work(items[index])

    run_together(look, range(len(items)), min(workers, len(items)), lambda: False)
    return [found[index] for index in range(len(items))]


def _equal(left: Source, right: Source) -> bool:
    while True:
        first = _block(left)
        if first != _block(right):
            return False
        if not first:
            return True


def _block(source: Source) -> bytes:
    parts: list[bytes] = []
    left = BLOCK
    while left and (data := source.read(left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


class Chunks:
    """Bytes that come in chunks, as a store wants to read them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, at least one before the end; all that is left for -1."""
        if size < 0:
            held, self._held = self._held, b""
            return held + b"".join(self._chunks)
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._held = chunk
        data, self._held = self._held[:size], self._held[size:]
        return data
