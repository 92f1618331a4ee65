"""LTX files of any pages: what is written is read, what is broken is found, and merging is what applying in turn is."""

import struct
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plait.model.errors import IntegrityError, PlaitError
from plait.replication.ltx.checksum import FLAG, crc, database_checksum
from plait.replication.ltx.frames import END_OF_PAGES, Form, encode_frame
from plait.replication.ltx.header import Header, Salts, decode_header, encode_header, lock_page
from plait.replication.ltx.index import TAIL_SIZE, Entry, IndexBuilder, decode_index, index_range
from plait.replication.ltx.layouts import FILE, S3, format_timestamp, parse_timestamp
from plait.replication.ltx.merge import compact, merged_pages
from plait.replication.ltx.names import (
    Position,
    Span,
    file_name,
    format_position,
    format_txid,
    parse_file_name,
    parse_position,
    parse_txid,
)
from plait.replication.ltx.plan import File, plan_restore
from plait.replication.ltx.reader import Page, Reader
from plait.replication.ltx.writer import encode

PAGE_SIZES = st.sampled_from([512, 1024, 4096, 65536])
TXIDS = st.integers(1, 2**64 - 1)
WORDS = st.integers(0, 2**32 - 1)
TIMES = st.integers(-(2**63), 2**63 - 1)
FORMS = st.sampled_from(Form)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    first = draw(st.one_of(st.just(1), TXIDS))
    offset = draw(st.one_of(st.just(0), st.integers(1, 2**62)))
    tracks = draw(st.booleans())
    return Header(
        page_size=draw(PAGE_SIZES),
        commit=draw(WORDS),
        min_txid=first,
        max_txid=draw(st.integers(first, 2**64 - 1)),
        timestamp=draw(TIMES),
        flags=0 if tracks else 2,
        pre_apply_checksum=draw(st.integers(FLAG, 2**64 - 1)) if tracks and first > 1 else 0,
        wal_offset=offset,
        wal_size=draw(st.integers(0, 2**62)) if offset else 0,
        wal_salts=Salts(draw(WORDS), draw(WORDS)) if offset else Salts(),
        node=draw(st.integers(0, 2**64 - 1)),
    )


@st.composite
def page(draw: st.DrawFn, size: int) -> bytes:
    """Bytes that compress, and some that do not."""
    piece = draw(st.binary(min_size=1, max_size=40))
    if draw(st.integers(0, 3)) == 0:
        return draw(st.randoms(use_true_random=False)).randbytes(size)
    return (piece * size)[:size]


@st.composite
def files(draw: st.DrawFn) -> tuple[Header, list[Page]]:
    size = draw(st.sampled_from([512, 1024]))
    first = draw(st.integers(1, 3))
    commit = draw(st.integers(1, 12))
    numbers: Sequence[int] = range(1, commit + 1)
    if first > 1:
        numbers = sorted(draw(st.sets(st.integers(1, commit))))
    header = Header(
        page_size=size, commit=commit, min_txid=first, max_txid=draw(st.integers(first, 9)), timestamp=draw(TIMES)
    )
    return header, [(number, draw(page(size))) for number in numbers]


def written(header: Header, pages: Sequence[Page], form: Form = Form.BLOCK) -> bytes:
    return b"".join(encode(header, pages, form=form))


@given(headers())
def test_a_header_comes_back(header: Header) -> None:
    data = encode_header(header)
    assert len(data) == 100
    assert decode_header(data) == header


@given(files(), FORMS, st.integers(1, 700))
def test_a_file_comes_back(file: tuple[Header, list[Page]], form: Form, chunk: int) -> None:
    header, pages = file
    data = written(header, pages, form)
    reader = Reader(data[index : index + chunk] for index in range(0, len(data), chunk))
    assert reader.header == header
    assert list(reader.pages()) == pages
    assert reader.verify().file_checksum & FLAG
    assert reader.index_is_exact
    offset, length = index_range(data[-TAIL_SIZE:], len(data))
    for entry, expected in zip(decode_index(data[offset : offset + length]), pages, strict=True):
        head, payload = encode_frame(*expected, form)
        assert data[entry.offset : entry.offset + entry.size] == head + payload


@given(files(), FORMS, st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(
    file: tuple[Header, list[Page]], form: Form, data: st.DataObject
) -> None:
    broken = bytearray(written(*file, form))
    position = data.draw(st.integers(0, len(broken) - 1))
    broken[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        reader = Reader([bytes(broken)])
        pages = list(reader.pages())
    except IntegrityError:
        return
    assert (reader.header, pages) == file


@given(files(), FORMS, st.data())
def test_what_is_cut_off_or_added_is_found(file: tuple[Header, list[Page]], form: Form, data: st.DataObject) -> None:
    whole = written(*file, form)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(IntegrityError):
        Reader([whole[:length]]).verify()
    with pytest.raises(IntegrityError):
        Reader([whole, data.draw(st.binary(min_size=1, max_size=20))]).verify()


@given(files(), FORMS, st.data())
def test_what_is_spliced_is_never_another_kind_of_error(
    file: tuple[Header, list[Page]], form: Form, data: st.DataObject
) -> None:
    whole = written(*file, form)
    start = data.draw(st.integers(100, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    spliced = whole[:start] + data.draw(st.binary(max_size=40)) + whole[end:]
    try:
        reader = Reader([spliced])
        pages = list(reader.pages())
    except IntegrityError:
        return
    assert (reader.header, pages) == file


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        Reader([data]).verify()
    try:
        offset, length = index_range(data[-TAIL_SIZE:], len(data))
        decode_index(data[offset : offset + length])
    except IntegrityError:
        pass


@given(st.integers(1, 2**32 - 1), st.sampled_from([0, 1, 2, 0xFFFF]), st.integers(0, 2**32 - 1), st.integers(0, 255))
def test_a_length_allocates_nothing(number: int, flags: int, length: int, filler: int) -> None:
    header = Header(page_size=65536, commit=2**32 - 1, min_txid=2, max_txid=2, timestamp=0)
    lz4_head = bytes.fromhex("04224d18644073")[:7]
    tail = struct.pack("<I", length) if flags == 0 else struct.pack(">I", length)
    data = encode_header(header) + struct.pack(">IH", number, flags) + (lz4_head if flags == 0 else b"") + tail
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError):
            Reader([data, bytes([filler]) * 1000]).verify()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_index_of_any_length_allocates_nothing() -> None:
    header = Header(page_size=512, commit=1, min_txid=2, max_txid=2, timestamp=0)
    chunks = [encode_header(header), END_OF_PAGES, *([b"\x01\x01\x01" * 10_000] * 1000)]
    with pytest.raises(IntegrityError):
        Reader(chunks).verify()
    ascending = bytearray()
    for number in range(1, 100_000):
        ascending += bytes([number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14, 1, 1])
    with pytest.raises(IntegrityError, match="longer than its pages allow"):
        Reader([encode_header(header), END_OF_PAGES, bytes(ascending)]).verify()


@given(files(), st.integers(1, 50))
def test_an_index_that_tells_other_places_is_seen_and_does_not_keep_the_pages_back(
    file: tuple[Header, list[Page]], shift: int
) -> None:
    header, pages = file
    assume(pages)
    data = encode_header(header)
    checksum = crc(data)
    index = IndexBuilder()
    for number, content in pages:
        head, payload = encode_frame(number, content)
        checksum = crc(content, crc(head, checksum))
        index.add(number, len(data) + shift, len(head) + len(payload))
        data += head + payload
    end = END_OF_PAGES + index.finish() + bytes(8)
    data += end + struct.pack(">Q", crc(end, checksum) | FLAG)
    reader = Reader([data])
    assert list(reader.pages()) == pages
    assert not reader.index_is_exact


@given(files(), st.booleans())
def test_a_snapshot_that_tracks_its_checksum_is_held_to_it(file: tuple[Header, list[Page]], right: bool) -> None:
    plain, pages = file
    assume(plain.is_snapshot)
    header = Header(
        page_size=plain.page_size,
        commit=plain.commit,
        min_txid=1,
        max_txid=plain.max_txid,
        timestamp=0,
        flags=0,
    )
    with pytest.raises(ValueError, match="tracks the checksum"):
        written(header, pages)
    body = written(plain, pages)[100:-16]
    post_apply = struct.pack(">Q", database_checksum(pages) if right else FLAG | 1)
    checksum = crc(encode_header(header))
    for number, content in pages:
        checksum = crc(content, crc(encode_frame(number, content)[0], checksum))
    offset, length = index_range(written(plain, pages)[-TAIL_SIZE:], len(body) + 116)
    checksum = crc(post_apply, crc(END_OF_PAGES + body[offset - 100 : offset - 100 + length + 8], checksum))
    data = encode_header(header) + body + post_apply + struct.pack(">Q", checksum | FLAG)
    if right:
        assert list(Reader([data]).pages()) == pages
    else:
        with pytest.raises(IntegrityError, match="does not match its pages"):
            Reader([data]).verify()


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[Header, list[Page]]]:
    """Files that follow each other: each has the pages by which the database grew, and some others."""
    result: list[tuple[Header, list[Page]]] = []
    commit = 0
    for txid in range(1, draw(st.integers(2, 6)) + 1):
        before, commit = commit, draw(st.integers(1, 10))
        numbers = set(range(before + 1, commit + 1)) | draw(st.sets(st.integers(1, commit)))
        header = Header(page_size=512, commit=commit, min_txid=txid, max_txid=txid, timestamp=txid)
        pages = [(number, bytes([txid, number]) * 256) for number in sorted(numbers)]
        result.append((header, pages))
    return result


@given(chains(), st.data())
def test_merging_is_what_applying_in_turn_is(chain: list[tuple[Header, list[Page]]], data: st.DataObject) -> None:
    database: dict[int, bytes] = {}
    for header, pages in chain:
        database = {number: page for number, page in (database | dict(pages)).items() if number <= header.commit}
    contents = [written(*file) for file in chain]
    whole = list(merged_pages([Reader([content]) for content in contents]))
    assert whole == sorted(database.items())
    cut = data.draw(st.integers(1, len(contents) - 1))
    overlap = data.draw(st.integers(0, cut - 1))
    first = compact([Reader([content]) for content in contents[:cut]])
    second = compact([Reader([content]) for content in contents[cut - overlap :]])
    header, chunks = compact([Reader(first[1]), Reader(second[1])])
    assert (header.min_txid, header.max_txid, header.timestamp) == (1, len(chain), len(chain))
    assert list(Reader(chunks).pages()) == whole


@given(chains(), st.data())
def test_a_hole_in_a_chain_is_found(chain: list[tuple[Header, list[Page]]], data: st.DataObject) -> None:
    assume(len(chain) > 2)
    missing = data.draw(st.integers(1, len(chain) - 2))
    contents = [written(*file) for index, file in enumerate(chain) if index != missing]
    with pytest.raises(IntegrityError, match="non-contiguous ltx files"):
        compact([Reader([content]) for content in contents])


@given(chains(), st.data())
def test_a_broken_file_breaks_the_merge_even_where_no_page_of_it_is_needed(
    chain: list[tuple[Header, list[Page]]], data: st.DataObject
) -> None:
    contents = [written(*file) for file in chain]
    broken = data.draw(st.integers(0, len(contents) - 1))
    contents[broken] = contents[broken][:-1] + bytes([contents[broken][-1] ^ 1])
    with pytest.raises(IntegrityError, match="checksum"):
        list(merged_pages([Reader([content]) for content in contents]))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_names_come_back(first: int, second: int) -> None:
    span = Span(first, second)
    assert parse_txid(format_txid(first)) == first
    assert parse_file_name(file_name(span)) == span
    assert parse_position(format_position(Position(first, second))) == Position(first, second)
    for layout in (FILE, S3):
        for path in ("", "pre/a", "/dir"):
            for level in range(10):
                assert layout.parse(path, layout.key(path, level, span)) == (level, span)


@given(st.text("0123456789abcdefABCDEF-/.ltx \nx٣", max_size=45))
def test_other_names_are_none(text: str) -> None:
    span = parse_file_name(text)
    assert span is None or file_name(span) == text
    for parse in (parse_txid, parse_position):
        try:
            value = parse(text)
        except PlaitError:
            continue
        assert text == (format_position(value) if isinstance(value, Position) else format_txid(value))
    for layout in (FILE, S3):
        place = layout.parse("", text)
        assert place is None or layout.key("", *place) == text


@given(st.integers(-(10**13), 10**14))
def test_a_timestamp_comes_back(milliseconds: int) -> None:
    assert parse_timestamp(format_timestamp(milliseconds)) == milliseconds * 10**6


@st.composite
def replicas(draw: st.DrawFn) -> list[File]:
    spans = st.tuples(st.integers(1, 12), st.integers(0, 4)).map(lambda span: Span(span[0], span[0] + span[1]))
    return draw(
        st.lists(
            st.builds(File, st.sampled_from([0, 1, 2, 9]), spans, st.sampled_from([50, 100, 200]), st.integers(0, 9)),
            max_size=25,
        )
    )


@given(replicas(), st.one_of(st.none(), st.integers(1, 16)))
def test_a_plan_reaches_its_transaction_without_a_gap(files: list[File], txid: int | None) -> None:
    try:
        plan = plan_restore(files, txid=txid)
    except PlaitError:
        if txid is not None:
            assert txid not in reachable(files, txid)
        return
    reached = 0
    for file in plan.files:
        assert file.span.min_txid <= reached + 1
        assert file.span.max_txid > reached
        assert file.size >= 100
        reached = file.span.max_txid
    assert reached == plan.txid == (txid or max(file.span.max_txid for file in files))


def reachable(files: list[File], limit: int) -> set[int]:
    """Where chains of files may end, from the snapshot that is taken, none beyond the limit."""
    usable = [file for file in files if file.size >= 100 and file.span.max_txid <= limit]
    snapshots = [file.span.max_txid for file in usable if file.level == 9 and file.span.min_txid == 1]
    ends = {max(snapshots, default=0)}
    for _ in usable:
        for file in usable:
            if file.level != 9 and any(file.span.min_txid <= end + 1 and file.span.max_txid > end for end in ends):
                ends.add(file.span.max_txid)
    return ends


def test_the_lock_page_is_left_out_of_a_snapshot_and_refused_in_a_file() -> None:
    lock = lock_page(65536)
    assert (lock_page(512), lock_page(4096), lock) == (2097153, 262145, 16385)
    page = bytes(65536)
    header = Header(page_size=65536, commit=lock + 1, min_txid=1, max_txid=1, timestamp=0)
    chunks = encode(header, ((number, page) for number in range(1, lock + 2) if number != lock))
    assert sum(1 for _ in Reader(chunks).pages()) == lock
    incremental = Header(page_size=65536, commit=lock + 1, min_txid=2, max_txid=2, timestamp=0)
    with pytest.raises(ValueError, match="lock page"):
        written(incremental, [(lock, page)])
    assert b"".join(encode(incremental, [(lock + 1, page)], grown_from=lock - 1))


def test_an_index_entry_is_what_was_added() -> None:
    index = IndexBuilder()
    index.add(2**32 - 1, 2**63, 300)
    assert decode_index(index.finish()[:-8]) == [Entry(2**32 - 1, 2**63, 300)]
