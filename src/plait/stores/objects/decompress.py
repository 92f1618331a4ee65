"""Objects that are stored compressed (`Content-Encoding: gzip`), shown as what was compressed.

How large that is and what hash it has is known only once it was read: the size is unknown, and there is no hash.
Source: rclone 1.75, backend s3 (`decompress`); RFC 1952.
"""

from __future__ import annotations

import zlib
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from plait.model.errors import NotSupportedError, ObjectNotFoundError, PlaitError, TemporaryError
from plait.model.items import Kind, Page
from plait.stores.hashing import HashesParts
from plait.stores.wrappers.base import WrappedReader, Wrapper, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.model.items import Stat
    from plait.stores.base import Features, Reader, Store

T = TypeVar("T")

CODING: Final = "gzip"
WORKERS: Final = 16
BLOCK: Final = 1 << 18
_GZIP: Final = 16 + zlib.MAX_WBITS


class Decompressed(Wrapper):
    """Passes everything on; what is compressed is read decompressed."""

    @property
    def reached_through(self) -> Store:
        """The inner store: copies that it makes by itself keep what is stored as it is."""
        return self.inner

    @property
    def features(self) -> Features:
        return msgspec.structs.replace(self.inner.features, times_in_listing=True)

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        """As the inner listing, with what only the object itself tells: a request each."""
        for page in super().list(prefix, start_after, descend=descend):
            yield Page.of(page.prefix, self._described(page), page.error)

    def call(self, operation: str, key: str, run: Callable[[], T]) -> T:
        """Makes one call of the inner store, which knows no hash of what is compressed."""
        if operation == "hash" and _is_compressed(self.inner.stat(key)):
            return cast("T", None)
        return run()

    def stat(self, key: str) -> Stat:
        return _shown(super().stat(key))

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        stat = self.inner.stat(key)
        if not _is_compressed(stat):
            return super().read(key, offset, length, expected=expected)
        reader = _Decompressing(super().read(key, expected=expected), key, length)
        reader.skip(offset)
        return reader

    def _described(self, page: Page) -> Sequence[tuple[str, Stat]]:
        named = [(name, page.stat(index)) for index, name in enumerate(page.names)]
        waiting: SimpleQueue[int] = SimpleQueue()
        for index, (_, stat) in enumerate(named):
            if stat.kind is Kind.FILE:
                waiting.put(index)
        errors: list[PlaitError] = []

        def work() -> None:
            while not errors:
                try:
                    index = waiting.get_nowait()
                except Empty:
                    return
                name, listed = named[index]
                try:
                    named[index] = name, self.stat(page.prefix + name)
                except (ObjectNotFoundError, NotSupportedError):
                    # What is gone or cannot be asked for stays as it was listed.
                    named[index] = name, listed
                except PlaitError as error:
                    errors.append(error)

        threads = [Thread(target=work, name="s3-stat", daemon=True) for _ in range(min(WORKERS, len(named)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(1.0)
        if errors:
            raise errors[0]
        return named


class _Decompressing(WrappedReader):
    """Content that is decompressed as it comes, of which at most `length` bytes are wanted."""

    def __init__(self, reader: Reader, key: str, length: int | None) -> None:
        super().__init__(reader)
        self.stat = _shown(reader.stat)
        self._key = key
        self._left = length
        self._engine = zlib.decompressobj(_GZIP)
        self._rest = b""
        self._whole = True

    def skip(self, count: int) -> None:
        """Passes over the first `count` bytes."""
        wanted, self._left = self._left, None
        while count and (data := self.read(min(count, BLOCK))):
            count -= len(data)
        self._left = wanted

    def read(self, size: int = -1, /) -> bytes:
        """As `Reader.read`. Raises TemporaryError where the content is no whole gzip file."""
        if size < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        wanted = size if self._left is None else min(size, self._left)
        data = self._more(wanted) if wanted else b""
        if self._left is not None:
            self._left -= len(data)
        return data

    def _more(self, size: int) -> bytes:
        try:
            while True:
                if self._engine.eof:
                    # Files may be joined; each has its own head.
                    self._rest, self._engine = self._engine.unused_data, zlib.decompressobj(_GZIP)
                    self._whole = True
                fed = self._rest or self._reader.read(BLOCK)
                if not fed:
                    if not self._whole:
                        raise TemporaryError("failed to read: unexpected EOF", key=self._key)
                    return b""
                self._whole = False
                data = self._engine.decompress(fed, size)
                self._rest = self._engine.unconsumed_tail
                if data:
                    return data
        except zlib.error as error:
            raise TemporaryError(f"failed to read: gzip: {error}", key=self._key) from None


def decompressed(store: Store) -> Store:
    """The store, what is compressed in it shown decompressed."""
    return wrapping(Decompressed, store, (HashesParts,))(store)


def _is_compressed(stat: Stat) -> bool:
    return (stat.metadata or {}).get("content-encoding") == CODING


def _shown(stat: Stat) -> Stat:
    return msgspec.structs.replace(stat, size=None, hashes={}) if _is_compressed(stat) else stat
