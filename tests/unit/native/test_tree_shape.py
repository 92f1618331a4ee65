"""The shape of a tree grown key by key, by both implementations."""

import random
from array import array
from types import ModuleType

import pytest

from plait.native import pure


def shape(implementation: ModuleType, ranks: list[int], order: int = 50) -> list[list[int]]:
    return [
        list(memoryview(level).cast("I")) for level in implementation.tree_shape(array("I", ranks).tobytes(), order)
    ]


def test_small_trees(implementation: ModuleType) -> None:
    assert shape(implementation, []) == [[0]]
    assert shape(implementation, [0]) == [[1]]
    assert shape(implementation, list(range(49))) == [[49]]
    assert shape(implementation, list(range(50))) == [[24, 26], [2]]
    assert shape(implementation, list(range(49, -1, -1))) == [[24, 26], [2]]
    # Each cut leaves 24 behind, and the root itself is cut when it comes to 50 keys.
    assert shape(implementation, list(range(75)))[0] == [24, 24, 27]


@pytest.mark.parametrize("order", [4, 5, 50, 64])
@pytest.mark.parametrize("count", [100, 3000])
def test_every_level_adds_up(implementation: ModuleType, order: int, count: int) -> None:
    for ranks in (list(range(count)), list(range(count))[::-1], random.Random(order).sample(range(count), count)):
        levels = shape(implementation, ranks, order)
        assert levels == shape(pure, ranks, order)
        assert sum(levels[0]) == count
        assert [sum(level) for level in levels[1:]] == [len(level) for level in levels[:-1]]
        assert len(levels[-1]) == 1
        assert all(1 <= keys < order for keys in levels[0])
        assert all(2 <= children <= order for level in levels[1:] for children in level)


def test_what_cannot_be(implementation: ModuleType) -> None:
    for ranks, order in ((b"abc", 50), (b"", 3), (b"", 65)):
        with pytest.raises(ValueError, match="order"):
            implementation.tree_shape(ranks, order)
