"""The pages of a whole database: of each the newest one in the log, and from the database's file what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.replication.ltx.header import lock_page
from plait.replication.wal.frames import FRAME_HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plait.replication.ltx.reader import Page
    from plait.replication.wal.frames import ReadAt

_RUN: Final = 256 * 1024
"""Bytes read from the database's file at once."""


def whole_image(
    offsets: Mapping[int, int], read_log: ReadAt, read_file: ReadAt, *, commit: int, page_size: int
) -> Iterator[Page]:
    """Pages 1 to `commit` without the lock page. `offsets` are those of frames in the log, by their pages' numbers."""
    lock = lock_page(page_size)
    number = 1
    while number <= commit:
        if number == lock:
            number += 1
            continue
        offset = offsets.get(number)
        if offset is not None:
            yield number, read_log(offset + FRAME_HEADER_SIZE, page_size)
            number += 1
            continue
        end = number + 1
        most = min(commit + 1, number + max(1, _RUN // page_size))
        while end < most and end != lock and end not in offsets:
            end += 1
        data = read_file((number - 1) * page_size, (end - number) * page_size)
        for position in range(0, len(data), page_size):
            yield number, data[position : position + page_size]
            number += 1


def some_pages(numbers: list[int], read_file: ReadAt, page_size: int) -> Iterator[Page]:
    """These pages, from the database's file."""
    for number in numbers:
        yield number, read_file((number - 1) * page_size, page_size)
