"""One file of level 0: where in the log it begins, what it holds, and what is to be remembered of it."""

from __future__ import annotations

from contextlib import ExitStack
from heapq import merge
from time import time_ns
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import IntegrityError, TemporaryError
from plait.replication.capture.images import some_pages, whole_image
from plait.replication.continuation import Continue, Full, Reason, decide
from plait.replication.ltx.checksum import crc
from plait.replication.ltx.header import Header
from plait.replication.ltx.names import Span
from plait.replication.ltx.writer import encode
from plait.replication.wal.frames import (
    FRAME_HEADER_SIZE,
    WAL_HEADER_SIZE,
    decode_frame_header,
    decode_wal_header,
    frame_size,
)
from plait.replication.wal.observation import observe
from plait.replication.wal.segment import Segment, missing_growth, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.replication.capture.connections import Connections
    from plait.replication.capture.local import LocalFiles
    from plait.replication.capture.logfile import LogFile
    from plait.replication.ltx.reader import Page
    from plait.replication.wal.frames import WalHeader


class Tail(msgspec.Struct, frozen=True):
    """The last frame that a file holds: the number of its page, and the CRC of its bytes."""

    number: int
    crc: int


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was made. `reason` tells why it holds the whole database, None where it does not.

    `size` is its length in bytes, `pages` the number of those in it that came from the log; `is_limited`: the log goes
    on behind it.
    """

    header: Header
    size: int
    pages: int
    reason: Reason | None
    tail: Tail | None
    is_limited: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a database was captured: the last transaction, and the header of its file where there is one.

    `must_be_whole`: what comes next has to hold the whole database, whatever the log shows.
    """

    txid: int = 0
    header: Header | None = None
    tail: Tail | None = None
    watched: bool = False
    must_be_whole: Reason | None = None


def capture(
    place: Place, log: LogFile, connections: Connections, local: LocalFiles, *, limit: int | None
) -> Captured | None:
    """Make the file behind `place`, unless the log holds nothing new.

    The log must be pinned. `limit` is the number of bytes of the log behind which a file ends with the next commit;
    one that holds the whole database is not limited. Raises IntegrityError where the log cannot be read, NoSpaceError.
    """
    size = connections.page_size

    def holds(number: int, data: bytes) -> bool:
        if place.tail is not None:
            return place.tail == Tail(number, crc(data))
        span = Span(place.txid, place.txid)
        return local.page(span, number, size) == data

    observation = observe(log.read, log.size, place.header, holds)
    decision = decide(place.header, observation, page_size=size, watched=place.watched)
    if place.must_be_whole is not None:
        decision = Full(place.must_be_whole)
    match decision:
        case Continue(offset):
            assert observation.header is not None  # noqa: S101  (what `decide` continues has one)
            segment = scan(log.read, observation.header, offset, limit=limit)
            return _part(place, segment, log, connections, local) if segment.offsets else None
        case Full(reason):
            if observation.header is None:
                raise IntegrityError("the log has no valid header")
            return _whole(place, scan(log.read, observation.header), reason, log, connections, local)
        case _:
            return None


def unless_restarted(pages: Iterator[Page], log: LogFile, header: WalHeader) -> Iterator[Page]:
    """The pages; raises TemporaryError behind the last one where the log was restarted since `header` was read.

    A log that was all taken into the database when it was pinned may be restarted once. Its header is written before
    the first frame is overwritten, so that what was read under an unchanged header was whole.
    """
    yield from pages
    now = decode_wal_header(log.read(0, WAL_HEADER_SIZE))
    if now is None or now.salts != header.salts:
        raise TemporaryError("the log was restarted while it was read")


def _part(place: Place, segment: Segment, log: LogFile, connections: Connections, local: LocalFiles) -> Captured:
    assert place.header is not None  # noqa: S101  (only the whole database can come first)
    before, size = place.header.commit, connections.page_size
    missing = missing_growth(before, segment.commit, segment.offsets, size)
    header = _header(place, segment, segment.commit)
    with ExitStack() as stack:
        pages: Iterator[Page] = segment.pages(log.read)
        if missing:
            file = stack.enter_context(connections.file())
            pages = merge(pages, some_pages(missing, file.read, size))
        length = local.write(
            _span(header), encode(header, unless_restarted(pages, log, segment.header), grown_from=before)
        )
    return _captured(header, length, segment, None, log)


def _whole(
    place: Place, segment: Segment, reason: Reason, log: LogFile, connections: Connections, local: LocalFiles
) -> Captured:
    size = connections.page_size
    with connections.file() as file:
        commit = segment.commit or file.size // size
        header = _header(place, segment, commit)
        pages = whole_image(segment.offsets, log.read, file.read, commit=commit, page_size=size)
        length = local.write(_span(header), encode(header, unless_restarted(pages, log, segment.header), grown_from=0))
    return _captured(header, length, segment, reason, log)


def _header(place: Place, segment: Segment, commit: int) -> Header:
    return Header(
        page_size=segment.header.page_size,
        commit=commit,
        min_txid=place.txid + 1,
        max_txid=place.txid + 1,
        timestamp=time_ns() // 10**6,
        wal_offset=segment.start,
        wal_size=segment.end - segment.start,
        wal_salts=segment.header.salts,
    )


def _span(header: Header) -> Span:
    return Span(header.min_txid, header.max_txid)


def _captured(header: Header, length: int, segment: Segment, reason: Reason | None, log: LogFile) -> Captured:
    return Captured(
        header=header,
        size=length,
        pages=len(segment.offsets),
        reason=reason,
        tail=_tail(segment, log),
        is_limited=segment.is_limited,
    )


def _tail(segment: Segment, log: LogFile) -> Tail | None:
    size = frame_size(segment.header.page_size)
    if segment.end - size < WAL_HEADER_SIZE or segment.end == segment.start:
        return None
    data = log.read(segment.end - size, size)
    frame = decode_frame_header(data)
    return None if frame is None else Tail(frame.number, crc(data[FRAME_HEADER_SIZE:]))
