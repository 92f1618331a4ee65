"""Contents with holes: what was never written is neither read nor cut nor compressed, and yet saved as its zeros are.

A hole reads as zeros, and a repository keeps zeros; only the hash over the whole content has to go through them. A
chunk that begins in a hole, with at least the longest chunk's length of it ahead, is always the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.repository.format.chunking import Chunker
    from plait.repository.format.hashing import Hasher

_BLOCK: Final = 1 << 20
ZEROS: Final = bytes(_BLOCK)
LEAST: Final = 1 << 20
"""Bytes that have to be missing for a content to be looked at for its holes."""


class Hole(NamedTuple):
    """So many bytes that were never written."""

    length: int


Part: TypeAlias = bytes | Hole


class Sparse(Protocol):
    """An open file that may have holes."""

    def extent(self, position: int, /) -> tuple[int, int]:
        """Lengths of the hole at a position, and of the data behind it, which `read` gives next; both 0 at the end."""
        ...

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one before the end."""
        ...


def parts(content: Sparse, size: int) -> Iterator[Part]:
    """The first `size` bytes of a file, in order; fewer where it ends early. Raises what reading raises."""
    position = 0
    while position < size:
        hole, data = content.extent(position)
        if not hole and not data:
            return
        if hole:
            hole = min(hole, size - position)
            yield Hole(hole)
            position += hole
        end = min(position + data, size)
        while position < end:
            block = content.read(min(_BLOCK, end - position))
            if not block:
                return
            yield block
            position += len(block)


class Passing:
    """Passes the parts of a content on to the chunker.

    `head`: its first bytes, as many as a block has. `zero_chunk`: the chunk of a long hole, one object wherever it
    comes.
    """

    def __init__(self, chunker: Chunker, hasher: Hasher, carried: Callable[[int], None]) -> None:
        self.head = bytearray()
        self._chunker = chunker
        self._hasher = hasher
        self._carried = carried
        longest = chunker.sizes[2]
        zeros = bytes(longest)
        self.zero_chunk = zeros[: chunker.cut(zeros, final=False)[0]]

    def chunks(self, content: Iterable[Part]) -> Iterator[bytes]:
        """The chunks of a content, as the chunker cuts it where it is read whole."""
        pending = bytearray()
        longest = self._chunker.sizes[2]
        total = 0
        for part in content:
            length = part.length if isinstance(part, Hole) else len(part)
            total += length
            if isinstance(part, Hole):
                self._see_zeros(length)
                yield from self._through(length, pending)
            else:
                self._see(part)
                pending += part
            if len(pending) >= longest:
                yield from self._take(pending, final=False)
        if pending or not total:
            yield from self._take(pending, final=True)

    def _through(self, length: int, pending: bytearray) -> Iterator[bytes]:
        """The chunks that end in a hole; what of it is left over is pending."""
        longest = self._chunker.sizes[2]
        while length:
            if not pending and length >= longest:
                yield self.zero_chunk
                length -= len(self.zero_chunk)
                continue
            added = min(length, longest)
            pending += bytes(added)
            length -= added
            if len(pending) < longest:
                return
            yield from self._take(pending, final=False)
            if len(pending) <= added:
                # A chunk begins in the hole: what is behind that place is given back.
                length += len(pending)
                pending.clear()
                if length < longest:
                    pending += bytes(length)
                    return

    def _take(self, pending: bytearray, *, final: bool) -> Iterator[bytes]:
        start = 0
        for length in self._chunker.cut(pending, final=final):
            yield bytes(memoryview(pending)[start : start + length])
            start += length
        del pending[:start]

    def _see_zeros(self, length: int) -> None:
        while length:
            size = min(length, _BLOCK)
            self._see(ZEROS if size == _BLOCK else ZEROS[:size])
            length -= size

    def _see(self, block: bytes) -> None:
        if len(self.head) < _BLOCK:
            self.head += block[: _BLOCK - len(self.head)]
        self._hasher.update(block)
        self._carried(len(block))
