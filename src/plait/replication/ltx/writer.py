"""Writing an LTX file as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.replication.ltx.checksum import FLAG, crc
from plait.replication.ltx.frames import END_OF_PAGES, Form, encode_frame
from plait.replication.ltx.header import Header, Trailer, encode_header, encode_trailer, lock_page
from plait.replication.ltx.index import IndexBuilder
from plait.replication.ltx.reader import PageOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.replication.ltx.reader import Page

_CHUNK_SIZE: Final = 256 * 1024


def encode(
    header: Header, pages: Iterable[Page], *, grown_from: int | None = None, form: Form = Form.BLOCK
) -> Iterator[bytes]:
    """The bytes of an LTX file in chunks, of pages in ascending order of their numbers.

    `grown_from` is the size in pages of the database before this file, where that is known: each page behind it has to
    be in the file, or the database could not be restored. Raises ValueError, before the chunk with the fault, where
    header or pages are not what the format and Litestream allow; what was taken until then is no file.
    """
    if header.tracks_checksum:
        raise ValueError("Litestream restores no file that tracks the checksum of its database")
    head = encode_header(header)
    checksum = crc(head)
    parts, held, position = [head], len(head), len(head)
    order = PageOrder(header.page_size, header.commit, whole=header.is_snapshot)
    growth = _Growth(header, grown_from)
    index = IndexBuilder()
    for number, data in pages:
        fault = order.fault(number) or growth.fault(number)
        if fault is not None:
            raise ValueError(fault)
        if len(data) != header.page_size:
            raise ValueError(f"page {number} has {len(data)} bytes, not {header.page_size}")
        frame_head, payload = encode_frame(number, data, form)
        checksum = crc(data, crc(frame_head, checksum))
        size = len(frame_head) + len(payload)
        index.add(number, position, size)
        position += size
        held += size
        parts += (frame_head, payload)
        if held >= _CHUNK_SIZE:
            yield b"".join(parts)
            parts, held = [], 0
    fault = order.end_fault() or growth.fault(header.commit + 1)
    if fault is not None:
        raise ValueError(fault)
    end = END_OF_PAGES + index.finish()
    post_apply = bytes(8)
    checksum = crc(post_apply, crc(end, checksum)) | FLAG
    yield b"".join((*parts, end, encode_trailer(Trailer(0, checksum))))


class _Growth:
    """Every page by which the database grew is in the file (all but the lock page)."""

    def __init__(self, header: Header, grown_from: int | None) -> None:
        self._lock = lock_page(header.page_size)
        self._next = header.commit + 1 if grown_from is None else self._behind(grown_from)

    def fault(self, number: int) -> str | None:
        if number < self._next:
            return None
        if number > self._next:
            return f"the database grew, but its new page {self._next} is not in the file"
        self._next = self._behind(number)
        return None

    def _behind(self, number: int) -> int:
        return number + 2 if number + 1 == self._lock else number + 1
