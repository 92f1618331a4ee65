"""Chunks as content to be read in pieces of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ChunkSource:
    """What `Store.write` takes, from chunks, each taken when it is needed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, at least one before the end; all that is left for -1. Raises what the chunks raise."""
        if size < 0:
            rest = b"".join((self._rest, *self._chunks))
            self._rest = memoryview(b"")
            return rest
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        data = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        if not self._rest:
            # What follows the last chunk is the proof of the whole, which whoever has all bytes may not ask for.
            self._rest = memoryview(next(self._chunks, b""))
        return data
