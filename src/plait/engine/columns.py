"""Comparing the columns of two pages, without making an item of any row."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plait.model.items import UNKNOWN_SIZE, UNKNOWN_TIME, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.model.items import Page

_NO_SIZE = UNKNOWN_SIZE.to_bytes(8, sys.byteorder, signed=True)
_NO_TIME = UNKNOWN_TIME.to_bytes(8, sys.byteorder, signed=True)
_FILE = bytes((Kind.FILE,))


def equal_runs(left: Page, i: int, right: Page, j: int, count: int) -> Iterator[tuple[int, int, bool]]:
    """Divides `count` rows of equal names, from `i` in one page and from `j` in the other, into runs.

    Yields `(start, stop, equal)`, counted from `i` and `j`: in an equal run all rows are files whose size and time are
    known and equal; the rows between need a look each.
    """
    kinds = left.kinds[i : i + count]
    sizes = left.sizes[8 * i : 8 * (i + count)]
    times = left.modified[8 * i : 8 * (i + count)]
    other_kinds = right.kinds[j : j + count]
    other_sizes = right.sizes[8 * j : 8 * (j + count)]
    other_times = right.modified[8 * j : 8 * (j + count)]
    if (
        sizes == other_sizes
        and times == other_times
        and kinds == other_kinds
        and kinds.count(_FILE) == count
        and _NO_SIZE not in sizes
        and _NO_TIME not in times
    ):
        yield 0, count, True
        return
    start, state = 0, False
    rows = zip(
        kinds,
        other_kinds,
        memoryview(sizes).cast("q"),
        memoryview(other_sizes).cast("q"),
        memoryview(times).cast("q"),
        memoryview(other_times).cast("q"),
        strict=True,
    )
    for position, (kind, other_kind, size, other_size, time, other_time) in enumerate(rows):
        equal = (
            size == other_size != UNKNOWN_SIZE
            and time == other_time != UNKNOWN_TIME
            and kind == other_kind == Kind.FILE
        )
        if equal is not state:
            if position > start:
                yield start, position, state
            start, state = position, equal
    if count > start:
        yield start, count, state


def first_difference(left: list[str], i: int, right: list[str], j: int, count: int) -> int:
    """How many of `count` names, from `i` and from `j`, are equal before the first that is not."""
    whole = len(left) == count == len(right)
    mine, others = (left, right) if whole else (left[i : i + count], right[j : j + count])
    if mine == others:
        return count
    for position, (name, other) in enumerate(zip(mine, others, strict=True)):
        if name != other:
            return position
    return count
