"""Contents on their way into a repository: cut, identified, described, stored once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from plait.native import entropy
from plait.repository.backup.holes import Passing
from plait.repository.format import dirpacks, packed
from plait.repository.format.content_types import content_type
from plait.repository.format.packed import Piece
from plait.repository.format.resources import Resource
from plait.repository.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.backup.holes import Part
    from plait.repository.format.chunking import Chunker
    from plait.repository.format.codec import Codec
    from plait.repository.format.hashing import Hasher

_BLOCK: Final = 1 << 20
_PARALLEL: Final = 2
"""Chunks of one large content that are worked on at once."""


class Saved(NamedTuple):
    """A content that is in the repository, or will be with the next state. `mac`: of its object; `size` in bytes."""

    mac: bytes
    content_type: str
    entropy: float
    chunks: int
    size: int


class BlobWriter(Protocol):
    """What contents and entries are put into: a `Writer`, or what gathers for one."""

    def claim(self, resource: int, mac: bytes) -> bool:
        """As `Writer.claim`."""
        ...

    def add(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.add`."""
        ...

    def put(self, resource: int, mac: bytes, plain: bytes) -> None:
        """As `Writer.put`."""
        ...


class Contents:
    """Saves contents. Threads may share it."""

    def __init__(self, writer: BlobWriter, codec: Codec, chunker: Chunker) -> None:
        self._writer = writer
        self._codec = codec
        self._chunker = chunker
        self.short = chunker.sizes[0]
        """Bytes up to which a content is not cut."""

    def save(self, read: Callable[[int], bytes], expected: int, carried: Callable[[int], None]) -> Saved:
        """Saves a content of about `expected` bytes: as many as that, fewer where it ends early.

        Of one that claims to have none, everything that comes is taken: files of the kernel do so. `carried` is told
        of bytes of a long one. Raises what `read` raises, and what storing raises.
        """
        blocks = _blocks(read, expected)
        first = next(blocks, b"")
        if len(first) <= self.short and len(first) == expected:
            return self.save_bytes(first)
        return self._save_long(first, blocks, carried)

    def save_sparse(self, parts: Iterator[Part], carried: Callable[[int], None]) -> Saved:
        """As `save`, of a content that has holes."""
        hasher = self._codec.authenticator.hasher()
        passing = Passing(self._chunker, hasher, carried)
        zeros: list[Piece] = []

        def piece(chunk: bytes) -> Piece:
            if chunk is not passing.zero_chunk:
                return self._chunk(chunk)
            if not zeros:
                zeros.append(self._chunk(chunk))
            return zeros[0]

        pieces = list(in_parallel(piece, passing.chunks(parts), _PARALLEL))
        return self._whole(hasher.digest(), pieces, bytes(passing.head))

    def save_bytes(self, data: bytes) -> Saved:
        """Saves a content that is in memory."""
        if len(data) > self.short:
            return self._save_long(data, iter(()), lambda _: None)
        mac = self._codec.mac(data)
        disorder = entropy(data)
        kind = content_type(data)
        writer = self._writer
        if writer.claim(Resource.CHUNK, mac):
            writer.add(Resource.CHUNK, mac, data)
        # As the original rounds it: weighted by the length, and divided by it.
        size = len(data)
        mean = disorder * size / size if size else 0.0
        return self._object(mac, [Piece(mac, size, disorder)], kind, mean, size)

    def save_dirpack(self, data: bytes) -> bytes:
        """Saves the list of a directory's entries; the identifier of its object."""
        pieces, start = [], 0
        view = memoryview(data)
        for length in self._chunker.cut(data, final=True):
            chunk = bytes(view[start : start + length])
            mac = self._codec.mac(chunk)
            self._writer.put(Resource.CHUNK, mac, chunk)
            pieces.append(Piece(mac, length, 0.0))
            start += length
        mac = pieces[0].mac if len(pieces) == 1 else self._codec.mac(data)
        return self._object(mac, pieces, dirpacks.CONTENT_TYPE, 0.0, len(data)).mac

    def _save_long(self, first: bytes, rest: Iterator[bytes], carried: Callable[[int], None]) -> Saved:
        hasher = self._codec.authenticator.hasher()
        chunks = self._chunker.chunks(_hashed(first, rest, hasher, carried))
        pieces = list(in_parallel(self._chunk, chunks, _PARALLEL))
        return self._whole(hasher.digest(), pieces, first)

    def _whole(self, mac: bytes, pieces: list[Piece], first: bytes) -> Saved:
        """A content of which all chunks are stored; `first` is its first block."""
        size = sum(piece.length for piece in pieces)
        total = 0.0
        for piece in pieces:
            total += piece.entropy * piece.length
        return self._object(mac, pieces, content_type(first), total / size if size else 0.0, size)

    def _chunk(self, data: bytes) -> Piece:
        mac = self._codec.mac(data)
        self._writer.put(Resource.CHUNK, mac, data)
        return Piece(mac, len(data), entropy(data))

    def _object(self, mac: bytes, pieces: list[Piece], kind: str, mean: float, size: int) -> Saved:
        plain = packed.content(mac, pieces, kind, mean)
        name = self._codec.mac(plain)
        self._writer.put(Resource.OBJECT, name, plain)
        return Saved(name, kind, mean, len(pieces), size)


def _blocks(read: Callable[[int], bytes], expected: int) -> Iterator[bytes]:
    """Blocks of full length, but for the last."""
    left = expected or None
    while left is None or left > 0:
        wanted = _BLOCK if left is None else min(left, _BLOCK)
        parts = []
        size = 0
        while size < wanted and (data := read(wanted - size)):
            parts.append(data)
            size += len(data)
        if size:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
        if size < wanted:
            return
        if left is not None:
            left -= size


def _hashed(first: bytes, rest: Iterator[bytes], hasher: Hasher, carried: Callable[[int], None]) -> Iterator[bytes]:
    block: bytes | None = first
    while block is not None:
        hasher.update(block)
        carried(len(block))
        yield block
        block = next(rest, None)
