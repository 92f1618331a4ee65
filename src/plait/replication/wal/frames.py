"""The header of a write-ahead log, its frames, and the chain of checksums that makes them valid."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from plait.native import wal_checksum
from plait.replication.ltx.header import Salts, is_page_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    ReadAt: TypeAlias = Callable[[int, int], bytes]
    """The bytes of the log at an offset, of a length; fewer only at its end."""

WAL_HEADER_SIZE: Final = 32
FRAME_HEADER_SIZE: Final = 24

_MAGIC: Final = 0x377F0682
"""Its lowest bit tells the order of bytes in which checksums are made: set for big-endian."""
_VERSION: Final = 3007000
_WAL_HEADER: Final = struct.Struct(">8I")
_FRAME_HEADER: Final = struct.Struct(">6I")
_FIRST_BATCH: Final = 1 << 16
_BATCH: Final = 1 << 20

Checksum: TypeAlias = tuple[int, int]


class WalHeader(msgspec.Struct, frozen=True):
    """The header of a log. `sequence` counts checkpoints; `checksum` is that of the header, where the chain begins."""

    big_endian: bool
    page_size: int
    sequence: int
    salts: Salts
    checksum: Checksum

    @property
    def frame_size(self) -> int:
        """The length in bytes of a frame with its header."""
        return frame_size(self.page_size)


class FrameHeader(msgspec.Struct, frozen=True, gc=False):
    """The header of a frame. `commit` is the database's size in pages behind a transaction's last frame, else 0."""

    number: int
    commit: int
    salts: Salts
    checksum: Checksum


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A valid frame: its offset in the log, the number of its page, and `commit` as in its header."""

    offset: int
    number: int
    commit: int


def frame_size(page_size: int) -> int:
    """The length in bytes of a frame with its header."""
    return FRAME_HEADER_SIZE + page_size


def decode_wal_header(data: bytes) -> WalHeader | None:
    """The header from the first bytes of a log; None where they are no valid one, which is as good as an empty log."""
    if len(data) < WAL_HEADER_SIZE:
        return None
    magic, version, page_size, sequence, salt_1, salt_2, *checksum = _WAL_HEADER.unpack_from(data)
    if magic & ~1 != _MAGIC or version != _VERSION or not is_page_size(page_size):
        return None
    big_endian = bool(magic & 1)
    if wal_checksum(data[:24], big_endian, (0, 0)) != tuple(checksum):
        return None
    return WalHeader(big_endian, page_size, sequence, Salts(salt_1, salt_2), (checksum[0], checksum[1]))


def decode_frame_header(data: bytes) -> FrameHeader | None:
    """The header of a frame from its first bytes; None where there are not enough of them."""
    if len(data) < FRAME_HEADER_SIZE:
        return None
    number, commit, salt_1, salt_2, sum_1, sum_2 = _FRAME_HEADER.unpack_from(data)
    return FrameHeader(number, commit, Salts(salt_1, salt_2), (sum_1, sum_2))


def valid_frames(read: ReadAt, header: WalHeader, start: int = WAL_HEADER_SIZE) -> Iterator[Frame]:
    """The frames from `start` on that carry the header's salts and continue the chain of checksums.

    The chain is taken up at the frame before `start`, whose own checksum is not looked at; where that frame is of other
    salts there is no valid one behind it.
    """
    seed: Checksum | None = header.checksum
    if start != WAL_HEADER_SIZE:
        seed = _stored_checksum(read, header, start - header.frame_size)
    if seed is not None:
        yield from _chained(read, header, start, seed)


def _stored_checksum(read: ReadAt, header: WalHeader, offset: int) -> Checksum | None:
    if offset < WAL_HEADER_SIZE or (offset - WAL_HEADER_SIZE) % header.frame_size:
        return None
    frame = decode_frame_header(read(offset, FRAME_HEADER_SIZE))
    return frame.checksum if frame is not None and frame.salts == header.salts else None


def _chained(read: ReadAt, header: WalHeader, start: int, checksum: Checksum) -> Iterator[Frame]:
    size = header.frame_size
    salts = (header.salts.first, header.salts.second)
    wanted = _FIRST_BATCH
    while True:
        batch = max(1, wanted // size) * size
        data = memoryview(read(start, batch))
        for position in range(0, len(data) - size + 1, size):
            number, commit, salt_1, salt_2, sum_1, sum_2 = _FRAME_HEADER.unpack_from(data, position)
            if (salt_1, salt_2) != salts or number == 0:
                return
            checksum = wal_checksum(data[position : position + 8], header.big_endian, checksum)
            page = data[position + FRAME_HEADER_SIZE : position + size]
            checksum = wal_checksum(page, header.big_endian, checksum)
            if checksum != (sum_1, sum_2):
                return
            yield Frame(start + position, number, commit)
        if len(data) < batch:
            return
        start += batch
        # Who follows a log reads a little at a time, and stale frames behind it for nothing.
        wanted = min(_BATCH, 2 * wanted)
