"""Where contents are cut, by both implementations."""

import random
from types import ModuleType

import pytest

GEAR = random.Random(1).randbytes(2048)
SIZES = (64, 256, 1024)
MASKS = (0x3FF << 40, 0x3F << 40)


def cut(implementation: ModuleType, data: bytes, *, final: bool = True) -> list[int]:
    lengths: list[int] = implementation.cut_points(data, GEAR, SIZES, MASKS, final)
    return lengths


def test_all_is_cut_within_the_sizes(implementation: ModuleType) -> None:
    data = random.Random(2).randbytes(100_000)
    lengths = cut(implementation, data)
    assert sum(lengths) == len(data)
    assert all(64 <= length <= 1024 for length in lengths[:-1])
    assert len(set(lengths)) > 50


def test_what_follows_does_not_move_a_certain_cut(implementation: ModuleType) -> None:
    data = random.Random(3).randbytes(20_000)
    whole = cut(implementation, data)
    for size in (0, 1, 1023, 1024, 1025, 5000):
        certain = cut(implementation, data[:size], final=False)
        assert certain == whole[: len(certain)]
        assert size - sum(certain) < 1024


def test_cuts_come_back_after_an_insertion(implementation: ModuleType) -> None:
    data = random.Random(4).randbytes(50_000)
    before = {sum(cut(implementation, data)[:index]) for index in range(len(cut(implementation, data)))}
    lengths = cut(implementation, b"inserted" + data)
    after = {sum(lengths[:index]) - 8 for index in range(len(lengths))}
    assert len(before & after) > len(before) // 2


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65])
def test_short_contents(implementation: ModuleType, size: int) -> None:
    lengths = cut(implementation, bytes(size))
    assert sum(lengths) == size
    assert len(lengths) == (0 if size == 0 else 1) or size > 64


def test_any_buffer_is_taken(implementation: ModuleType) -> None:
    data = random.Random(5).randbytes(5000)
    for buffer in (bytearray(data), memoryview(data)):
        assert implementation.cut_points(buffer, GEAR, SIZES, MASKS, True) == cut(implementation, data)


@pytest.mark.parametrize("sizes", [(0, 256, 1024), (64, 63, 1024), (64, 256, 255), (-1, 256, 1024)])
def test_impossible_sizes(implementation: ModuleType, sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        implementation.cut_points(b"abc", GEAR, sizes, MASKS, True)


def test_a_table_of_another_size(implementation: ModuleType) -> None:
    with pytest.raises(ValueError):
        implementation.cut_points(b"abc", GEAR[:-1], SIZES, MASKS, True)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0.0), (b"a", 0.0), (b"ab" * 100, 1.0), (bytes(range(256)), 8.0), (b"hello", 1.9219280948873623)],
)
def test_entropy(implementation: ModuleType, data: bytes, expected: float) -> None:
    assert implementation.entropy(data) == expected
