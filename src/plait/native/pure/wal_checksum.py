"""The checksum of SQLite's write-ahead log."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

_WORD = 0xFFFFFFFF


def wal_checksum(
    data: Bytes,
    big_endian: bool,  # noqa: FBT001  (positional in C)
    seed: tuple[int, int],
    /,
) -> tuple[int, int]:
    """The checksum of `data` that goes on from `seed`, a checksum before it or (0, 0).

    `data` is read as words of 32 bits in the order that the log's magic number tells. Of a seed's numbers the lowest 32
    bits count. Raises ValueError where `data` is not whole groups of eight bytes. Source: the file format of SQLite,
    section 4.2.
    """
    view = memoryview(data).cast("B")
    if len(view) % 8:
        raise ValueError("the checksum is over whole groups of eight bytes")
    first, second = seed
    for even, odd in struct.iter_unpack(">II" if big_endian else "<II", view):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first & _WORD, second & _WORD
