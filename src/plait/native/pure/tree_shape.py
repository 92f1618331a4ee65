"""The shape that a B-tree takes when keys are inserted one by one; keys are numbers, their places in order."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.native.pure.fastcdc import Bytes

_LEAST_ORDER, _GREATEST_ORDER = 4, 64


def tree_shape(ranks: Bytes, order: int, /) -> list[bytes]:
    """How many keys each leaf of a tree has, and how many children each inner node, level by level, leaves first.

    `ranks`: native uint32, the place of each key among all of them, in the order of insertion; each comes once. A
    node that comes to have `order` keys is cut behind the first `(order + 1) // 2 - 1`; a leaf's right half keeps the
    key between the halves, an inner node's does not. The levels are native uint32, from left to right; the last has one
    node, which is the root.

    Raises ValueError for an order below 4 or above 64, and for bytes that are no whole numbers.
    """
    if not _LEAST_ORDER <= order <= _GREATEST_ORDER or len(ranks) % 4:
        raise ValueError("the order has to be from 4 to 64, and the places whole numbers of 32 bits")
    root = _Node([], [])
    for key in memoryview(ranks).cast("B").cast("I"):
        root = _insert(root, key, order)
    levels = [[root]]
    while levels[-1][0].children:
        levels.append([child for node in levels[-1] for child in node.children])
    return [
        array("I", [len(node.children) or len(node.keys) for node in level]).tobytes() for level in reversed(levels)
    ]


class _Node:
    __slots__ = ("children", "keys")

    def __init__(self, keys: list[int], children: list[_Node]) -> None:
        self.keys = keys
        self.children = children

    def split(self) -> tuple[int, _Node]:
        """Cuts off the right half: the key between the halves, and the right one."""
        cut = (len(self.keys) + 1) // 2 - 1
        between = self.keys[cut]
        right = _Node(self.keys[cut + 1 if self.children else cut :], self.children[cut + 1 :])
        del self.keys[cut:]
        del self.children[cut + 1 :]
        return between, right


def _insert(root: _Node, key: int, order: int) -> _Node:
    """The root after an insertion."""
    path: list[tuple[_Node, int]] = []
    node = root
    while node.children:
        index = bisect_right(node.keys, key)
        path.append((node, index))
        node = node.children[index]
    node.keys.insert(bisect_right(node.keys, key), key)
    while len(node.keys) >= order:
        between, right = node.split()
        if not path:
            return _Node([between], [node, right])
        node, index = path.pop()
        node.keys.insert(index, between)
        node.children.insert(index + 1, right)
    return root
