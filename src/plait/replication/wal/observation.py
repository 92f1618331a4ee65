"""What a write-ahead log tells about the last LTX file that was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.replication.wal.frames import (
    FRAME_HEADER_SIZE,
    WAL_HEADER_SIZE,
    WalHeader,
    decode_frame_header,
    decode_wal_header,
    frame_size,
    valid_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.ltx.header import Header, Salts
    from plait.replication.wal.frames import ReadAt


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a log, seen from the last LTX file.

    `size` is its length in bytes, `header` None where it has no valid one. `last_frame_stands`: the frame that ends
    where the file ends still carries the file's salts, and the file holds its page. `has_unsynced_tail`: behind that
    frame stand valid ones of the same generation up to a commit, which the file does not hold. `has_other_generation`:
    before the first frame of the file's generation stand some of neither that nor the header's.
    """

    size: int
    header: WalHeader | None
    last_frame_stands: bool = False
    has_unsynced_tail: bool = False
    has_other_generation: bool = False


def observe(read: ReadAt, size: int, last: Header | None, holds: Callable[[int, bytes], bool]) -> Observation:
    """Look at a log of `size` bytes; `holds` tells whether the last file has a page (number, bytes).

    Without a last file, or one that tells no place in a log, only the header is looked at.
    """
    header = decode_wal_header(read(0, WAL_HEADER_SIZE))
    if header is None or last is None or last.wal_offset == 0 or last.page_size != header.page_size:
        return Observation(size=size, header=header)
    stands = _last_frame_stands(read, last, holds)
    restarted = header.salts != last.wal_salts
    return Observation(
        size=size,
        header=header,
        last_frame_stands=stands,
        has_unsynced_tail=stands and restarted and _has_unsynced_tail(read, last),
        has_other_generation=restarted and _has_other_generation(read, header, last.wal_salts),
    )


def _last_frame_stands(read: ReadAt, last: Header, holds: Callable[[int, bytes], bool]) -> bool:
    size = frame_size(last.page_size)
    offset = last.wal_end - size
    if offset < WAL_HEADER_SIZE or (offset - WAL_HEADER_SIZE) % size:
        return False
    data = read(offset, size)
    frame = decode_frame_header(data)
    if frame is None or len(data) < size or frame.salts != last.wal_salts:
        return False
    return holds(frame.number, data[FRAME_HEADER_SIZE:])


def _has_unsynced_tail(read: ReadAt, last: Header) -> bool:
    # The header of that generation is overwritten, and with it the order of bytes of its checksums: try both.
    return any(
        frame.commit
        for big_endian in (False, True)
        for frame in valid_frames(read, WalHeader(big_endian, last.page_size, 0, last.wal_salts, (0, 0)), last.wal_end)
    )


def _has_other_generation(read: ReadAt, header: WalHeader, old: Salts) -> bool:
    offset = WAL_HEADER_SIZE
    while (frame := decode_frame_header(read(offset, FRAME_HEADER_SIZE))) is not None and frame.salts != old:
        if frame.salts != header.salts:
            return True
        offset += header.frame_size
    return False
