"""Four files that Litestream 0.5.17 wrote: level 0 twice, their compaction, and a snapshot."""

import re
import struct
from pathlib import Path

import pytest

from plait.model.errors import IntegrityError
from plait.replication.ltx.header import Header, Salts, decode_header
from plait.replication.ltx.index import TAIL_SIZE, Entry, decode_index, index_range
from plait.replication.ltx.merge import compact
from plait.replication.ltx.reader import Page, Reader
from plait.replication.ltx.writer import encode

HERE = Path(__file__).parent
A = (HERE / "a-level0-txid1.ltx").read_bytes()
B = (HERE / "b-level0-txid2.ltx").read_bytes()
SALTS = Salts(0x794B3FE2, 0xBA4FDCC8)


def compacted() -> bytes:
    """C: the compaction of A and B, from their frames: the second page is B's."""
    header = struct.pack(">4sIIIQQqQqqIIQ20x", b"LTX1", 2, 512, 4, 1, 2, 1795226534873, 0, 0, 0, 0, 0, 0)
    frames = A[100:358] + B[100:150] + A[401:443] + A[443:485]
    index = bytes.fromhex("0164820202e602320398032a04c2032a00")
    assert len(index) == 17
    return header + frames + bytes(6) + index + struct.pack(">QQQ", 17, 0, 0xC07FF935879B1D78)


def snapshot() -> bytes:
    """D: a snapshot of the first transaction, which differs from A in its place in the log and its checksum."""
    return A[:48] + struct.pack(">QQ", 1640, 536) + A[64:-8] + bytes.fromhex("fee5facc39923ea8")


VECTORS = {"a": A, "b": B, "c": compacted(), "d": snapshot()}
ENTRIES = {
    "a": [(1, 100, 258), (2, 358, 43), (3, 401, 42), (4, 443, 42)],
    "b": [(2, 100, 50)],
    "c": [(1, 100, 258), (2, 358, 50), (3, 408, 42), (4, 450, 42)],
    "d": [(1, 100, 258), (2, 358, 43), (3, 401, 42), (4, 443, 42)],
}
CHECKSUMS = {
    "a": 0xE67F5DE44BC3B363,
    "b": 0xA328012A2054D167,
    "c": 0xC07FF935879B1D78,
    "d": 0xFEE5FACC39923EA8,
}
HEADERS = {
    "a": Header(
        page_size=512,
        commit=4,
        min_txid=1,
        max_txid=1,
        timestamp=1795226532874,
        wal_offset=32,
        wal_size=2144,
        wal_salts=SALTS,
    ),
    "b": Header(
        page_size=512,
        commit=4,
        min_txid=2,
        max_txid=2,
        timestamp=1795226534873,
        wal_offset=2176,
        wal_size=536,
        wal_salts=SALTS,
    ),
    "c": Header(page_size=512, commit=4, min_txid=1, max_txid=2, timestamp=1795226534873),
    "d": Header(
        page_size=512,
        commit=4,
        min_txid=1,
        max_txid=1,
        timestamp=1795226532874,
        wal_offset=1640,
        wal_size=536,
        wal_salts=SALTS,
    ),
}


def read(data: bytes) -> tuple[Reader, list[Page]]:
    reader = Reader([data])
    return reader, list(reader.pages())


@pytest.mark.parametrize(("name", "size"), [("a", 532), ("b", 184), ("c", 539), ("d", 532)])
def test_a_vector_is_read_and_right(name: str, size: int) -> None:
    data = VECTORS[name]
    assert len(data) == size
    reader, pages = read(data)
    assert reader.header == HEADERS[name]
    assert reader.trailer is not None
    assert (reader.trailer.post_apply_checksum, reader.trailer.file_checksum) == (0, CHECKSUMS[name])
    assert reader.index_is_exact
    assert [number for number, _ in pages] == [number for number, _, _ in ENTRIES[name]]
    assert {len(page) for _, page in pages} == {512}


@pytest.mark.parametrize("name", list(VECTORS))
def test_the_index_is_found_from_the_end(name: str) -> None:
    data = VECTORS[name]
    offset, length = index_range(data[-TAIL_SIZE:], len(data))
    assert decode_index(data[offset : offset + length]) == [Entry(*entry) for entry in ENTRIES[name]]


@pytest.mark.parametrize("name", list(VECTORS))
def test_a_vector_comes_back_in_other_chunks_and_from_our_writer(name: str) -> None:
    data = VECTORS[name]
    reader, pages = read(data)
    single = Reader(data[index : index + 1] for index in range(len(data)))
    assert list(single.pages()) == pages
    again, pages_again = read(b"".join(encode(reader.header, pages)))
    assert again.header == reader.header
    assert pages_again == pages
    assert again.index_is_exact


def test_what_holds_no_longer_runs_is_byte_for_byte_the_same() -> None:
    reader, pages = read(B)
    assert b"".join(encode(reader.header, pages)) == B


def test_our_compaction_holds_what_that_of_litestream_holds() -> None:
    header, chunks = compact([Reader([A]), Reader([B])])
    ours, pages = read(b"".join(chunks))
    theirs, expected = read(VECTORS["c"])
    assert header == ours.header == theirs.header
    assert pages == expected


def test_the_pages_are_those_of_the_database() -> None:
    first, second = dict(read(A)[1]), dict(read(B)[1])
    assert first[1].startswith(b"SQLite format 3\0")
    assert re.findall(rb"CREATE TABLE t\(.*?\)", first[1]) == [b"CREATE TABLE t(id integer primary key, v text)"]
    assert first[2].endswith(b"hello")

    assert b"world" in second[2]
    assert b"hello" in second[2]


@pytest.mark.parametrize("name", list(VECTORS))
def test_no_flipped_bit_of_a_vector_gives_other_pages(name: str) -> None:
    data = VECTORS[name]
    _, pages = read(data)
    harmless = 0
    for position in range(len(data)):
        for bit in (1, 0x80):
            broken = bytearray(data)
            broken[position] ^= bit
            try:
                assert read(bytes(broken))[1] == pages
            except IntegrityError:
                continue
            # A match in an LZ4 block may be taken from elsewhere in a run of equal bytes; all else is checked.
            assert any(offset + 10 <= position < offset + size for _, offset, size in ENTRIES[name])
            harmless += 1
    assert harmless < len(data) // 10


@pytest.mark.parametrize("name", list(VECTORS))
def test_every_truncation_of_a_vector_is_found(name: str) -> None:
    data = VECTORS[name]
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            Reader([data[:length]]).verify()
    with pytest.raises(IntegrityError, match="goes on behind its end"):
        Reader([data, b"\0"]).verify()


def test_a_header_alone_says_what_a_file_is_about() -> None:
    assert decode_header(A[:100]) == HEADERS["a"]
    assert HEADERS["a"].wal_end == HEADERS["b"].wal_offset
    assert HEADERS["a"].is_snapshot
    assert not HEADERS["b"].is_snapshot
