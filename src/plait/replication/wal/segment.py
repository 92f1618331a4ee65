"""The committed pages of a part of a write-ahead log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.replication.ltx.header import lock_page
from plait.replication.wal.frames import FRAME_HEADER_SIZE, WAL_HEADER_SIZE, WalHeader, valid_frames

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from plait.replication.ltx.reader import Page
    from plait.replication.wal.frames import ReadAt


class Segment(msgspec.Struct, frozen=True):
    """What a part of a log holds, as of its last commit.

    `start` and `end` are offsets in the log, `end` behind the newest frame that counts; without a commit they are the
    same. `commit` is the database's size in pages after it, 0 without one. `offsets` are those of the newest frame of
    each page, for pages within that size. `is_limited` tells that the log went on at a limit of bytes.
    """

    header: WalHeader
    start: int
    end: int
    commit: int
    offsets: dict[int, int]
    is_limited: bool

    def pages(self, read: ReadAt) -> Iterator[Page]:
        """The pages in ascending order of their numbers, read from the log."""
        size = self.header.page_size
        for number in sorted(self.offsets):
            yield number, read(self.offsets[number] + FRAME_HEADER_SIZE, size)


def scan(read: ReadAt, header: WalHeader, start: int = WAL_HEADER_SIZE, *, limit: int | None = None) -> Segment:
    """The segment from `start`, the offset of a frame, to the last commit, or to the first behind `limit` bytes.

    Frames behind the last commit do not count. Pages beyond the final size are left out: the database shrank.
    """
    offsets: dict[int, int] = {}
    pending: dict[int, int] = {}
    commit = 0
    is_limited = False
    for frame in valid_frames(read, header, start):
        pending[frame.number] = frame.offset
        if frame.commit:
            offsets.update(pending)
            pending.clear()
            commit = frame.commit
            if limit is not None and frame.offset + header.frame_size - start >= limit:
                is_limited = True
                break
    offsets = {number: offset for number, offset in offsets.items() if number <= commit}
    end = max(offsets.values()) + header.frame_size if offsets else start
    return Segment(header, start, end, commit, offsets, is_limited)


def missing_growth(before: int, commit: int, pages: Container[int], page_size: int) -> list[int]:
    """The pages by which a database grew from `before` to `commit` pages and that are not among `pages`.

    SQLite does not write a new page whose content is of no use, and a checkpoint may have taken others already; a file
    without them could not be restored, so that they are read from the database. The lock page is never among them.
    """
    lock = lock_page(page_size)
    return [number for number in range(before + 1, commit + 1) if number not in pages and number != lock]
