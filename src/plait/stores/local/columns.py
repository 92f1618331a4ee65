"""The columns of one directory, and what has to be changed in them where it holds more than files and directories."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from plait.model.items import POSIX_FIELDS, UNKNOWN_SIZE, Kind, Page, order_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 8
DETAIL = WIDTH * POSIX_FIELDS
NO_SIZE = UNKNOWN_SIZE.to_bytes(WIDTH, sys.byteorder, signed=True)
_DIRECTORY = bytes([Kind.DIRECTORY])


class Row(msgspec.Struct, frozen=True):
    """One entry, taken out of the columns to be changed."""

    name: str
    kind: int
    size: bytes
    modified: bytes
    detail: bytes

    @property
    def order(self) -> bytes:
        """The bytes that order it within its directory."""
        return order_bytes(self.name + "/" if self.kind == Kind.DIRECTORY else self.name)


class Columns(msgspec.Struct, frozen=True):
    """The entries of one directory in the total order, in the form of a page's columns."""

    names: list[str]
    kinds: bytes
    sizes: bytes
    modified: bytes
    details: bytes

    def __len__(self) -> int:
        return len(self.names)

    def next_directory(self, start: int) -> int:
        """The index of the first directory from `start` on, -1 where there is none."""
        return self.kinds.find(_DIRECTORY, start)

    def indexes(self, kind: Kind) -> Iterator[int]:
        """The indexes of the entries of one kind."""
        wanted = bytes([kind])
        index = self.kinds.find(wanted)
        while index >= 0:
            yield index
            index = self.kinds.find(wanted, index + 1)

    def number(self, column: bytes, index: int) -> int:
        """One number of a column."""
        return int.from_bytes(column[WIDTH * index : WIDTH * index + WIDTH], sys.byteorder, signed=True)

    def detail(self, index: int, field: int) -> int:
        """One number of the details, by the field's place in `Posix`."""
        return self.number(self.details, index * POSIX_FIELDS + field)

    def page(self, prefix: str, start: int, stop: int) -> Page:
        """The entries from `start` up to `stop`; only the last may be a directory, whose size is not given."""
        if start == 0 and stop == len(self.names) and self.kinds[-1:] != _DIRECTORY:
            return Page(prefix, self.names, self.kinds, self.sizes, self.modified, details=self.details)
        sizes = self.sizes[WIDTH * start : WIDTH * stop]
        if stop > start and self.kinds[stop - 1] == Kind.DIRECTORY:
            sizes = sizes[:-WIDTH] + NO_SIZE
        return Page(
            prefix,
            self.names[start:stop],
            self.kinds[start:stop],
            sizes,
            self.modified[WIDTH * start : WIDTH * stop],
            details=self.details[DETAIL * start : DETAIL * stop],
        )

    def row(self, index: int) -> Row:
        """One entry."""
        return Row(
            self.names[index],
            self.kinds[index],
            self.sizes[WIDTH * index : WIDTH * index + WIDTH],
            self.modified[WIDTH * index : WIDTH * index + WIDTH],
            self.details[DETAIL * index : DETAIL * index + DETAIL],
        )

    def without(self, removed: Sequence[int]) -> Columns:
        """The columns without the entries of these indexes, which are in ascending order."""
        if not removed:
            return self
        kept = [(before + 1, after) for before, after in pairwise([-1, *removed, len(self)])]
        names: list[str] = []
        for start, stop in kept:
            names += self.names[start:stop]
        return Columns(
            names,
            _cut(self.kinds, kept, 1),
            _cut(self.sizes, kept, WIDTH),
            _cut(self.modified, kept, WIDTH),
            _cut(self.details, kept, DETAIL),
        )

    def replaced(self, rows: dict[int, Row]) -> Columns:
        """The columns with the entries of these indexes replaced, in order again."""
        changed = [rows[index] if index in rows else self.row(index) for index in range(len(self))]
        changed.sort(key=lambda row: row.order)
        return Columns(
            [row.name for row in changed],
            bytes(row.kind for row in changed),
            b"".join(row.size for row in changed),
            b"".join(row.modified for row in changed),
            b"".join(row.detail for row in changed),
        )

    def after(self, order: bytes) -> int:
        """The index of the first entry that stands after these order bytes."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.row(middle).order <= order:
                low = middle + 1
            else:
                high = middle
        return low


def _cut(column: bytes, kept: Sequence[tuple[int, int]], width: int) -> bytes:
    return b"".join(column[width * start : width * stop] for start, stop in kept)
