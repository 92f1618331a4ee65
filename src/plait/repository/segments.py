"""Sorted files of where blobs are: the parts of the local index. Immutable once written; probed, never loaded.

A segment is a header, a table of how many records come before each prefix of identifiers, the names of its packfiles,
and records of a fixed size in order of identifier and kind. A look-up reads the few records of one prefix.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

import blake3

from plait.native import count_prefixes, find_records, sort_records
from plait.repository.format.merging import Place
from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

RECORD: Final = struct.Struct("<32sBIQI")
"""Identifier, kind, number of the packfile in the segment, offset, length."""

_KEYED: Final = struct.Struct("<33sIQI")
"""The same with identifier and kind as one key."""
_PLACE: Final = struct.Struct("<IQI")
"""What of a record follows its key."""
_HEADER: Final = struct.Struct("<8sQII")
_MAGIC: Final = b"plaitix1"
_PER_PREFIX: Final = 16
_MOST_BITS: Final = 20
_BLOCK: Final = 1 << 20
_BATCH: Final = 1 << 14
_KINDS: Final = tuple(bytes((kind,)) for kind in range(256))
_HELD: Final = 8 << 20
"""Bytes of a segment up to which it is kept in memory: 170,000 records."""
KEY: Final = MAC_SIZE + 1
"""Bytes of what `key_of` gives."""

MISSING: Final = -1
"""What stands in `Segment.find_all` for a key that is not there; other negative numbers are for `find` to explain."""


class SegmentError(Exception):
    """A segment is missing, cut short or damaged: the index has to be made again."""


class Written(NamedTuple):
    """A segment that was written: how many records, and the checksum of the whole file."""

    records: int
    checksum: bytes


class Segment:
    """An open segment, until nobody uses it any more. Threads may share it."""

    def __init__(self, path: Path, expected: Written) -> None:
        """Opens and verifies the whole file. Raises SegmentError."""
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SegmentError(str(error)) from None
        size = os.fstat(self._descriptor).st_size
        # Small ones are read as a whole to be verified; so they may as well stay.
        whole = os.pread(self._descriptor, size, 0) if size <= _HELD else b""
        if (blake3.blake3(whole).digest() if whole else _checksum(self._descriptor)) != expected.checksum:
            raise SegmentError("a segment of the index is damaged")
        magic, self.count, self._bits, packfiles = _HEADER.unpack(os.pread(self._descriptor, _HEADER.size, 0))
        if magic != _MAGIC or self.count != expected.records:
            raise SegmentError("a segment of the index is another one than expected")
        table = 4 * ((1 << self._bits) + 1)
        self._before = array("I", os.pread(self._descriptor, table, _HEADER.size))
        names = os.pread(self._descriptor, packfiles * MAC_SIZE, _HEADER.size + table)
        self.packfiles = [names[start : start + MAC_SIZE] for start in range(0, len(names), MAC_SIZE)]
        self._start = _HEADER.size + table + len(names)
        self._shift = 32 - self._bits
        self._records = whole[self._start :]

    def find(self, key: bytes, usable: Sequence[bool] | None = None) -> list[Place]:
        """Where the blob of an identifier and kind (33 bytes) is; `usable` says which of the packfiles count."""
        prefix = int.from_bytes(key[:4], "big") >> self._shift
        first, end = RECORD.size * self._before[prefix], RECORD.size * self._before[prefix + 1]
        found: list[Place] = []
        if first == end:
            return found
        records = self._records
        if not records:
            records, first, end = os.pread(self._descriptor, end - first, self._start + first), 0, end - first
        at = records.find(key, first, end)
        while at >= 0:
            if at % RECORD.size == 0:
                number, offset, length = _PLACE.unpack_from(records, at + KEY)
                if usable is None or usable[number]:
                    found.append(Place(self.packfiles[number], offset, length))
            at = records.find(key, at + 1, end)
        return found

    def find_all(self, keys: bytes) -> Sequence[int]:
        """As `find` for keys one behind the other: three numbers for each, as `native.find_records` gives them."""
        return array(
            "q", find_records(self._records, self._descriptor, self._start, memoryview(self._before), self._shift, keys)
        )

    def blocks(self) -> Iterator[bytes]:
        """All records, in order, many at a time."""
        size = RECORD.size
        for first in range(0, self.count, _BATCH):
            many = min(_BATCH, self.count - first)
            yield os.pread(self._descriptor, many * size, self._start + first * size)

    def records(self) -> Iterator[bytes]:
        """All records, in order."""
        size = RECORD.size
        for data in self.blocks():
            yield from (data[at : at + size] for at in range(0, len(data), size))

    def unpacked(self) -> Iterator[tuple[bytes, int, int, int]]:
        """Of all records, in order: key, number of the packfile, offset, length."""
        for data in self.blocks():
            yield from _KEYED.iter_unpack(data)

    def __del__(self) -> None:
        # Never earlier: another thread may be probing it.
        if self._descriptor >= 0:
            os.close(self._descriptor)


class Gathering:
    """Records of a segment to be. `count`: how many there are."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._parts: list[bytes] = []
        self.count = 0

    def add(self, resource: int, mac: bytes, packfile: bytes, offset: int, length: int) -> None:
        """Adds a blob."""
        self._parts.append(RECORD.pack(mac, resource, self._number(packfile), offset, length))
        self.count += 1

    def add_run(self, records: bytes, packfiles: Iterable[bytes]) -> None:
        """Adds records in which packfiles have the numbers in which they are given; one may come more than once."""
        numbers = array("I", map(self._number, packfiles))
        if records:
            self._parts.append(sort_records(records, numbers.tobytes()))
            self.count += len(records) // RECORD.size

    def write(self, path: Path) -> Written:
        """Writes the segment. Raises OSError."""
        records = sort_records(b"".join(self._parts), b"")
        return write(path, (records,), self.count, list(self._numbers))

    def _number(self, packfile: bytes) -> int:
        return self._numbers.setdefault(packfile, len(self._numbers))


def merge(path: Path, older: Segment, newer: Segment) -> Written:
    """Writes a segment with the records of two, holding a few of them at a time. Raises OSError."""
    numbers = {name: number for number, name in enumerate(older.packfiles)}
    others = array("I", [numbers.setdefault(name, len(numbers)) for name in newer.packfiles]).tobytes()
    blocks = _merged(older.blocks(), (sort_records(block, others) for block in newer.blocks()))
    return write(path, blocks, older.count + newer.count, list(numbers))


def _merged(older: Iterator[bytes], newer: Iterator[bytes]) -> Iterator[bytes]:
    """The records of both, in order of their keys, from blocks in that order."""
    left, right = next(older, b""), next(newer, b"")
    while left and right:
        bound = min(_last_key(left), _last_key(right))
        of_left, of_right = _end_of(left, bound), _end_of(right, bound)
        yield sort_records(left[:of_left] + right[:of_right], b"")
        left = left[of_left:] or next(older, b"")
        right = right[of_right:] or next(newer, b"")
    yield from (left, right)
    yield from older
    yield from newer


def _last_key(records: bytes) -> bytes:
    return records[-RECORD.size :][:KEY]


def _end_of(records: bytes, key: bytes) -> int:
    """Where the records end that come before a key or have it."""
    size = RECORD.size
    count = bisect_right(
        range(len(records) // size), key, key=lambda number: records[number * size : number * size + KEY]
    )
    return count * size


def write(path: Path, blocks: Iterable[bytes], count: int, packfiles: Sequence[bytes]) -> Written:
    """Writes a segment of `count` records, which come in order, many at a time. Raises OSError."""
    bits = min((count // _PER_PREFIX).bit_length(), _MOST_BITS)
    sizes = array("I", bytes(4 * (1 << bits)))
    head = _HEADER.pack(_MAGIC, count, bits, len(packfiles))
    table = 4 * ((1 << bits) + 1)
    with path.open("w+b") as file:
        os.fchmod(file.fileno(), 0o600)
        file.seek(len(head) + table)
        file.write(b"".join(packfiles))
        for block in blocks:
            count_prefixes(block, 32 - bits, sizes)
            file.write(block)
        before = array("I", accumulate(sizes, initial=0))
        file.seek(0)
        file.write(head + before.tobytes())
        file.flush()
        return Written(count, _checksum(file.fileno()))


def key_of(resource: int, mac: bytes) -> bytes:
    """What `Segment.find` takes."""
    return mac + _KINDS[resource]


def _checksum(descriptor: int) -> bytes:
    hasher = blake3.blake3()
    position = 0
    while block := os.pread(descriptor, _BLOCK, position):
        hasher.update(block)
        position += len(block)
    return hasher.digest()
