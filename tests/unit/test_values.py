"""Sizes, durations, ages, times, bandwidths and plain flags: golden values, each confirmed with rclone 1.75.2."""

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.values.bandwidths import UNLIMITED, Bandwidth, Timetable, parse_bandwidth, parse_bandwidths
from plait.model.values.durations import (
    DAY,
    HOUR,
    MINUTE,
    Age,
    parse_age,
    parse_duration,
    parse_go_duration,
    show_duration,
    show_duration_units,
    show_go_duration,
)
from plait.model.values.flags import parse_bool, parse_float, parse_int
from plait.model.values.quoting import quote
from plait.model.values.sizes import parse_size, show_count, show_size, show_size_unit
from plait.model.values.times import parse_rfc3339, parse_time, show_rfc3339

SECOND = 10**9


@pytest.fixture
def berlin() -> Iterator[None]:
    """The process lives in a zone with summer time."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1", 1024),
        ("1.", 1024),
        (".5", 512),
        ("+2", 2048),
        ("1_0", 10240),
        ("1b", 1),
        ("1B", 1),
        ("1.9b", 1),
        ("1k", 1024),
        ("1K", 1024),
        ("1Ki", 1024),
        ("1kI", 1024),
        ("1KiB", 1024),
        ("1kib", 1024),
        ("1.5M", 1536 * 1024),
        ("1e3", 1024000),
        ("1e3b", 1000),
        ("2G", 2 * 1024**3),
        ("2t", 2 * 1024**4),
        ("2Pi", 2 * 1024**5),
        ("7E", 7 * 1024**6),
        ("off", None),
        ("OFF", None),
    ],
)
def test_a_size_counts_bytes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty string"),
        ("1x", "bad suffix 'x'"),
        ("i", "bad suffix 'i'"),
        ("1iB", "bad suffix '1'"),
        ("+", "bad suffix '+'"),
        ("nan", "bad suffix 'n'"),
        ("1KB", 'parsing "1K": invalid syntax'),
        ("1KIB", 'parsing "1KI": invalid syntax'),
        ("1 M", 'parsing "1 ": invalid syntax'),
        ("B", 'parsing "": invalid syntax'),
        ("infb", 'parsing "inf": invalid syntax'),
        ("-1", 'size can\'t be negative "-1"'),
        ("8E", 'parsing "8E": value out of range'),
        ("1e999", 'parsing "1e999": value out of range'),
    ],
)
def test_a_bad_size_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("size", "plain", "unit"),
    [
        (None, "off", "off"),
        (-1, "off", "off"),
        (0, "0", "0 B"),
        (102, "102", "102 B"),
        (1023, "1023", "1023 B"),
        (1024, "1Ki", "1 KiB"),
        (1024 * 1024 - 1, "1023.999Ki", "1023.999 KiB"),
        (28442624, "27.125Mi", "27.125 MiB"),
        (10 * 1024**3, "10Gi", "10 GiB"),
        (11811160064, "11Gi", "11 GiB"),
        (2**63 - 1, "8Ei", "8 EiB"),
    ],
)
def test_a_size_is_shown_with_binary_units(size: int | None, plain: str, unit: str) -> None:
    assert show_size(size) == plain
    assert show_size_unit(size) == unit


def test_a_rate_is_shown_with_its_own_unit() -> None:
    assert show_size_unit(4718592, "B/s") == "4.500 MiB/s"
    assert show_size_unit(8 * 1024, "bit/s") == "8 Kibit/s"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.234k"), (3_000_000, "3M"), (1_500_000_000, "1.500G")],
)
def test_a_count_is_shown_with_decimal_units(count: int, text: str) -> None:
    assert show_count(count) == text


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1", SECOND),
        ("1.5", 1500 * 10**6),
        ("-5", -5 * SECOND),
        ("1e3", 1000 * SECOND),
        ("1ns", 1),
        ("1us", 1000),
        ("1\u00b5s", 1000),
        ("1\u03bcs", 1000),
        ("500ms", 500 * 10**6),
        ("1h30m", 90 * MINUTE),
        ("1.5h", 90 * MINUTE),
        (".5h", 30 * MINUTE),
        ("-5m", -5 * MINUTE),
        ("1h1.5s", HOUR + 1500 * 10**6),
        ("1.5d", 36 * HOUR),
        ("2w", 14 * DAY),
        ("1M", 30 * DAY),
        ("1m", MINUTE),
        ("1y", 365 * DAY),
        ("300y", 300 * 365 * DAY),
        ("off", None),
    ],
)
def test_a_duration_counts_nanoseconds(text: str, nanoseconds: int | None) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1x", "OFF", "1d12h", "1h30", "h", "1 h", "2020-01-01", "inf", "nan", "1e999"])
def test_a_bad_duration_names_what_is_wanted(text: str) -> None:
    with pytest.raises(ValueError, match=r"^bad duration .*: want a number with one of ms\|s\|m\|h\|d\|w\|M\|y"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("off", 'time: invalid duration "off"'),
        (".s", 'time: invalid duration ".s"'),
        ("90", 'time: missing unit in duration "90"'),
        ("1h30", 'time: missing unit in duration "1h30"'),
        ("1h0", 'time: missing unit in duration "1h0"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("2020-01-01", 'time: unknown unit "-" in duration "2020-01-01"'),
    ],
)
def test_go_durations_are_refused_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_go_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (None, "off"),
        (0, "0s"),
        (1, "1ns"),
        (1500, "1.5\u00b5s"),
        (350 * 10**6, "350ms"),
        (1500 * 10**6, "1.5s"),
        (90 * SECOND, "1m30s"),
        (90 * MINUTE, "1h30m0s"),
        (-90 * MINUTE, "-1h30m0s"),
        (DAY, "1d"),
        (36 * HOUR, "1.5d"),
        (14 * DAY, "2w"),
        (45 * DAY, "1.5M"),
        (365 * DAY, "1y"),
        (-36 * HOUR, "-1.5d"),
    ],
)
def test_a_duration_is_shown_with_one_large_unit_or_in_go_s_way(nanoseconds: int | None, text: str) -> None:
    assert show_duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("nanoseconds", "most", "text"),
    [
        (None, 0, "off"),
        (0, 0, "0s"),
        (16 * SECOND, 3, "16s"),
        (DAY + 2 * HOUR + 23 * MINUTE + 20 * SECOND, 0, "1d2h23m20s"),
        (3 * DAY + 23 * HOUR + 47 * MINUTE + 16 * SECOND, 3, "3d23h47m"),
        (364 * DAY, 0, "52w"),
        (366 * DAY + 5 * 10**6, 0, "1y1d5ms"),
        (-90 * SECOND, 0, "-1m30s"),
    ],
)
def test_a_duration_is_shown_in_units_for_reading(nanoseconds: int | None, most: int, text: str) -> None:
    assert show_duration_units(nanoseconds, most) == text


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_go_durations_are_read_back_as_they_are_shown(nanoseconds: int) -> None:
    assert parse_go_duration(show_go_duration(nanoseconds)) == nanoseconds


def test_an_age_is_a_time_before_now_or_a_point_in_time() -> None:
    assert parse_age("off") is None
    age = parse_age("1.5d")
    assert age == Age(36 * HOUR)
    assert age.moment(100 * DAY) == 100 * DAY - 36 * HOUR
    since = parse_age("1970-01-03")
    assert since == Age(2 * DAY, absolute=True)
    assert since.moment(100 * DAY) == 2 * DAY


def test_a_bad_age_says_whether_the_duration_or_the_date_is_wrong() -> None:
    with pytest.raises(ValueError, match='bad duration "1x"'):
        parse_age("1x")
    with pytest.raises(ValueError, match=r'^parsing time "2020-13-01": month out of range$'):
        parse_age("2020-13-01")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.1234567899Z", 123456789),
        ("1970-01-01T01:00:00,5+01:00", 5 * 10**8),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2000-02-29T00:00:00Z", 951782400 * SECOND),
        ("2026-11-21T02:44:19.5-05:30", 1795248859 * SECOND + 5 * 10**8),
        ("0001-01-01T00:00:00Z", -62135596800 * SECOND),
        ("9999-12-31T23:59:59Z", 253402300799 * SECOND),
    ],
)
def test_rfc3339_times_count_nanoseconds(text: str, moment: int) -> None:
    assert parse_rfc3339(text) == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2020-13-01T00:00:00Z", "month out of range"),
        ("2020-02-30T00:00:00Z", "day out of range"),
        ("1900-02-29T00:00:00Z", "day out of range"),
        ("2020-01-00T00:00:00Z", "day out of range"),
        ("2020-01-01T24:00:00Z", "hour out of range"),
        ("2020-01-01T00:60:00Z", "minute out of range"),
        ("2020-01-01T00:00:60Z", "second out of range"),
        ("2020-01-01T00:00:00+01:60", "time zone offset out of range"),
        ("2020-01-01T00:00:00", "invalid syntax"),
        ("2020-01-01", "invalid syntax"),
        ("2020-01-01T00:00:00.Z", "invalid syntax"),
        ("\u0662020-01-01T00:00:00Z", "invalid syntax"),
    ],
)
def test_a_bad_time_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rfc3339(text)


@given(st.integers(min_value=-62135596800 * SECOND, max_value=253402300799 * SECOND))
def test_times_are_read_back_as_they_are_shown(moment: int) -> None:
    assert parse_rfc3339(show_rfc3339(moment)) == moment


def test_times_are_shown_with_the_digits_they_need() -> None:
    assert show_rfc3339(0) == "1970-01-01T00:00:00Z"
    assert show_rfc3339(10**8) == "1970-01-01T00:00:00.1Z"
    assert show_rfc3339(-1) == "1969-12-31T23:59:59.999999999Z"


@pytest.mark.usefixtures("berlin")
def test_layouts_without_a_zone_are_local() -> None:
    winter = 1577833445 * SECOND
    assert parse_time("2020-01-01T00:04:05") == winter
    assert parse_time("2020-01-01 00:04:05") == winter
    assert parse_time("2020-01-01 0:04:05.25") == winter + 25 * 10**7
    assert parse_time("2020-01-01") == 1577833200 * SECOND
    assert parse_time("2020-07-01") == 1593554400 * SECOND
    assert parse_time("2020-07-01T00:00:00Z") == 1593561600 * SECOND
    assert show_rfc3339(winter, local=True) == "2020-01-01T00:04:05+01:00"
    assert show_rfc3339(1593554400 * SECOND, local=True) == "2020-07-01T00:00:00+02:00"


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "TRUE", "True"])
def test_truth(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "false", "FALSE", "False"])
def test_falsehood(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "yes", "tRUE", "2", " true"])
def test_anything_else_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        parse_bool(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("5", 5), ("+5", 5), ("-1", -1), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("017", 15), ("1_000", 1000)],
)
def test_whole_numbers(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "EOF"),
        ("x", "expected integer"),
        ("\u0661", "expected integer"),
        *((text, "expected newline") for text in ("1.5", "08", "1__0", "5 6", "0x")),
    ],
)
def test_bad_whole_numbers(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_int(text)


def test_whole_numbers_have_64_bits() -> None:
    assert parse_int("9223372036854775807") == 2**63 - 1
    with pytest.raises(ValueError, match="value out of range"):
        parse_int("9223372036854775808")


@pytest.mark.parametrize("text", ["", "x", "1,5", " 1", "inf", "nan", "1e", "1__0", ".", "\u0661"])
def test_bad_floating_point_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        parse_float(text)


def test_bandwidths_are_for_both_directions_or_for_each() -> None:
    assert parse_bandwidth("1M") == Bandwidth(1048576, 1048576)
    assert parse_bandwidth("1M:off") == Bandwidth(1048576, None)
    assert parse_bandwidth("off") == UNLIMITED
    assert str(parse_bandwidth("1M:512k")) == "1Mi:512Ki"
    assert str(parse_bandwidth("1M")) == "1Mi"


@pytest.mark.parametrize("text", ["1M:", ":1M", "1:2:3", "x"])
def test_bad_bandwidths(text: str) -> None:
    with pytest.raises(ValueError):
        parse_bandwidth(text)


def moment(weekday: int, hour: int, minute: int) -> time.struct_time:
    """A moment on a day of the week that is counted from Monday = 0, as `struct_time` does."""
    return time.struct_time((2026, 1, 1, hour, minute, 0, weekday, 1, -1))


def test_a_timetable_holds_from_slot_to_slot() -> None:
    table = parse_bandwidths("08:00,512k 12:00,10M;13:00,512k 18:00,30M 23:00,off")
    assert table.at(moment(2, 7, 59)) == UNLIMITED
    assert table.at(moment(2, 8, 0)) == parse_bandwidth("512k")
    assert table.at(moment(2, 12, 59)) == parse_bandwidth("10M")
    assert table.at(moment(2, 23, 30)) == UNLIMITED
    # Sunday is the first day: what was written last holds before its first slot.
    assert table.at(moment(6, 0, 0)) == UNLIMITED


def test_a_timetable_can_name_days() -> None:
    table = parse_bandwidths("mon-00:00,512 Friday-23:59,10M SAT-10:00,1M Sun-20:00,off")
    assert table.at(moment(6, 21, 0)) == UNLIMITED
    assert table.at(moment(0, 0, 0)) == parse_bandwidth("512")
    assert table.at(moment(5, 9, 0)) == parse_bandwidth("10M")
    assert table.at(moment(5, 10, 0)) == parse_bandwidth("1M")
    assert str(table) == "Mon-00:00,512Ki Fri-23:59,10Mi Sat-10:00,1Mi Sun-20:00,off"


def test_one_bandwidth_holds_always() -> None:
    table = parse_bandwidths("1M:2M")
    assert table.at(moment(3, 3, 3)) == Bandwidth(1048576, 2097152)
    assert str(table) == "1Mi:2Mi"
    assert Timetable(()).at(moment(0, 0, 0)) == UNLIMITED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty string"),
        ("bad,bad", 'invalid time specification (hh:mm): "bad"'),
        ("1M 2M", 'invalid time/bandwidth specification: "1M"'),
        ("10:00,1M,2M", 'invalid time/bandwidth specification: "10:00,1M,2M"'),
        ("24:00,1M", "invalid hour (must be between 00 and 23): 24"),
        ("10:60,1M", "invalid minute (must be between 00 and 59): 60"),
        ("Foo-10:00,1M", 'invalid weekday: "foo"'),
        ("Mon-Tue-10:00,1M", 'invalid time specification: "Mon-Tue-10:00"'),
        ("10:00,1x", "bad suffix 'x'"),
    ],
)
def test_a_bad_timetable_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_bandwidths(text)
    assert str(caught.value) == message


def test_text_in_messages_is_quoted_and_escaped() -> None:
    assert quote('a"b\\c\n\x01\x7f\u200b\ue000é\udcff') == r'"a\"b\\c\n\x01\x7f\u200b\ue000é\xff"'
