"""Reading an LTX file as a stream, with every check that the format allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from plait.model.errors import IntegrityError
from plait.replication.ltx.checksum import FLAG, NOTHING, crc, page_checksum
from plait.replication.ltx.frames import END_OF_PAGES, read_frame, take_blocks
from plait.replication.ltx.header import (
    HEADER_SIZE,
    TRAILER_SIZE,
    Trailer,
    decode_header,
    decode_trailer,
    lock_page,
)
from plait.replication.ltx.index import TAIL_SIZE, IndexBuilder, check_rest, take_index
from plait.replication.ltx.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.replication.ltx.frames import Frame

Page: TypeAlias = tuple[int, bytes]
"""The number of a page, from 1, and its bytes."""

_BATCH: Final = 1 << 20
"""Bytes of pages in a batch."""


class Reader:
    """One LTX file: its `header` at once, its pages once through, then its `trailer`.

    Nothing of a file is certain before its last page was taken and `pages` has ended without an error: only then was
    the checksum compared. Memory is bounded by one chunk, a batch of pages, and 8 bytes or so for each page (the
    index).
    """

    def __init__(self, chunks: Iterable[bytes], *, checks_index: bool = True) -> None:
        """Read the header. Raises IntegrityError where it is wrong.

        Without `checks_index` the page index is not compared with the pages, which takes a quarter of the time; it is
        covered by the file's checksum all the same.
        """
        self._source = Source(chunks)
        data = self._source.exactly(HEADER_SIZE)
        self.header = decode_header(data)
        self.trailer: Trailer | None = None
        """Set once all was read and found right."""
        self.index_is_exact = checks_index
        """Whether the page index was found to tell where the pages are; known with the trailer."""
        self._crc = crc(data)
        self._is_begun = False
        self._count = 0
        self._order = PageOrder(self.header.page_size, self.header.commit, whole=self.header.is_snapshot)

    def pages(self) -> Iterator[Page]:
        """The pages in ascending order of their numbers, once through.

        Raises IntegrityError where the file is not what it should be, and ValueError the second time.
        """
        for frames in self.batches():
            for frame in frames:
                yield frame.number, frame.data

    def batches(self) -> Iterator[list[Frame]]:
        """The pages as `pages` gives them, some at a time."""
        if self._is_begun:
            raise ValueError("the pages of a file are read once")
        self._is_begun = True
        page_size = self.header.page_size
        tracked = FLAG if self._checks_database else NOTHING
        index = IndexBuilder() if self.index_is_exact else None
        offset = self._source.position
        while frames := self._batch(page_size):
            for frame in frames:
                fault = self._order.fault(frame.number)
                if fault is not None:
                    raise IntegrityError(fault)
            self._crc = crc(b"".join([part for frame in frames for part in (frame.head, frame.data)]), self._crc)
            self._count += len(frames)
            if index is not None:
                for frame in frames:
                    index.add(frame.number, offset, frame.size)
                    offset += frame.size
            if tracked:
                for frame in frames:
                    tracked = (tracked ^ page_checksum(frame.number, frame.data)) | FLAG
            yield frames
        fault = self._order.end_fault()
        if fault is not None:
            raise IntegrityError(fault)
        self._crc = crc(END_OF_PAGES, self._crc)
        self._finish(index, tracked)

    def verify(self) -> Trailer:
        """Read the pages for the checks only, unless all of them were read. Raises as `pages` does."""
        if self.trailer is None:
            for _ in self.batches():
                pass
        assert self.trailer is not None  # noqa: S101  (set by the end of `batches`)
        return self.trailer

    def _batch(self, page_size: int) -> list[Frame]:
        """The next pages; none where they end."""
        frames = take_blocks(self._source, page_size, max(1, _BATCH // page_size))
        if frames:
            return frames
        frame = read_frame(self._source, page_size)
        return [] if frame is None else [frame]

    @property
    def _checks_database(self) -> bool:
        return self.header.tracks_checksum and self.header.is_snapshot

    def _finish(self, index: IndexBuilder | None, tracked: int) -> None:
        if index is None:
            rest = self._source.rest(_greatest_index(self._count) + TAIL_SIZE)
            check_rest(rest)
            data, rest = rest[:-TRAILER_SIZE], rest[-TRAILER_SIZE:]
        else:
            data, self.index_is_exact = take_index(self._source, index.finish())
            rest = self._source.exactly(TRAILER_SIZE)
        self._crc = crc(data, self._crc)
        data = rest
        trailer = decode_trailer(data)
        if crc(data[:8], self._crc) | FLAG != trailer.file_checksum:
            raise IntegrityError("the file's checksum does not match its content")
        if self.header.tracks_checksum != bool(trailer.post_apply_checksum & FLAG):
            raise IntegrityError("the trailer and the flags disagree about the checksum of the database")
        if not self.header.tracks_checksum and trailer.post_apply_checksum:
            raise IntegrityError("the trailer has a checksum of the database, which the flags deny")
        if tracked and tracked != trailer.post_apply_checksum:
            raise IntegrityError("the checksum of the database does not match its pages")
        if self._source.peek(1):
            raise IntegrityError("the file goes on behind its end")
        self.trailer = trailer


class PageOrder:
    """The rule of which pages may follow each other in a file: for readers, and for writers before they write."""

    def __init__(self, page_size: int, commit: int, *, whole: bool) -> None:
        self._lock = lock_page(page_size)
        self._commit = commit
        self._whole = whole
        self._last = 0

    def fault(self, number: int) -> str | None:
        """What is wrong with `number` as the next page; None where it may follow."""
        if number <= self._last:
            return f"pages are not in ascending order: {self._last}, {number}"
        if number > self._commit:
            return f"page {number} is beyond the database's {self._commit} pages"
        if number == self._lock:
            return f"page {number} is the lock page, which has no content"
        if self._whole and number != self._next():
            return f"nonsequential page numbers in snapshot transaction: {self._last},{number}"
        self._last = number
        return None

    def end_fault(self) -> str | None:
        """What is wrong where no page follows; None where the file may end."""
        if self._whole and self._next() <= self._commit:
            return f"the snapshot ends with page {self._last} of {self._commit}"
        return None

    def _next(self) -> int:
        return self._last + 2 if self._last + 1 == self._lock else self._last + 1


def _greatest_index(pages: int) -> int:
    """The most bytes that the index of a file with so many pages has: three varints of 64 bits each, and the end."""
    return 3 * 10 * pages + 1
