"""Records of where blobs are: those of a packfile's index, of a state, and of a segment of the local index."""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

DROPPED: Final = 1
SET_ASIDE: Final = 2
_PACKED: Final = Struct("<B3x4s32s16s")
_LOCATION: Final = Struct("<5sB4s32s32s12s4s")
_PLACED: Final = Struct("<5xB4x32s32s12s4x")
_RECORD: Final = Struct("<32sBI12s")
_BEGINNING: Final = 5
_MAC: Final = 32
_KINDS: Final = 256
_BITS: Final = 32


def locations(records: Bytes, packfile: Bytes, beginning: Bytes, /) -> bytes:
    """The index of a packfile as a run of locations, each of which starts with the 5 bytes of `beginning`.

    Raises ValueError where the lengths of the arguments cannot be.
    """
    if len(records) % _PACKED.size or len(packfile) != _MAC or len(beginning) != _BEGINNING:
        raise ValueError("records have 56 bytes, a packfile's name 32, and a location begins with 5")
    start, name = bytes(beginning), bytes(packfile)
    return b"".join(
        _LOCATION.pack(start, kind, version, mac, name, place[:12], place[12:])
        for kind, version, mac, place in _PACKED.iter_unpack(records)
    )


def location_records(run: Bytes, kinds: Bytes, /) -> tuple[bytes, bytes, bytes]:
    """A run of locations as records of a segment, and what is left out of them.

    `kinds` has a byte for each kind of blob: `DROPPED`, `SET_ASIDE`, or 0. Returns the records, in which packfiles have
    numbers in the order in which they come (one that comes again after another has another number); where in the run
    the first location of each of these is; and where those are that were set aside: each a uint64.

    Raises ValueError where the lengths of the arguments cannot be.
    """
    if len(run) % _PLACED.size or len(kinds) != _KINDS:
        raise ValueError("locations have 90 bytes, and there are 256 kinds")
    records, groups, aside = [], array("Q"), array("Q")
    last = None
    for number, (kind, mac, packfile, place) in enumerate(_PLACED.iter_unpack(run)):
        at = number * _PLACED.size
        if kinds[kind] == SET_ASIDE:
            aside.append(at)
        elif kinds[kind] != DROPPED:
            if packfile != last:
                last = packfile
                groups.append(at)
            records.append(_RECORD.pack(mac, kind, len(groups) - 1, place))
    return b"".join(records), groups.tobytes(), aside.tobytes()


def sort_records(records: Bytes, numbers: Bytes, /) -> bytes:
    """Records of a segment in the order of their bytes; `numbers`: a uint32 for each packfile's number in them, which
    takes its place, or nothing.

    Raises ValueError where the lengths of the arguments cannot be, and where a number has none to take its place.
    """
    if len(records) % _RECORD.size or len(numbers) % 4:
        raise ValueError("records have 49 bytes, and numbers four")
    others = array("I", bytes(numbers))
    found = []
    for mac, kind, number, place in _RECORD.iter_unpack(records):
        if others and number >= len(others):
            raise ValueError("a record has a number that is not known")
        found.append(_RECORD.pack(mac, kind, others[number] if others else number, place))
    return b"".join(sorted(found))


def count_prefixes(records: Bytes, shift: int, counts: bytearray | memoryview | array[int], /) -> None:
    """Adds to the uint32 of each prefix, the first 32 bits of a record shifted right by `shift`, how many have it.

    Raises ValueError where the lengths of the arguments cannot be.
    """
    with memoryview(counts) as view, view.cast("B") as raw, raw.cast("I") as numbers:
        if len(records) % _RECORD.size or not 0 <= shift <= _BITS or len(numbers) != 1 << (_BITS - shift):
            raise ValueError("records have 49 bytes, and there is a number of four for each prefix")
        for mac, *_ in _RECORD.iter_unpack(records):
            numbers[int.from_bytes(mac[:4], "big") >> shift] += 1
