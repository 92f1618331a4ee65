"""Records of where blobs are, by both implementations."""

import random
from array import array
from struct import pack
from types import ModuleType

import pytest

from plait.native.pure.records import DROPPED, SET_ASIDE

PICK = random.Random(7)
MACS = [PICK.randbytes(32) for _ in range(40)]
BLOBS = [(number % 11, mac, 1 << 33 | number, 2**32 - number - 1) for number, mac in enumerate(MACS)]
PACKED = b"".join(pack("<II32sQII", kind, 3, mac, offset, size, 9) for kind, mac, offset, size in BLOBS)


def run(packfiles: list[bytes]) -> bytes:
    return b"".join(
        pack("<BIBI32s32sQII", 2, 85, kind, 3, mac, packfiles[number % len(packfiles)], offset, size, 9)
        for number, (kind, mac, offset, size) in enumerate(BLOBS)
    )


def record(blob: tuple[int, bytes, int, int], number: int) -> bytes:
    kind, mac, offset, size = blob
    return pack("<32sBIQI", mac, kind, number, offset, size)


def test_the_index_of_a_packfile_as_locations(implementation: ModuleType) -> None:
    packfile = bytes(range(32))
    assert implementation.locations(PACKED, packfile, pack("<BI", 2, 85)) == run([packfile])
    assert implementation.locations(b"", packfile, bytes(5)) == b""
    for arguments in ((PACKED[1:], packfile, bytes(5)), (PACKED, packfile[1:], bytes(5)), (PACKED, packfile, bytes(4))):
        with pytest.raises(ValueError, match="records have 56 bytes"):
            implementation.locations(*arguments)


def test_locations_as_records_of_a_segment(implementation: ModuleType) -> None:
    kinds = bytearray(256)
    kinds[3], kinds[5] = DROPPED, SET_ASIDE
    packfiles = [b"a" * 32, b"a" * 32, b"b" * 32]
    records, groups, aside = implementation.location_records(run(packfiles), bytes(kinds))
    expected, starts, left, last = [], [], [], b""
    for number, blob in enumerate(BLOBS):
        if blob[0] == 5:
            left.append(90 * number)
        elif blob[0] != 3:
            packfile = packfiles[number % 3]
            if packfile != last:
                starts.append(90 * number)
                last = packfile
            expected.append(record(blob, len(starts) - 1))
    assert records == b"".join(expected)
    assert (list(array("Q", groups)), list(array("Q", aside))) == (starts, left)
    assert implementation.location_records(b"", bytes(256)) == (b"", b"", b"")
    for arguments in ((run(packfiles)[1:], bytes(256)), (run(packfiles), bytes(255))):
        with pytest.raises(ValueError, match="locations have 90 bytes"):
            implementation.location_records(*arguments)


def test_records_in_order_with_other_numbers(implementation: ModuleType) -> None:
    records = [record(blob, number % 3) for number, blob in enumerate(BLOBS)]
    records += records[:4]
    assert implementation.sort_records(b"".join(records), b"") == b"".join(sorted(records))
    others = array("I", [7, 1 << 31, 0])
    renumbered = [record(blob, others[number % 3]) for number, blob in enumerate(BLOBS)]
    renumbered += renumbered[:4]
    assert implementation.sort_records(b"".join(records), others.tobytes()) == b"".join(sorted(renumbered))
    assert implementation.sort_records(b"", others.tobytes()) == b""
    with pytest.raises(ValueError, match="not known"):
        implementation.sort_records(b"".join(records), others[:2].tobytes())
    for arguments in ((records[0][1:], b""), (records[0], b"abc")):
        with pytest.raises(ValueError, match="records have 49 bytes"):
            implementation.sort_records(*arguments)


@pytest.mark.parametrize("bits", [0, 1, 7])
def test_counting_prefixes(implementation: ModuleType, bits: int) -> None:
    counts = array("I", [1] * (1 << bits))
    implementation.count_prefixes(b"".join(record(blob, 0) for blob in BLOBS), 32 - bits, counts)
    expected = [1] * (1 << bits)
    for mac in MACS:
        expected[mac[0] >> (8 - bits)] += 1
    assert list(counts) == expected
    for records, shift in ((b"abc", 32 - bits), (b"", 31 - bits), (b"", 33)):
        with pytest.raises(ValueError, match="records have 49 bytes"):
            implementation.count_prefixes(records, shift, counts)
