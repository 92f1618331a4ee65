"""Looking up keys in sorted records, by both implementations."""

import os
from array import array
from pathlib import Path
from struct import pack
from types import ModuleType

import pytest

KEYS = [bytes((first,)) + bytes(31) + bytes((kind,)) for first in (0, 1, 1, 7, 128, 255) for kind in (5, 9)]
RECORDS = [pack("<33sIQI", key, number, 1 << 40 | number, 2**32 - 1) for number, key in enumerate(KEYS)]
BITS = 3
BEFORE = array("I", [sum(key[0] >> (8 - BITS) < prefix for key in KEYS) for prefix in range((1 << BITS) + 1)])


def found(module: ModuleType, keys: list[bytes], *, records: bytes, descriptor: int = -1, start: int = 0) -> object:
    rows = array("q", module.find_records(records, descriptor, start, BEFORE, 32 - BITS, b"".join(keys)))
    return [tuple(rows[at : at + 3]) for at in range(0, len(rows), 3)]


@pytest.mark.parametrize("held", [True, False])
def test_keys_that_are_there_and_others(implementation: ModuleType, tmp_path: Path, *, held: bool) -> None:
    records = b"".join(sorted(RECORDS))
    (tmp_path / "segment").write_bytes(b"head" + records)
    descriptor = os.open(tmp_path / "segment", os.O_RDONLY)
    wanted = [KEYS[0], KEYS[-1], KEYS[6], bytes(33), KEYS[0][:-1] + b"\6", b"\x60" + bytes(32)]
    try:
        rows = found(implementation, wanted, records=records if held else b"", descriptor=descriptor, start=4)
        several = found(implementation, [KEYS[2]], records=records if held else b"", descriptor=descriptor, start=4)
    finally:
        os.close(descriptor)
    there = [(number, 1 << 40 | number, 2**32 - 1) for number in (0, len(KEYS) - 1, 6)]
    assert rows == [*there, (-1, 0, 0), (-1, 0, 0), (-1, 0, 0)]
    assert isinstance(several, list)
    assert several[0][0] == -2


def test_records_that_are_not_as_told(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "segment").write_bytes(b"".join(RECORDS)[:-1])
    descriptor = os.open(tmp_path / "segment", os.O_RDONLY)
    try:
        assert found(implementation, [KEYS[-1]], records=b"", descriptor=descriptor) == [(-3, 0, 0)]
        assert found(implementation, [KEYS[-1]], records=b"x" * 49) == [(-3, 0, 0)]
        falling, beyond = array("I", [1, 0]), array("I", [0])
        for before in (falling, beyond):
            row = array("q", implementation.find_records(b"x" * 49, -1, 0, before, 32, KEYS[0]))
            assert list(row) == [-3, 0, 0]
    finally:
        os.close(descriptor)
    assert found(implementation, [KEYS[0]], records=b"") == [(-3, 0, 0)]


def test_arguments_that_cannot_be(implementation: ModuleType) -> None:
    for before, shift, keys in ((BEFORE, 0, b"short"), (b"12345", 0, b""), (BEFORE, 33, b""), (BEFORE, -1, b"")):
        with pytest.raises(ValueError, match="33 bytes"):
            implementation.find_records(b"", -1, 0, before, shift, keys)
