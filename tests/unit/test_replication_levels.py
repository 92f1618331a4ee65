"""Levels, retention, checkpoints: the decisions, without anything that they are made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.replication.capture.checkpoints import Mode, Policy, Situation, due, log_size
from plait.replication.levels import (
    below_snapshots,
    boundary,
    gaps,
    is_due,
    level_zero,
    old_snapshots,
    to_compact,
    until_next,
)
from plait.replication.ltx.names import Span
from plait.replication.ltx.plan import File

SECOND = 10**9
DAY = 86400


def file(first: int, last: int | None = None, *, level: int = 0, at: float = 0) -> File:
    return File(level, Span(first, last or first), 200, round(at * SECOND))


def spans(files: list[File] | tuple[File, ...]) -> list[tuple[int, int]]:
    return [(one.span.min_txid, one.span.max_txid) for one in files]


@given(now=st.integers(0, 2**62), interval=st.sampled_from([0.001, 1.0, 30.0, 300.0, 3600.0, 86400.0]))
def test_boundaries_are_whole_multiples(now: int, interval: float) -> None:
    step = round(interval * SECOND)
    assert boundary(now, interval) % step == 0
    assert 0 <= now - boundary(now, interval) < step
    assert 0 < until_next(now, interval) <= interval


def test_days_end_at_midnight_in_utc() -> None:
    assert boundary((3 * DAY + 5) * SECOND, DAY) == 3 * DAY * SECOND


def test_a_level_has_one_file_in_each_interval() -> None:
    assert is_due(None, 0, 30)
    assert is_due(file(1, at=29), 31 * SECOND, 30)
    assert not is_due(file(1, at=30.5), 31 * SECOND, 30)


@pytest.mark.parametrize(
    ("below", "reached", "chosen"),
    [
        ([file(1), file(2), file(3)], 0, [(1, 1), (2, 2), (3, 3)]),
        ([file(1), file(2), file(3)], 2, [(3, 3)]),
        ([file(1)], 1, []),
        ([], 0, []),
        # A file that straddles what was compacted is taken whole.
        ([file(1, 4), file(5)], 2, [(1, 4), (5, 5)]),
        # One that lies within another brings nothing.
        ([file(1, 4), file(2, 3), file(4, 6)], 0, [(1, 4), (4, 6)]),
        # Behind a gap another file begins.
        ([file(1), file(2), file(4), file(5)], 0, [(1, 1), (2, 2)]),
        ([file(4), file(5)], 2, [(4, 4), (5, 5)]),
    ],
)
def test_what_becomes_one_file(below: list[File], reached: int, chosen: list[tuple[int, int]]) -> None:
    assert spans(to_compact(below, reached)) == chosen


def test_level_zero_keeps_what_is_young_or_not_compacted_or_newest() -> None:
    files = [file(number, at=number) for number in range(1, 11)]
    found = level_zero(files, compacted=4, now=16 * SECOND, retention=10)
    assert spans(found.files) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert (found.not_compacted, found.too_recent) == (2, 4)
    assert found.next_at == 17 * SECOND
    found = level_zero(files, compacted=10, now=1000 * SECOND, retention=10)
    assert spans(found.files) == [(number, number) for number in range(1, 10)]
    assert found.next_at is None
    assert level_zero([], compacted=10, now=0, retention=1).files == ()


def test_a_file_that_is_young_keeps_those_behind_it() -> None:
    files = [file(1, at=100), file(2, at=1), file(3, at=1)]
    assert level_zero(files, compacted=3, now=105 * SECOND, retention=10).files == ()


def test_snapshots_that_are_old_but_for_the_newest() -> None:
    files = [file(1, number, level=9, at=number) for number in (10, 20, 30)]
    assert old_snapshots(files, 100 * SECOND, 75) == (files[:2], 20)
    assert old_snapshots(files, 100 * SECOND, 1) == (files[:2], 20)
    assert old_snapshots(files, 100 * SECOND, 85) == (files[:1], 10)
    assert old_snapshots(files, 100 * SECOND, 1000) == ([], 0)
    assert old_snapshots([], 0, 1) == ([], 0)


def test_what_lies_below_the_snapshots_but_for_the_last() -> None:
    files = [file(1, 5), file(6, 12), file(13, 19)]
    assert spans(below_snapshots(files, 13)) == [(1, 5), (6, 12)]
    assert spans(below_snapshots(files, 100)) == [(1, 5), (6, 12)]
    assert below_snapshots(files, 5) == []


def test_gaps_and_overlaps_are_told() -> None:
    files = [file(1, 3), file(4, 6), file(8, 9), file(9, 10)]
    assert [(before.span.max_txid, after.span.min_txid) for before, after in gaps(files)] == [(6, 8), (9, 9)]


POLICY = Policy(page_size=4096, min_pages=1000, truncate_pages=5000, interval=60)


def now(pages: int, *, at_end: bool = True, is_fresh: bool = True, age: float = 0) -> Situation:
    return Situation(captured_end=log_size(pages, 4096), at_end=at_end, is_fresh=is_fresh, age=age)


@pytest.mark.parametrize(
    ("situation", "mode"),
    [
        (now(0), None),
        (now(999), None),
        (now(1000), Mode.PASSIVE),
        (now(1000, at_end=False), None),
        (now(4999), Mode.PASSIVE),
        (now(5000), Mode.TRUNCATE),
        (now(5000, at_end=False), Mode.TRUNCATE),
        (now(2, age=61), Mode.PASSIVE),
        (now(1, age=61), None),
        (now(2, age=60), None),
        (now(2, age=61, is_fresh=False), None),
    ],
)
def test_when_the_log_is_taken(situation: Situation, mode: Mode | None) -> None:
    assert due(POLICY, situation) is mode


def test_nothing_that_is_turned_off() -> None:
    policy = Policy(page_size=4096, min_pages=1000, truncate_pages=0, interval=0)
    assert due(policy, now(10**6)) is Mode.PASSIVE
    assert due(policy, now(2, age=1e9)) is None
