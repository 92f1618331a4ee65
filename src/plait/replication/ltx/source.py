"""A stream of chunks of any size, read by exact lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Source:
    """Bytes that come in chunks; `position` is the number of those that were taken.

    No more is held than one chunk and what was asked for; a length is asked for only once it is known to be sane.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = b""
        self._taken = 0
        self.position = 0

    def exactly(self, length: int) -> bytes:
        """The next `length` bytes. Raises IntegrityError where the stream ends before."""
        end = self._taken + length
        if end > len(self._held):
            self._hold(length)
            end = self._taken + length
            if end > len(self._held):
                raise IntegrityError(f"the file ends too early, after {self.position + len(self.peek(length))} bytes")
        result = self._held[self._taken : end]
        self._taken = end
        self.position += length
        return result

    def peek(self, length: int) -> bytes:
        """The next `length` bytes, or as many as are left, without taking them."""
        if self._taken + length > len(self._held):
            self._hold(length)
        return self._held[self._taken : self._taken + length]

    def held(self) -> tuple[bytes, int]:
        """Bytes, and the index among them from which on they can be taken without asking the stream for more."""
        if self._taken == len(self._held):
            self._hold(1)
        return self._held, self._taken

    def skip(self, length: int) -> None:
        """Take so many of the bytes that `held` gave."""
        self._taken += length
        self.position += length

    def rest(self, most: int) -> bytes:
        """All that is left. Raises IntegrityError where that is more than `most` bytes."""
        data = self.peek(most + 1)
        if len(data) > most:
            raise IntegrityError("the file goes on behind its end")
        self.skip(len(data))
        return data

    def _hold(self, length: int) -> None:
        parts = [self._held[self._taken :]]
        held = len(parts[0])
        while held < length:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            held += len(chunk)
        self._held = b"".join(parts)
        self._taken = 0
