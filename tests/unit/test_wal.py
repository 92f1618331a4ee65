"""A write-ahead log: which frames are valid, and what its committed part holds."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.native import wal_checksum
from plait.replication.ltx.header import Header, Salts
from plait.replication.wal.frames import (
    WAL_HEADER_SIZE,
    WalHeader,
    decode_frame_header,
    decode_wal_header,
    frame_size,
    valid_frames,
)
from plait.replication.wal.observation import observe
from plait.replication.wal.segment import missing_growth, scan

SIZE = 512
FRAME = frame_size(SIZE)
SALTS = (11, 12)


def reading(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def page(number: int, version: int) -> bytes:
    return struct.pack("<IIQ", number, version, 7) * (SIZE // 16)


class Log:
    """A log made by the book, in either order of bytes."""

    def __init__(self, *, big_endian: bool = False, salts: tuple[int, int] = SALTS, page_size: int = SIZE) -> None:
        self.big_endian = big_endian
        self.salts = salts
        head = struct.pack(">IIIIII", 0x377F0682 | big_endian, 3007000, page_size, 3, *salts)
        self.sums = wal_checksum(head, big_endian, (0, 0))
        self.data = head + struct.pack(">II", *self.sums)

    def add(self, number: int, version: int, commit: int = 0) -> "Log":
        head = struct.pack(">II", number, commit)
        content = page(number, version)
        self.sums = wal_checksum(content, self.big_endian, wal_checksum(head, self.big_endian, self.sums))
        self.data += head + struct.pack(">IIII", *self.salts, *self.sums) + content
        return self

    def transaction(self, version: int, commit: int, *numbers: int) -> "Log":
        for number in numbers[:-1]:
            self.add(number, version)
        return self.add(numbers[-1], version, commit)

    @property
    def header(self) -> WalHeader:
        header = decode_wal_header(self.data)
        assert header is not None
        return header


@pytest.mark.parametrize("big_endian", [False, True])
def test_a_log_in_either_order_of_bytes(big_endian: bool) -> None:
    log = Log(big_endian=big_endian).transaction(1, 3, 1, 2, 3).transaction(2, 3, 2)
    header = log.header
    assert (header.big_endian, header.page_size, header.sequence) == (big_endian, SIZE, 3)
    assert header.salts == Salts(*SALTS)
    segment = scan(reading(log.data), header)
    assert (segment.start, segment.end, segment.commit, segment.is_limited) == (32, len(log.data), 3, False)
    assert list(segment.pages(reading(log.data))) == [(1, page(1, 1)), (2, page(2, 2)), (3, page(3, 1))]


@pytest.mark.parametrize("position", range(32))
def test_a_header_with_any_flipped_bit_is_none(position: int) -> None:
    data = bytearray(Log().data)
    data[position] ^= 0x10
    assert decode_wal_header(bytes(data)) is None


def test_what_is_too_short_or_of_no_page_size_is_no_header() -> None:
    assert decode_wal_header(b"") is None
    assert decode_wal_header(Log().data[:31]) is None
    assert decode_wal_header(Log(page_size=100).data) is None
    assert decode_wal_header(Log(page_size=131072).data) is None
    assert decode_frame_header(bytes(23)) is None


def test_frames_without_a_commit_do_not_count() -> None:
    log = Log().transaction(1, 2, 1, 2).add(1, 2).add(2, 2)
    segment = scan(reading(log.data), log.header)
    assert segment.end == 32 + 2 * FRAME
    assert dict(segment.pages(reading(log.data))) == {1: page(1, 1), 2: page(2, 1)}
    nothing = Log().add(1, 1)
    segment = scan(reading(nothing.data), nothing.header)
    assert (segment.end, segment.commit, segment.offsets) == (32, 0, {})


def test_pages_beyond_the_final_size_are_left_out() -> None:
    log = Log().transaction(1, 5, 1, 4, 5).transaction(2, 3, 1, 3)
    segment = scan(reading(log.data), log.header)
    assert (segment.commit, sorted(segment.offsets), segment.end) == (3, [1, 3], len(log.data))


def test_a_page_that_was_beyond_the_size_for_a_while_is_that_of_its_newest_frame() -> None:
    log = Log().transaction(1, 5, 1, 5).transaction(2, 3, 1).transaction(3, 5, 1, 4)
    segment = scan(reading(log.data), log.header)
    assert dict(segment.pages(reading(log.data))) == {1: page(1, 3), 4: page(4, 3), 5: page(5, 1)}


@pytest.mark.parametrize(
    ("limit", "versions", "is_limited"),
    [(1, 1, True), (2 * FRAME, 1, True), (2 * FRAME + 1, 2, True), (6 * FRAME, 3, True), (6 * FRAME + 1, 3, False)],
)
def test_a_limit_ends_at_a_commit(limit: int, versions: int, is_limited: bool) -> None:
    log = Log()
    for version in (1, 2, 3):
        log.transaction(version, 2, 1, 2)
    segment = scan(reading(log.data), log.header, limit=limit)
    assert (segment.end, segment.is_limited) == (32 + versions * 2 * FRAME, is_limited)


def test_a_scan_goes_on_where_the_last_ended() -> None:
    log = Log().transaction(1, 2, 1, 2)
    end = len(log.data)
    log.transaction(2, 3, 3)
    segment = scan(reading(log.data), log.header, end)
    assert (segment.start, segment.end, dict(segment.pages(reading(log.data)))) == (
        end,
        len(log.data),
        {3: page(3, 2)},
    )
    assert scan(reading(log.data), log.header, len(log.data)).commit == 0


@pytest.mark.parametrize("start", [33, 32 + FRAME + 8, 32 + 40 * FRAME])
def test_no_frame_is_valid_at_a_place_that_is_none(start: int) -> None:
    log = Log().transaction(1, 3, 1, 2, 3)
    assert list(valid_frames(reading(log.data), log.header, start)) == []


def test_frames_of_an_earlier_generation_are_no_part() -> None:
    old = Log(salts=(10, 99)).transaction(1, 4, 1, 2, 3, 4)
    new = Log().transaction(2, 4, 2)
    data = new.data + old.data[len(new.data) :]
    segment = scan(reading(data), new.header)
    assert (segment.end, dict(segment.pages(reading(data)))) == (32 + FRAME, {2: page(2, 2)})
    assert list(valid_frames(reading(data), new.header, 32 + 3 * FRAME)) == []


@given(st.integers(32, 32 + 6 * FRAME - 1), st.integers(0, 7), st.booleans())
def test_what_is_behind_a_flipped_bit_or_cut_off_does_not_count(position: int, bit: int, cut: bool) -> None:
    log = Log()
    for version in (1, 2, 3):
        log.transaction(version, 2, 1, 2)
    broken = bytearray(log.data)
    broken[position] ^= 1 << bit
    data = log.data[:position] if cut else bytes(broken)
    segment = scan(reading(data), log.header)
    assert segment.end == 32 + (position - 32) // (2 * FRAME) * 2 * FRAME


@given(st.binary(max_size=2000), st.integers(0, 2100))
def test_any_bytes_are_only_no_frames(data: bytes, start: int) -> None:
    assert decode_wal_header(data) is None
    assert scan(reading(Log().data + data), Log().header).commit == 0
    assert list(valid_frames(reading(data), Log().header, start)) == []


def test_the_pages_by_which_a_database_grew() -> None:
    assert missing_growth(3, 7, {1, 5}, SIZE) == [4, 6, 7]
    assert missing_growth(7, 3, set(), SIZE) == []
    assert missing_growth(16383, 16387, {16386}, 65536) == [16384, 16387]


def last(log: Log, frames: int, start: int = 0) -> Header:
    return Header(
        page_size=SIZE,
        commit=9,
        min_txid=4,
        max_txid=4,
        timestamp=0,
        wal_offset=32 + start * FRAME,
        wal_size=frames * FRAME,
        wal_salts=Salts(*log.salts),
    )


def holding(*pages: tuple[int, int]) -> Callable[[int, bytes], bool]:
    return lambda number, data: any((number, data) == (known, page(known, version)) for known, version in pages)


@pytest.mark.parametrize("old_is_big_endian", [False, True])
def test_an_unsynced_tail_is_seen_whatever_the_order_of_bytes(old_is_big_endian: bool) -> None:
    old = Log(salts=(10, 99), big_endian=old_is_big_endian)
    old.transaction(1, 9, 1, 2, 3).transaction(2, 9, 4).add(5, 3)
    new = Log().transaction(3, 9, 1)
    data = new.data + old.data[len(new.data) :]
    synced_all = observe(reading(data), len(data), last(old, 4), holding((4, 2)))
    assert (synced_all.last_frame_stands, synced_all.has_unsynced_tail) == (True, False)
    synced_part = observe(reading(data), len(data), last(old, 3), holding((3, 1)))
    assert (synced_part.last_frame_stands, synced_part.has_unsynced_tail) == (True, True)
    assert not synced_all.has_other_generation
    other_page = observe(reading(data), len(data), last(old, 4), holding((3, 1)))
    assert not other_page.last_frame_stands
    overwritten = observe(reading(data), len(data), last(old, 1), holding((1, 1), (1, 3)))
    assert not overwritten.last_frame_stands


def test_a_third_generation_is_seen() -> None:
    first = Log(salts=(9, 5)).transaction(1, 9, 1, 2, 3, 4)
    second = Log(salts=(10, 6)).transaction(2, 9, 1, 2)
    third = Log(salts=(11, 7)).transaction(3, 9, 1)
    data = third.data + second.data[len(third.data) :] + first.data[len(second.data) :]
    assert observe(reading(data), len(data), last(first, 4), holding((4, 1))).has_other_generation
    assert not observe(reading(data), len(data), last(second, 2), holding((2, 2))).has_other_generation


def test_a_segment_without_a_frame_has_no_last_frame() -> None:
    log = Log().transaction(1, 9, 1)
    assert not observe(reading(log.data), len(log.data), last(log, 0), holding((1, 1))).last_frame_stands
    behind_a_frame = observe(reading(log.data), len(log.data), last(log, 0, start=1), holding((1, 1)))
    assert behind_a_frame.last_frame_stands


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_a_log_of_sqlite_gives_the_pages_of_the_database(tmp_path: Path, page_size: int) -> None:
    connection = apsw.Connection(str(tmp_path / "app.db"))
    connection.execute(f"PRAGMA page_size = {page_size}")
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (v)")
    for size in (10, 5000, 200_000):
        connection.execute("INSERT INTO t VALUES (randomblob(?))", (size,))
        data = (tmp_path / "app.db-wal").read_bytes()
        header = decode_wal_header(data)
        assert header is not None
        segment = scan(reading(data), header)
        image = connection.serialize("main")
        assert (segment.header.page_size, segment.end, segment.commit) == (
            page_size,
            len(data),
            len(image) // page_size,
        )
        for number, content in segment.pages(reading(data)):
            assert content == image[(number - 1) * page_size : number * page_size]
        numbers = [frame.number for frame in valid_frames(reading(data), header)]
        assert set(numbers) == set(segment.offsets)
        assert len(numbers) == (len(data) - WAL_HEADER_SIZE) // frame_size(page_size)
        commits = [frame.commit for frame in valid_frames(reading(data), header) if frame.commit]
        assert all(before <= after for before, after in itertools.pairwise(commits))
