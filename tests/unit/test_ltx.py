"""LTX files: what the format does not allow is refused, by readers and by writers before it is written."""

import struct

import msgspec
import pytest

from plait.model.errors import ExitCode, IntegrityError, ObjectNotFoundError, UsageError
from plait.replication.ltx.checksum import FLAG, crc
from plait.replication.ltx.frames import END_OF_PAGES, Form, encode_frame, greatest_block
from plait.replication.ltx.header import Header, Salts, decode_header, encode_header
from plait.replication.ltx.index import IndexBuilder, decode_index, index_range
from plait.replication.ltx.layouts import FILE, S3, format_timestamp, parse_timestamp
from plait.replication.ltx.merge import compact, merged_header
from plait.replication.ltx.names import Span, check_name, parse_file_name, parse_position, parse_txid
from plait.replication.ltx.plan import File, Gap, plan_restore
from plait.replication.ltx.reader import Page, Reader
from plait.replication.ltx.writer import encode

SIZE = 512
PLAIN = Header(page_size=SIZE, commit=4, min_txid=2, max_txid=2, timestamp=5)
SNAPSHOT = Header(page_size=SIZE, commit=4, min_txid=1, max_txid=2, timestamp=5)

FIELDS = struct.Struct(">4sIIIQQqQqqIIQ20x")
GOOD = (b"LTX1", 2, SIZE, 4, 2, 2, 5, 0, 32, 64, 7, 8, 0)


def page(number: int) -> Page:
    return number, bytes([number % 256]) * SIZE


def written(header: Header, *numbers: int, grown_from: int | None = None) -> bytes:
    return b"".join(encode(header, [page(number) for number in numbers], grown_from=grown_from))


def sealed(header: Header, frames: bytes, index: bytes, hashed: bytes, *, post_apply: int = 0) -> bytes:
    """A file with a right checksum, whatever else is wrong; `hashed` are the frames with their pages inflated."""
    end = END_OF_PAGES + index + post_apply.to_bytes(8, "big")
    checksum = crc(end, crc(hashed, crc(encode_header(header)))) | FLAG
    return encode_header(header) + frames + end + checksum.to_bytes(8, "big")


def with_pages(header: Header, *pages: Page, post_apply: int = 0) -> bytes:
    frames = hashed = b""
    index = IndexBuilder()
    for number, data in pages:
        head, payload = encode_frame(number, data)
        index.add(number, 100 + len(frames), len(head) + len(payload))
        frames += head + payload
        hashed += head + data
    return sealed(header, frames, index.finish(), hashed, post_apply=post_apply)


@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        (0, b"LTX2", "no LTX file"),
        (1, 1, "flags 0x1"),
        (1, 4, "flags 0x4"),
        (2, 0, "page size 0"),
        (2, 256, "page size 256"),
        (2, 513, "page size 513"),
        (2, 131072, "page size 131072"),
        (4, 0, "a transaction of number 0"),
        (5, 0, "a transaction of number 0"),
        (5, 1, "reverse order"),
        (7, FLAG, "where none belongs"),
        (8, -1, "negative place"),
        (9, -1, "negative place"),
        (8, 0, "a length but no place"),
    ],
)
def test_a_header_that_the_format_does_not_allow(place: int, value: object, match: str) -> None:
    assert decode_header(FIELDS.pack(*GOOD)).wal_salts == Salts(7, 8)
    fields: list[object] = list(GOOD)
    fields[place] = value
    with pytest.raises(IntegrityError, match=match):
        decode_header(FIELDS.pack(*fields))


def test_salts_need_a_place_in_the_log() -> None:
    with pytest.raises(IntegrityError, match="salts but no place"):
        decode_header(FIELDS.pack(*GOOD[:8], 0, 0, 7, 8, 0))


@pytest.mark.parametrize("pre_apply", [0, 1, FLAG - 1])
def test_a_file_that_tracks_its_database_has_the_checksum_before_it(pre_apply: int) -> None:
    with pytest.raises(IntegrityError, match="no checksum of the database before it"):
        decode_header(FIELDS.pack(b"LTX1", 0, SIZE, 4, 2, 2, 5, pre_apply, 0, 0, 0, 0, 0))
    assert decode_header(FIELDS.pack(b"LTX1", 0, SIZE, 4, 2, 2, 5, FLAG, 0, 0, 0, 0, 0)).tracks_checksum


@pytest.mark.parametrize("change", [{"page_size": 100}, {"min_txid": 0}, {"commit": 2**32}, {"timestamp": 2**63}])
def test_a_header_is_refused_before_it_is_written(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"page size|transaction|out of its range"):
        encode_header(msgspec.structs.replace(PLAIN, **change))


@pytest.mark.parametrize(
    ("header", "numbers", "match"),
    [
        (PLAIN, [2, 2], "ascending order: 2, 2"),
        (PLAIN, [3, 2], "ascending order: 3, 2"),
        (PLAIN, [5], "beyond the database's 4 pages"),
        (SNAPSHOT, [1, 3, 4], "nonsequential page numbers in snapshot transaction: 1,3"),
        (SNAPSHOT, [2], "nonsequential page numbers in snapshot transaction: 0,2"),
        (SNAPSHOT, [1, 2, 3], "the snapshot ends with page 3 of 4"),
        (SNAPSHOT, [], "the snapshot ends with page 0 of 4"),
    ],
)
def test_pages_that_may_not_follow_each_other(header: Header, numbers: list[int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        written(header, *numbers)
    with pytest.raises(IntegrityError, match=match):
        Reader([with_pages(header, *map(page, numbers))]).verify()


@pytest.mark.parametrize(
    ("grown_from", "numbers", "missing"),
    [(2, [1, 4], 3), (2, [3], 4), (2, [], 3), (3, [1, 2], 4), (0, [1, 2, 3], 4)],
)
def test_a_file_holds_every_page_by_which_the_database_grew(grown_from: int, numbers: list[int], missing: int) -> None:
    with pytest.raises(ValueError, match=f"its new page {missing} is not in the file"):
        written(PLAIN, *numbers, grown_from=grown_from)
    assert Reader([written(PLAIN, 1, 2, 3, 4, grown_from=grown_from)]).verify().file_checksum & FLAG


@pytest.mark.parametrize("grown_from", [4, 9, None])
def test_a_database_that_did_not_grow_needs_no_page(grown_from: int | None) -> None:
    assert Reader([written(PLAIN, grown_from=grown_from)]).verify().file_checksum & FLAG
    assert Reader([written(PLAIN, 2, grown_from=grown_from)]).verify().file_checksum & FLAG


def test_a_page_of_another_size_is_not_written() -> None:
    with pytest.raises(ValueError, match="page 1 has 100 bytes, not 512"):
        list(encode(PLAIN, [(1, bytes(100))]))


def test_a_file_that_ends_on_an_error_has_no_trailer() -> None:
    reader = Reader([written(PLAIN, 1, 2)[:-1]])
    with pytest.raises(IntegrityError, match="ends too early"):
        reader.verify()
    assert reader.trailer is None


def test_the_pages_of_a_file_are_read_once() -> None:
    reader = Reader([written(PLAIN, 1, 2)])
    next(reader.pages())
    with pytest.raises(ValueError, match="read once"):
        reader.verify()


def test_an_error_is_of_the_catalogue() -> None:
    with pytest.raises(IntegrityError) as caught:
        Reader([b"not an LTX file" * 10])
    assert caught.value.exit_code is ExitCode.FAILED
    assert caught.value.message == "the file is no LTX file: it begins with other bytes"


@pytest.mark.parametrize("form", Form)
def test_bytes_that_do_not_compress_stay_within_the_bound(form: Form) -> None:
    data = b"".join(crc(bytes([index % 256, index // 256])).to_bytes(8, "big") for index in range(65536 // 8))
    header = Header(page_size=65536, commit=1, min_txid=1, max_txid=1, timestamp=0)
    whole = b"".join(encode(header, [(1, data)], form=form))
    assert list(Reader([whole]).pages()) == [(1, data)]
    assert len(encode_frame(1, data)[1]) <= greatest_block(65536)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (struct.pack(">IHI", 1, 1, 0), "impossible length: 0"),
        (struct.pack(">IHI", 1, 1, greatest_block(SIZE) + 1), "impossible length"),
        (struct.pack(">IHI", 1, 1, 5) + b"\xff" * 5, "does not decompress"),
        (struct.pack(">IHI", 1, 1, 3) + b"\x20ab", "size of a page: 2 instead of 512"),
        (struct.pack(">IH", 1, 2), "form that is not known: flags 0x2"),
        (struct.pack(">IH", 1, 0) + bytes(6), "is no LZ4 frame"),
        (struct.pack(">IH", 0, 1), "a page has the number 0"),
        (encode_frame(1, bytes(1024))[0] + encode_frame(1, bytes(1024))[1], "does not decompress"),
        (b"".join(encode_frame(1, bytes(1024), Form.FRAME)), "size of a page: 513 instead of 512"),
        (b"".join(encode_frame(1, bytes(100), Form.FRAME)), "size of a page: 100 instead of 512"),
    ],
)
def test_a_frame_that_is_no_page(frame: bytes, match: str) -> None:
    with pytest.raises(IntegrityError, match=match):
        Reader([encode_header(PLAIN) + frame + bytes(200)]).verify()


def test_a_checksum_of_the_database_is_not_where_the_flags_deny_it() -> None:
    with pytest.raises(IntegrityError, match="disagree about the checksum"):
        Reader([with_pages(PLAIN, page(1), post_apply=FLAG | 3)]).verify()
    with pytest.raises(IntegrityError, match="which the flags deny"):
        Reader([with_pages(PLAIN, page(1), post_apply=3)]).verify()
    tracking = msgspec.structs.replace(PLAIN, flags=0, pre_apply_checksum=FLAG | 1)
    with pytest.raises(IntegrityError, match="disagree about the checksum"):
        Reader([with_pages(tracking, page(1))]).verify()
    assert Reader([with_pages(tracking, page(1), post_apply=FLAG | 3)]).verify().post_apply_checksum == FLAG | 3


@pytest.mark.parametrize("data", [b"\x02\x01\x01\x01\x01\x01\x00", b"\x01\x01", b"\x01\x01\x01\x00\x00", b"\xff" * 11])
def test_an_index_that_is_none(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        decode_index(data)


@pytest.mark.parametrize("length", [0, 400, 2**64 - 1])
def test_an_index_that_is_nowhere(length: int) -> None:
    with pytest.raises(IntegrityError, match="impossible length"):
        index_range(length.to_bytes(8, "big") + bytes(16), 500)


def test_files_of_different_page_sizes_or_orders_do_not_merge() -> None:
    third = msgspec.structs.replace(PLAIN, min_txid=3, max_txid=3)
    assert merged_header([PLAIN, third]).max_txid == 3
    with pytest.raises(IntegrityError, match="the page size changes from 512 to 1024"):
        merged_header([PLAIN, msgspec.structs.replace(third, page_size=1024)])
    with pytest.raises(IntegrityError, match="not in order"):
        merged_header([third, PLAIN])
    with pytest.raises(IntegrityError, match="not in order"):
        merged_header([PLAIN, PLAIN])
    with pytest.raises(ValueError, match="no file"):
        merged_header([])


def test_a_compaction_of_a_snapshot_with_a_hole_is_refused() -> None:
    smaller = msgspec.structs.replace(SNAPSHOT, commit=2, max_txid=1)
    grown = msgspec.structs.replace(PLAIN, commit=4)
    inputs = [Reader([written(smaller, 1, 2)]), Reader([written(grown, 4)])]
    with pytest.raises(IntegrityError, match="nonsequential page numbers in snapshot transaction: 2,4"):
        list(compact(inputs)[1])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "0000000000000001-0000000000000001.ltx.tmp",
        "000000000000000A-000000000000000A.ltx",
        "1-1.ltx",
        "0000000000000001-0000000000000001.ltx\n",
        "x0000000000000001-0000000000000001.ltx",
    ],
)
def test_other_names_are_passed_over(name: str) -> None:
    assert parse_file_name(name) is None
    assert FILE.parse("/r", f"/r/ltx/0/{name}") is None


def test_a_file_in_the_place_of_another_is_seen() -> None:
    check_name("0000000000000001-000000000000000a.ltx", Span(1, 10))
    with pytest.raises(IntegrityError, match="the file holds transactions 0000000000000001-0000000000000009"):
        check_name("0000000000000001-000000000000000a.ltx", Span(1, 9))


@pytest.mark.parametrize("text", ["", "5", "000000000000000G", "0x00000000000005", "0000000000000005 "])
def test_a_transaction_has_16_digits(text: str) -> None:
    with pytest.raises(UsageError, match="invalid transaction"):
        parse_txid(text)
    with pytest.raises(UsageError, match="invalid position"):
        parse_position(f"{text}/0000000000000000")


def test_the_two_layouts() -> None:
    span = Span(5, 0x1F)
    assert FILE.key("/rep", 0, span) == "/rep/ltx/0/0000000000000005-000000000000001f.ltx"
    assert FILE.key("/rep", 9, span) == "/rep/ltx/9/0000000000000005-000000000000001f.ltx"
    assert S3.key("pre/a", 9, span) == "pre/a/0009/0000000000000005-000000000000001f.ltx"
    assert S3.key("", 0, span) == "/0000/0000000000000005-000000000000001f.ltx"
    assert (FILE.timestamp_name, S3.timestamp_name) == (None, "litestream-timestamp")
    assert S3.parse("pre/a", "pre/a/lock.json") is None
    assert S3.parse("pre/a", "pre/b/0000/0000000000000005-000000000000001f.ltx") is None
    assert S3.parse("pre/a", "pre/a/000a/0000000000000005-000000000000001f.ltx") is None
    with pytest.raises(ValueError, match="levels are 0 to 9"):
        S3.key("a", 10, span)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1795226891964, "2026-11-21T02:08:11.964Z"),
        (1795226891900, "2026-11-21T02:08:11.9Z"),
        (1795226891000, "2026-11-21T02:08:11Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62135596800000, "0001-01-01T00:00:00Z"),
    ],
)
def test_timestamps_as_the_metadata_has_them(milliseconds: int, text: str) -> None:
    assert format_timestamp(milliseconds) == text
    assert parse_timestamp(text) == milliseconds * 10**6


def test_times_that_are_none() -> None:
    assert parse_timestamp("2026-11-21T02:08:11.123456789Z") == 1795226891123456789
    for text in ("", "2026-11-21", "2026-13-21T02:08:11Z", "2026-11-21T02:08:11+01:00", "2026-11-21T02:08:11.Z"):
        assert parse_timestamp(text) is None
    for milliseconds in (2**62, -(2**62), 253402300800000):
        with pytest.raises(ValueError, match="no calendar"):
            format_timestamp(milliseconds)


def listed(*rows: tuple[int, int, int, int]) -> list[File]:
    return [File(level, Span(first, last), 200, created) for level, first, last, created in rows]


def test_a_gap_before_a_time_is_told() -> None:
    files = listed((9, 1, 2, 10), (0, 4, 4, 20), (0, 5, 5, 30), (1, 1, 6, 40))
    plan = plan_restore(files, before=35)
    assert (plan.txid, plan.gap) == (2, Gap(2, 4))
    assert plan_restore(files).gap is None
    assert plan_restore(files).txid == 6
    assert plan_restore(files, txid=2).gap is None


def test_a_transaction_within_a_file_is_not_to_be_had_and_the_nearest_is_named() -> None:
    files = listed((0, 1, 1, 1), (1, 2, 5, 2))
    with pytest.raises(ObjectNotFoundError, match="no matching backup files available") as caught:
        plan_restore(files, txid=4)
    assert caught.value.hint == "the nearest transaction before it is 0000000000000001"


def test_a_plan_without_a_damaged_file_takes_the_other_level() -> None:
    files = listed((9, 1, 2, 1), (0, 3, 3, 2), (0, 4, 4, 3), (1, 3, 4, 3))
    assert plan_restore(files).files == (files[0], files[3])
    assert plan_restore([files[0], files[1], files[2]]).files == tuple(files[:3])


def test_a_restore_is_of_one_moment() -> None:
    with pytest.raises(ValueError, match="a transaction or of a time"):
        plan_restore([], txid=1, before=1)
    with pytest.raises(ObjectNotFoundError):
        plan_restore([])
