"""The index of an LTX file: for each page three varints (number, offset of its frame, length of its frame), a zero, and
the length of all that in eight bytes. It stands between the pages and the trailer.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError
from plait.replication.ltx.header import HEADER_SIZE, TRAILER_SIZE

if TYPE_CHECKING:
    from plait.replication.ltx.source import Source

TAIL_SIZE: Final = 8 + TRAILER_SIZE
"""The last bytes of a file, which tell where its index begins."""

_SIZE: Final = struct.Struct(">Q")
_MOST_BITS: Final = 64


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Where a page stands in a file: the offset and the length of its frame in bytes."""

    number: int
    offset: int
    size: int


class IndexBuilder:
    """Makes the bytes of an index, page by page."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, number: int, offset: int, size: int) -> None:
        """Append a page; their numbers ascend."""
        _append(self._data, number)
        _append(self._data, offset)
        _append(self._data, size)

    def finish(self) -> bytes:
        """The whole index with its length."""
        self._data.append(0)
        return bytes(self._data) + _SIZE.pack(len(self._data))


def index_range(tail: bytes, file_size: int) -> tuple[int, int]:
    """The offset and the length of the index (without the eight bytes of its length) of a file of `file_size` bytes.

    `tail` are the file's last TAIL_SIZE bytes. Raises IntegrityError where they tell something impossible.
    """
    if len(tail) != TAIL_SIZE:
        raise IntegrityError(f"the file ends too early, after {file_size} bytes")
    (length,) = _SIZE.unpack_from(tail)
    offset = file_size - TAIL_SIZE - length
    if length == 0 or offset < HEADER_SIZE:
        raise IntegrityError(f"the page index has an impossible length: {length}")
    return offset, length


def decode_index(data: bytes) -> list[Entry]:
    """The entries of an index, whose bytes `index_range` found. Raises IntegrityError where they are malformed."""
    from plait.replication.ltx.source import Source

    source = Source([data])
    entries: list[Entry] = []
    while (entry := _read_entry(source)) is not None:
        if entries and entry.number <= entries[-1].number:
            raise IntegrityError("the page index is not in order")
        entries.append(entry)
    if source.position != len(data):
        raise IntegrityError("the page index ends before its length")
    return entries


def take_index(source: Source, expected: bytes) -> tuple[bytes, bool]:
    """The index, with its length, from a file whose pages want it to be `expected`; and whether it is that.

    An index that is well formed and tells something else is no reason to refuse a file to a reader who has just seen
    where its pages are. Raises IntegrityError where it is malformed.
    """
    if source.peek(len(expected)) == expected:
        return source.exactly(len(expected)), True
    start = source.position
    data = bytearray()
    last = 0
    while (entry := _read_entry(source, data)) is not None:
        if entry.number <= last:
            raise IntegrityError("the page index is not in order")
        last = entry.number
        if len(data) > 2 * len(expected):
            raise IntegrityError("the page index is longer than its pages allow")
    length = source.exactly(_SIZE.size)
    if _SIZE.unpack(length)[0] != source.position - _SIZE.size - start:
        raise IntegrityError("the page index does not have the length that it tells")
    return bytes(data) + length, False


def check_rest(rest: bytes) -> None:
    """Hold what stands behind the pages of a file (index, its length, trailer) against the length of the index.

    Raises IntegrityError where they disagree.
    """
    if len(rest) < TAIL_SIZE + 1:
        raise IntegrityError("the file ends too early, in its page index")
    (length,) = _SIZE.unpack_from(rest, len(rest) - TAIL_SIZE)
    if length != len(rest) - TAIL_SIZE or rest[length - 1] != 0:
        raise IntegrityError("the page index does not have the length that it tells")


def _append(data: bytearray, value: int) -> None:
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)


def _read_entry(source: Source, copy: bytearray | None = None) -> Entry | None:
    taken = bytearray() if copy is None else copy
    number = _read_varint(source, taken)
    if number == 0:
        return None
    return Entry(number, _read_varint(source, taken), _read_varint(source, taken))


def _read_varint(source: Source, taken: bytearray) -> int:
    value = shift = 0
    while True:
        (byte,) = source.exactly(1)
        taken.append(byte)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift >= _MOST_BITS:
            raise IntegrityError("the page index holds an impossible number")
    if value >> _MOST_BITS:
        raise IntegrityError("the page index holds an impossible number")
    return value
