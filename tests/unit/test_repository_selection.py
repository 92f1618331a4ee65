"""The location flags: which snapshots they choose, by the rules of the original's query page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plait.model.errors import DirectoryNotFoundError, UsageError
from plait.repository.format.headers import Header, Importer, Roots, Source
from plait.repository.format.resources import NO_MAC
from plait.repository.format.summaries import Summary
from plait.repository.moments import DAY, SECOND, parse_duration, parse_moment
from plait.repository.retention import PERIODS, WEEKDAYS, Allowance, civil
from plait.repository.selection import (
    Grouping,
    Query,
    find_one,
    normal_prefix,
    select,
    split_list,
    split_tags,
    with_prefix,
)

HOUR = 3600 * SECOND


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def snapshot(number: int, when: str = "2026-01-01", *, root: str = "/data", kind: str = "fs", **fields: Any) -> Header:
    source = Source(
        importer=Importer(kind, fields.pop("origin", "host"), root),
        root=Roots(NO_MAC, NO_MAC, NO_MAC),
        indexes=(),
        summary=Summary(),
    )
    return Header(identifier=number.to_bytes(32, "big"), timestamp=at(when), duration=0, sources=(source,), **fields)


def chosen(headers: list[Header], now: str = "2026-06-30T12:00:00", **query: Any) -> list[int]:
    found = select(headers, Query(**query), at(now))
    return [int.from_bytes(header.identifier, "big") for header in found.kept]


NOW = at("2026-01-26T12:00:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-25T14:31:12Z", at("2026-01-25T14:31:12")),
        ("2026-01-25T14:31:12.5Z", at("2026-01-25T14:31:12") + SECOND // 2),
        ("2026-01-25T14:31:12+02:00", at("2026-01-25T12:31:12")),
        ("2026-01-25T14:31:12-05:30", at("2026-01-25T20:01:12")),
        ("2026-01-25 14:31", at("2026-01-25T14:31:00")),
        ("2026-01-25 14:31:12", at("2026-01-25T14:31:12")),
        ("2026-01-25", at("2026-01-25")),
        ("2026/01/25", at("2026-01-25")),
        ("1969-12-31", -DAY),
        ("7d", NOW - 7 * DAY),
        ("2 weeks ago", NOW - 14 * DAY),
        ("", None),
    ],
)
def test_dates(text: str, expected: int | None) -> None:
    assert parse_moment(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-25T14:31", "2026-01-25T14:31:12", "12", "yesterday", "now", " 7d", "7d ", "2026-13-01"),
        *("2026-02-30", "2026-01-25 25:00", "2026-01-25T14:31:12+25:00", "3 fortnights", "1.2.3d", "5 hrs", "2 mon"),
        *("10ms", "two hours", "9" * 400 + "y", "2026/01/25 10:00", "2026-01-25 14:31Z"),
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UsageError, match="invalid time format"):
        parse_moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", 90 * 30 * DAY),
        ("1M", 30 * DAY),
        ("90min", 90 * 60 * SECOND),
        ("90mi", 90 * 60 * SECOND),
        ("1h30m", HOUR + 30 * 60 * SECOND),
        ("1h 30m 10s", HOUR + 30 * 60 * SECOND + 10 * SECOND),
        ("2m30s", 150 * SECOND),
        ("1 day 4h 30m", DAY + 4 * HOUR + 30 * 60 * SECOND),
        ("-1h", HOUR),
        ("+1h", HOUR),
        ("1,5h", 5 * HOUR),
        ("1h30", HOUR),
        ("3w2d", 23 * DAY),
        ("2.25d", 54 * HOUR),
        ("1y 3mo", 455 * DAY),
        ("1.5h", 90 * 60 * SECOND),
        ("an hour and a half", 90 * 60 * SECOND),
        ("Half a Day", 12 * HOUR),
        ("a month", 30 * DAY),
    ],
)
def test_durations(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


def test_lists_and_tags() -> None:
    assert split_list(["a, b", ",c,,"]) == ("a", "b", "c")
    assert split_tags(["b,!a", " c "]) == (("b", "c"), ("a",))
    # Not every snapshot there is: `rm -tag '!'` would remove them all.
    assert split_tags(["!", " ! ", "!!"]) == (("!", "!"), ("!",))


def test_prefixes_in_either_case() -> None:
    names = [bytes.fromhex("ab" * 32), bytes.fromhex("abcd" * 16), bytes.fromhex("ef" * 32)]
    assert with_prefix(names, "AB") == names[:2]
    assert with_prefix(names, "") == names
    assert with_prefix(names, "xy") == []
    assert find_one(names, "ABA") == names[0]
    with pytest.raises(UsageError, match=r"snapshot ID is ambiguous: ab \(matches 2 snapshots\)") as error:
        find_one(names, "ab")
    assert error.value.hint is not None
    assert names[1].hex() in error.value.hint
    with pytest.raises(DirectoryNotFoundError, match="no snapshot has prefix: 12"):
        find_one(names, "12")
    assert normal_prefix("AbC") == "abc"
    with pytest.raises(UsageError, match="invalid snapshot prefix: xyz"):
        normal_prefix("xyz")


def test_filters() -> None:
    headers = [
        snapshot(1, "2026-01-01", name="daily", tags=("a", "b"), category="x", job="j", environment="e"),
        snapshot(2, "2026-01-02", name="Daily", tags=("b",), root="/other", kind="s3", origin="bucket"),
        snapshot(3, "2026-01-03", perimeter="p", dataset="d", data_classes=("pii", "x"), tags=None),
    ]
    assert chosen(headers) == [3, 2, 1]
    assert chosen(headers, name="daily") == [1]
    assert chosen(headers, category="x") == chosen(headers, job="j") == chosen(headers, environment="e") == [1]
    assert chosen(headers, perimeter="p") == chosen(headers, dataset="d") == [3]
    assert chosen(headers, tags=("b",)) == [2, 1]
    assert chosen(headers, tags=("a", "b")) == [1]
    assert chosen(headers, tags=("b",), ignored_tags=("a",)) == [2]
    assert chosen(headers, ignored_tags=("a",)) == [3, 2]
    assert chosen(headers, types=("s3", "ftp")) == [2]
    assert chosen(headers, origins=("bucket", "other")) == [2]
    assert chosen(headers, data_classes=("pii", "y")) == [3]
    assert chosen(headers, prefixes=("00",)) == [3, 2, 1]
    assert chosen(headers, prefixes=("0" * 63 + "1", "0" * 63 + "3")) == [3, 1]
    assert chosen(headers, latest=True) == [3]
    assert chosen(headers, latest=True, tags=("b",)) == [2]


def test_any_of_several_roots_as_documented() -> None:
    headers = [snapshot(1, root="/a"), snapshot(2, root="/b"), snapshot(3, root="/a/c")]
    assert chosen(headers, roots=("/a", "/b")) == [1, 2]
    assert chosen(headers, roots=("/a/",)) == []


def test_both_ends_of_dates_are_inclusive() -> None:
    headers = [snapshot(day, f"2026-01-{day:02d}") for day in range(1, 6)]
    assert chosen(headers, since=at("2026-01-02"), before=at("2026-01-04")) == [4, 3, 2]


def test_what_narrows() -> None:
    assert not Query().narrows
    assert not Query(group_by=Grouping.TAG, periods={"day": Allowance()}).narrows
    assert Query(periods={"day": Allowance(keep=-1)}).narrows
    assert Query(latest=True).narrows
    assert Query(types=("fs",)).narrows
    assert Grouping.named(" data-class ") is Grouping.DATA_CLASS
    assert Grouping.named("") is None
    with pytest.raises(UsageError, match='invalid -group-by value "x"'):
        Grouping.named("x")


def test_periods() -> None:
    hours = ["2026-06-30T02:00:00", "2026-06-30T01:00:00", "2026-06-29T12:00:00", "2026-06-01T00:00:00", "2025-12-31"]
    headers = [snapshot(number, when) for number, when in enumerate(hours, 1)]
    assert chosen(headers, periods={"day": Allowance(keep=1)}) == [1, 2]
    assert chosen(headers, periods={"day": Allowance(keep=2)}) == [1, 2, 3]
    assert chosen(headers, periods={"day": Allowance(keep=2, cap=1)}) == [1, 3]
    assert chosen(headers, periods={"day": Allowance(cap=1)}) == [1, 3, 4, 5]
    assert chosen(headers, periods={"year": Allowance(keep=1), "month": Allowance(cap=1)}) == [1, 2, 3, 4, 5]
    assert chosen(headers, periods={"month": Allowance(cap=1)}) == [1, 5]
    assert chosen(headers, periods={"day": Allowance(keep=1), "year": Allowance(cap=1)}) == [1, 2, 5]
    assert chosen(headers, periods={"day": Allowance(keep=-1)}) == []
    assert chosen(headers, periods={"week": Allowance(keep=1)}) == [1, 2, 3]
    assert chosen(headers, periods={"tuesday": Allowance(keep=1)}) == [1, 2]
    assert chosen(headers, periods={"monday": Allowance(keep=1)}) == [3]
    assert chosen(headers, periods={"wednesday": Allowance(cap=1)}) == [5]
    assert chosen(headers, periods={"minute": Allowance(keep=1)}, now="2026-06-30T02:00:59") == [1]
    assert chosen(headers, periods={"hour": Allowance(keep=2)}, now="2026-06-30T02:59:00") == [1, 2]
    assert chosen(headers, latest=True, periods={"year": Allowance(keep=5)}) == [1]


def test_reasons() -> None:
    headers = [snapshot(1, "2026-01-02T02:00:00"), snapshot(2, "2026-01-02T01:00:00"), snapshot(3, "2025-12-31")]
    query = Query(periods={"day": Allowance(keep=1, cap=1)})
    found = select(headers, query, at("2026-01-02T12:00:00"))
    first, second, third = (found.verdicts[header.identifier] for header in headers)
    assert (first.kept, first.period, first.bucket, first.rank, first.cap) == (True, "day", "2026-01-02", 1, 1)
    assert (second.kept, second.note, second.rank) == (False, "exceeds per-bucket cap", 2)
    assert (third.kept, third.note) == (False, "outside retention windows")
    assert len(found.filtered) == 3
    without = select(headers, Query(), 0)
    assert {verdict.note for verdict in without.verdicts.values()} == {"matched filters"}


def test_periods_apply_to_each_group() -> None:
    headers = [
        snapshot(1, "2026-01-05", tags=("a",)),
        snapshot(2, "2026-01-04", tags=("a", "b")),
        snapshot(3, "2026-01-03", tags=()),
        snapshot(4, "2026-01-02", root="/b", tags=None),
    ]
    yearly = {"year": Allowance(cap=1)}
    assert chosen(headers, periods=yearly) == [1]
    assert chosen(headers, periods=yearly, group_by=Grouping.TAG) == [1, 2, 3]
    assert chosen(headers, periods=yearly, group_by=Grouping.ROOT) == [1, 4]
    assert chosen(headers, periods=yearly, group_by=Grouping.NAME) == [1]
    # The newest of all is taken before the groups are made.
    assert chosen(headers, periods=yearly, group_by=Grouping.TAG, latest=True) == [1]


def test_labels_of_buckets_are_those_of_the_calendar() -> None:
    for days in range(-40_000, 60_000, 13):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days, minutes=days % 1440)
        nanoseconds = days * DAY + days % 1440 * 60 * SECOND
        year, week, weekday = moment.isocalendar()
        name = WEEKDAYS[weekday - 1]
        expected = {
            "minute": f"{moment:%Y-%m-%d-%H:%M}",
            "hour": f"{moment:%Y-%m-%d-%H}",
            "day": f"{moment:%Y-%m-%d}",
            "week": f"{year:04d}-W{week:02d}",
            "month": f"{moment:%Y-%m}",
            "year": f"{moment:%Y}",
            name: f"{year:04d}-W{week:02d}-{name}",
        }
        assert {period: PERIODS[period].label(nanoseconds) for period in expected} == expected
        assert [day for day in WEEKDAYS if PERIODS[day].number(nanoseconds) is not None] == [name]
    # Times that no calendar library takes.
    assert civil(10**12)[0] > 10**9
    assert civil(-(10**12))[0] < -(10**9)
