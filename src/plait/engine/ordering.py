"""A queue that hands out actions in an order of their own, instead of first come, first served."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.actions import Action

T = TypeVar("T")


class Ordering(msgspec.Struct, frozen=True):
    """An order of transfers: the smallest `key` first, or (`descending`) the largest.

    `share`: this percentage of the workers begins at the smallest end, the others at the other; None is all of them.
    Keys are compared with each other only.
    """

    key: Callable[[Action], Any]
    descending: bool = False
    share: int | None = None


class FirstCome(Generic[T]):
    """A queue without an order of its own."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Adds an item at the end."""
        self._items.append(item)

    def take(self, worker: int, workers: int) -> T:
        """Takes the first item, whoever asks."""
        del worker, workers
        return self._items.popleft()


class Ordered(Generic[T]):
    """A queue with two ends: `key` gives an item's place."""

    def __init__(self, key: Callable[[T], Any], *, descending: bool = False, share: int | None = None) -> None:
        self._key = key
        self._descending = descending
        self._share = share
        self._numbers = count()
        self._ends: tuple[list[_Entry[T]], list[_Entry[T]]] = ([], [])
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, item: T) -> None:
        """Adds an item at its place."""
        place, number = self._key(item), next(self._numbers)
        entry = _Held(item)
        if self._share is not None or not self._descending:
            heapq.heappush(self._ends[0], _Entry(place, number, entry))
        if self._share is not None or self._descending:
            heapq.heappush(self._ends[1], _Entry(_Reversed(place), number, entry))
        self._length += 1

    def take(self, worker: int, workers: int) -> T:
        """Takes the item at the end at which this one of so many workers begins."""
        far = self._descending if self._share is None else worker * 100 // workers >= self._share
        heap = self._ends[far]
        while True:
            held = heapq.heappop(heap).held
            if not held.taken:
                held.taken = True
                self._length -= 1
                return held.item


class _Held(Generic[T]):
    __slots__ = ("item", "taken")

    def __init__(self, item: T) -> None:
        self.item = item
        self.taken = False


class _Entry(Generic[T]):
    """An item at its place in a heap; of equal places the first come is first."""

    __slots__ = ("held", "number", "place")

    def __init__(self, place: Any, number: int, held: _Held[T]) -> None:
        self.place = place
        self.number = number
        self.held = held

    def __lt__(self, other: _Entry[T]) -> bool:
        if self.place == other.place:
            return self.number < other.number
        return bool(self.place < other.place)


class _Reversed:
    __slots__ = ("place",)

    def __init__(self, place: Any) -> None:
        self.place = place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.place == other.place)

    def __hash__(self) -> int:
        return hash(self.place)

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.place < self.place)
