"""Reading an LTX file as a stream, with every check that the format allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from plait.model.errors import IntegrityError
from plait.replication.ltx.checksum import FLAG, NOTHING, crc, page_checksum
from plait.replication.ltx.frames import END_OF_PAGES, read_frame
from plait.replication.ltx.header import (
    HEADER_SIZE,
    TRAILER_SIZE,
    Trailer,
    decode_header,
    decode_trailer,
    lock_page,
)
from plait.replication.ltx.index import IndexBuilder, take_index
from plait.replication.ltx.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Page: TypeAlias = tuple[int, bytes]
"""The number of a page, from 1, and its bytes."""


class Reader:
    """One LTX file: its `header` at once, its pages once through, then its `trailer`.

    Nothing of a file is certain before its last page was taken and `pages` has ended without an error: only then was
    the checksum compared. Memory is bounded by one chunk, one page, and 8 bytes or so for each page (the index).
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Read the header. Raises IntegrityError where it is wrong."""
        self._source = Source(chunks)
        data = self._source.exactly(HEADER_SIZE)
        self.header = decode_header(data)
        self.trailer: Trailer | None = None
        """Set once all was read and found right."""
        self.index_is_exact = True
        """Whether the page index tells where the pages are; known with the trailer."""
        self._crc = crc(data)
        self._is_begun = False
        self._order = PageOrder(self.header.page_size, self.header.commit, whole=self.header.is_snapshot)

    def pages(self) -> Iterator[Page]:
        """The pages in ascending order of their numbers, once through.

        Raises IntegrityError where the file is not what it should be, and ValueError the second time.
        """
        if self._is_begun:
            raise ValueError("the pages of a file are read once")
        self._is_begun = True
        page_size = self.header.page_size
        tracked = FLAG if self._checks_database else NOTHING
        index = IndexBuilder()
        offset = self._source.position
        while (frame := read_frame(self._source, page_size)) is not None:
            fault = self._order.fault(frame.number)
            if fault is not None:
                raise IntegrityError(fault)
            self._crc = crc(frame.data, crc(frame.head, self._crc))
            index.add(frame.number, offset, self._source.position - offset)
            offset = self._source.position
            if tracked:
                tracked = (tracked ^ page_checksum(frame.number, frame.data)) | FLAG
            yield frame.number, frame.data
        fault = self._order.end_fault()
        if fault is not None:
            raise IntegrityError(fault)
        self._crc = crc(END_OF_PAGES, self._crc)
        self._finish(index, tracked)

    def verify(self) -> Trailer:
        """Read the pages for the checks only, unless all of them were read. Raises as `pages` does."""
        if self.trailer is None:
            for _ in self.pages():
                pass
        assert self.trailer is not None  # noqa: S101  (set by the end of `pages`)
        return self.trailer

    @property
    def _checks_database(self) -> bool:
        return self.header.tracks_checksum and self.header.is_snapshot

    def _finish(self, index: IndexBuilder, tracked: int) -> None:
        data, self.index_is_exact = take_index(self._source, index.finish())
        self._crc = crc(data, self._crc)
        data = self._source.exactly(TRAILER_SIZE)
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
