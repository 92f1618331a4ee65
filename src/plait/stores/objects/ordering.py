"""Listings that come in another order than S3's, sorted: in memory while they are short, else through a file.

SeaweedFS lists by path component (`a/x` before `a.txt`), and so do servers that show a file system as buckets;
directory buckets have no order at all.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Entry: TypeAlias = tuple[bytes, int, str, str]
"""Key in UTF-8, size in bytes, etag and time as the server wrote them."""

RUN: Final = 100_000
"""Entries that are sorted in memory at once."""
BATCH: Final = 1_000


def in_order(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries by their keys' bytes, in batches. All are read before the first is given."""
    from tempfile import TemporaryFile

    run: list[Entry] = []
    with TemporaryFile(prefix="plait-") as file:
        starts: list[int] = []
        for entry in entries:
            run.append(entry)
            if len(run) >= RUN:
                starts.append(_spill(file, run))
                run = []
        run.sort()
        if not starts:
            yield from _batches(iter(run))
            return
        size = file.tell()
        ends = [*starts[1:], size]
        spilled = [_read(file, start, end) for start, end in zip(starts, ends, strict=True)]
        yield from _batches(heapq.merge(*spilled, iter(run)))


def _spill(file: BinaryIO, run: list[Entry]) -> int:
    """Writes a sorted run, as messages with their length before them, and returns where it begins."""
    run.sort()
    start = file.tell()
    for index in range(0, len(run), BATCH):
        message = msgspec.msgpack.encode(run[index : index + BATCH])
        file.write(len(message).to_bytes(8, "big"))
        file.write(message)
    return start


def _read(file: BinaryIO, start: int, end: int) -> Iterator[Entry]:
    decoder = msgspec.msgpack.Decoder(list[tuple[bytes, int, str, str]])
    position = start
    while position < end:
        file.seek(position)
        length = int.from_bytes(file.read(8), "big")
        position += 8 + length
        yield from decoder.decode(file.read(length))


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    from itertools import islice

    while batch := list(islice(entries, BATCH)):
        yield batch
