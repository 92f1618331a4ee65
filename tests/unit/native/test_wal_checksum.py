"""The checksum of a write-ahead log, by both implementations."""

import os
import struct
from types import ModuleType

import pytest


def by_the_book(data: bytes, order: str, seed: tuple[int, int]) -> tuple[int, int]:
    first, second = seed
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) % 2**32
        second = (second + words[index + 1] + first) % 2**32
    return first, second


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("size", [0, 8, 24, 512, 4096, 65536])
def test_the_checksum_is_that_of_the_book(implementation: ModuleType, big_endian: bool, size: int) -> None:
    data = os.urandom(size)
    expected = by_the_book(data, ">" if big_endian else "<", (0xFFFFFFFF, 0x89ABCDEF))
    assert implementation.wal_checksum(data, big_endian, (0xFFFFFFFF, 0x89ABCDEF)) == expected


@pytest.mark.parametrize("big_endian", [False, True])
def test_it_goes_on_from_an_earlier_one(implementation: ModuleType, big_endian: bool) -> None:
    data = os.urandom(4096)
    half = implementation.wal_checksum(data[:1024], big_endian, (1, 2))
    whole = implementation.wal_checksum(data, big_endian, (1, 2))
    assert implementation.wal_checksum(memoryview(bytearray(data))[1024:], big_endian, half) == whole


def test_no_data_leaves_the_seed(implementation: ModuleType) -> None:
    assert implementation.wal_checksum(b"", False, (3, 4)) == (3, 4)


def test_of_a_seed_32_bits_count(implementation: ModuleType) -> None:
    assert implementation.wal_checksum(b"", False, (2**32 + 5, 2**33 + 6)) == (5, 6)


def test_a_part_of_a_group_is_refused(implementation: ModuleType) -> None:
    with pytest.raises(ValueError, match="whole groups of eight bytes"):
        implementation.wal_checksum(b"1234", False, (0, 0))


def test_what_is_no_bytes_is_refused(implementation: ModuleType) -> None:
    with pytest.raises(TypeError):
        implementation.wal_checksum("12345678", False, (0, 0))
