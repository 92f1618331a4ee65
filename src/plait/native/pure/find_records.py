"""Looking up many keys in a sorted file of records."""

from __future__ import annotations

import os
from array import array
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

MISSING: Final = -1
SEVERAL: Final = -2
UNREADABLE: Final = -3
_KEY: Final = 33
_RECORD: Final = Struct("<33sIQI")


def find_records(records: Bytes, descriptor: int, start: int, before: Bytes, shift: int, keys: Bytes, /) -> bytes:
    """Looks up keys of 33 bytes in records that are sorted by theirs, and hold, behind it, three numbers of four, eight
    and four bytes (little-endian).

    `records`: all of them; where it is empty they are read from the file `descriptor`, in which they begin at `start`.
    `before`: a uint32 for each number that the first 32 bits of a key, shifted right by `shift`, may give: how many
    records come before the first of it; and how many there are in all.

    Returns three int64 for each key: the numbers of its record, or -1 and zeros where there is none, -2 where there are
    several (the other two say nothing), -3 where the records cannot be read or are not as told.

    Raises ValueError where the lengths of the arguments cannot be.
    """
    raw_keys, raw_before = bytes(keys), bytes(before)
    if len(raw_keys) % _KEY or len(raw_before) % 4 or not 0 <= shift <= 32:
        raise ValueError("keys have 33 bytes, numbers of records four, and prefixes up to 32 bits")
    numbers = array("I", raw_before)
    found = array("q")
    for at in range(0, len(raw_keys), _KEY):
        key = raw_keys[at : at + _KEY]
        prefix = int.from_bytes(key[:4], "big") >> shift
        found.extend(_find_one(records, descriptor, start, numbers[prefix : prefix + 2], key))
    return found.tobytes()


def _find_one(records: Bytes, descriptor: int, start: int, bounds: array[int], key: bytes) -> tuple[int, int, int]:
    unreadable = UNREADABLE, 0, 0
    if len(bounds) < 2 or bounds[0] > bounds[1]:
        return unreadable
    first, end = (bound * _RECORD.size for bound in bounds)
    if records:
        data = bytes(records[first:end])
    else:
        try:
            data = os.pread(descriptor, end - first, start + first) if first < end else b""
        except OSError:
            return unreadable
    if len(data) != end - first:
        return unreadable
    rows = [row for row in _RECORD.iter_unpack(data) if row[0] == key]
    if len(rows) > 1:
        return SEVERAL, *rows[0][2:]
    return rows[0][1:] if rows else (MISSING, 0, 0)
