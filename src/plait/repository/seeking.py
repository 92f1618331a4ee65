"""Contents of snapshots read from any offset: only the chunks concerned are read, and the last ones are kept."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plait.repository.blobs import Blobs
    from plait.repository.format.objects import Object

_KEPT: Final = 64 << 20
"""Bytes of chunks that are kept."""


class ChunkCache:
    """Chunks of one repository, the last used of which are kept. Several threads may share it."""

    def __init__(self, blobs: Blobs, kept: int = _KEPT) -> None:
        """`kept`: bytes, at most; the last chunk in any case."""
        self._blobs = blobs
        self._kept = kept
        self._lock = Lock()
        self._chunks: OrderedDict[bytes, tuple[Future[bytes], int]] = OrderedDict()
        self._size = 0

    def chunk(self, mac: bytes, length: int) -> bytes:
        """A chunk, read once however many threads ask for it. Raises as `Blobs.chunk`."""
        mine: Future[bytes] = Future()
        with self._lock:
            held = self._chunks.get(mac)
            if held is not None:
                self._chunks.move_to_end(mac)
            else:
                self._chunks[mac] = mine, length
                self._size += length
                while self._size > self._kept and len(self._chunks) > 1:
                    self._size -= self._chunks.popitem(last=False)[1][1]
        if held is not None:
            return held[0].result()
        try:
            data = self._blobs.chunk(mac, length)
        except BaseException as error:
            with self._lock:
                self._forget(mac)
            mine.set_exception(error)
            raise
        mine.set_result(data)
        return data

    def _forget(self, mac: bytes) -> None:
        gone = self._chunks.pop(mac, None)
        if gone is not None:
            self._size -= gone[1]


class SeekableContent:
    """The content of an object, `size` bytes. Several threads may share it."""

    def __init__(self, chunks: ChunkCache, item: Object) -> None:
        self._cache = chunks
        self._chunks = item.chunks or ()
        self._starts: list[int] = []
        self.size = 0
        for chunk in self._chunks:
            self._starts.append(self.size)
            self.size += chunk.length

    def read(self, offset: int, length: int) -> bytes:
        """A range, shorter where the content ends. Raises as `Blobs.chunk`: every chunk is verified."""
        end = min(offset + length, self.size)
        parts = []
        index = bisect_right(self._starts, offset) - 1
        while offset < end:
            chunk, start = self._chunks[index], self._starts[index]
            data = self._cache.chunk(chunk.content_mac, chunk.length)
            part = data[offset - start : end - start]
            parts.append(part)
            offset += len(part)
            index += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)
