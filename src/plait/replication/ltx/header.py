"""The header of an LTX file, its first 100 bytes, and its trailer, the last 16."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from plait.model.errors import IntegrityError
from plait.replication.ltx.checksum import FLAG

HEADER_SIZE: Final = 100
TRAILER_SIZE: Final = 16
MAGIC: Final = b"LTX1"

NO_CHECKSUM: Final = 0x2
"""The flag of a file that does not track the checksum of its database; Litestream restores no other."""

LEAST_PAGE_SIZE: Final = 512
GREATEST_PAGE_SIZE: Final = 65536

_HEADER: Final = struct.Struct(">4sIIIQQqQqqIIQ20x")
_TRAILER: Final = struct.Struct(">QQ")
_LOCK_BYTE: Final = 0x40000000


class Salts(msgspec.Struct, frozen=True, order=True):
    """What a write-ahead log's header and frames carry; another pair begins with each generation of the log."""

    first: int = 0
    second: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What an LTX file is about.

    `commit` is the size of the database in pages once the file is applied; `timestamp` is in milliseconds since the
    epoch. `wal_offset` and `wal_size` (bytes) say which part of the log the pages came from, and `wal_salts` of which
    generation; all are zero in a file that was made by compaction.
    """

    page_size: int
    commit: int
    min_txid: int
    max_txid: int
    timestamp: int
    flags: int = NO_CHECKSUM
    pre_apply_checksum: int = 0
    wal_offset: int = 0
    wal_size: int = 0
    wal_salts: Salts = Salts()
    node: int = 0

    @property
    def is_snapshot(self) -> bool:
        """Whether the file holds every page of the database."""
        return self.min_txid == 1

    @property
    def tracks_checksum(self) -> bool:
        """Whether the file carries checksums of the database before and after it."""
        return not self.flags & NO_CHECKSUM

    @property
    def wal_end(self) -> int:
        """The offset in the log behind what the file holds; 0 for a file that was made by compaction."""
        return self.wal_offset + self.wal_size


class Trailer(msgspec.Struct, frozen=True):
    """The end of an LTX file: the checksum of the database after it (0 where that is not tracked), and of the file."""

    post_apply_checksum: int
    file_checksum: int


def is_page_size(size: int) -> bool:
    """Whether SQLite has pages of this size."""
    return LEAST_PAGE_SIZE <= size <= GREATEST_PAGE_SIZE and size & (size - 1) == 0


def lock_page(page_size: int) -> int:
    """The number of the page that SQLite locks and never writes: the one that holds the byte at 1 GiB."""
    return _LOCK_BYTE // page_size + 1


def encode_header(header: Header) -> bytes:
    """The bytes of a header. Raises ValueError for one that the format does not allow."""
    fault = _fault(header)
    if fault is not None:
        raise ValueError(fault)
    try:
        return _HEADER.pack(
            MAGIC,
            header.flags,
            header.page_size,
            header.commit,
            header.min_txid,
            header.max_txid,
            header.timestamp,
            header.pre_apply_checksum,
            header.wal_offset,
            header.wal_size,
            header.wal_salts.first,
            header.wal_salts.second,
            header.node,
        )
    except struct.error as error:
        raise ValueError(f"a field of the header is out of its range: {error}") from error


def decode_header(data: bytes) -> Header:
    """A header from the first bytes of a file. Raises IntegrityError where they are none."""
    if len(data) < HEADER_SIZE:
        raise IntegrityError(f"the file ends in its header, after {len(data)} of {HEADER_SIZE} bytes")
    magic, flags, page_size, commit, first, last, timestamp, pre_apply, offset, size, salt_1, salt_2, node = (
        _HEADER.unpack_from(data)
    )
    if magic != MAGIC:
        raise IntegrityError("the file is no LTX file: it begins with other bytes")
    header = Header(
        page_size=page_size,
        commit=commit,
        min_txid=first,
        max_txid=last,
        timestamp=timestamp,
        flags=flags,
        pre_apply_checksum=pre_apply,
        wal_offset=offset,
        wal_size=size,
        wal_salts=Salts(salt_1, salt_2),
        node=node,
    )
    fault = _fault(header)
    if fault is not None:
        raise IntegrityError(f"the header is wrong: {fault}")
    return header


def encode_trailer(trailer: Trailer) -> bytes:
    """The last bytes of a file."""
    return _TRAILER.pack(trailer.post_apply_checksum, trailer.file_checksum)


def decode_trailer(data: bytes) -> Trailer:
    """A trailer from its 16 bytes."""
    return Trailer(*_TRAILER.unpack(data))


def _fault(header: Header) -> str | None:
    """What the format does not allow in a header."""
    faults = (
        (header.flags & ~NO_CHECKSUM, f"flags {header.flags:#x}"),
        (not is_page_size(header.page_size), f"page size {header.page_size}"),
        (header.min_txid < 1 or header.max_txid < 1, "a transaction of number 0"),
        (header.min_txid > header.max_txid, "transactions in reverse order"),
        (header.wal_offset < 0 or header.wal_size < 0, "a negative place in the log"),
        (header.wal_offset == 0 and header.wal_size != 0, "a length but no place in the log"),
        (header.wal_offset == 0 and header.wal_salts != Salts(), "salts but no place in the log"),
    )
    for is_wrong, text in faults:
        if is_wrong:
            return text
    return _pre_apply_fault(header)


def _pre_apply_fault(header: Header) -> str | None:
    if header.is_snapshot or not header.tracks_checksum:
        return None if header.pre_apply_checksum == 0 else "a checksum of the database before it, where none belongs"
    return None if header.pre_apply_checksum & FLAG else "no checksum of the database before it"
