"""Looks up the hashes of matched files by the hundred, ahead of the planner, which would ask for them one by one.

A question costs more than the hash of a small file, and where listings carry one side's hash, there is nothing to ask.
"""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import TYPE_CHECKING

import msgspec

from plait.engine.events import Checking
from plait.engine.steps import Pair
from plait.engine.workers import POLL, Cancellation, Workers
from plait.model.items import Kind
from plait.stores.hashing import HashesTogether

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.events import Event
    from plait.engine.steps import Step
    from plait.mirror.comparison import ComparisonSettings
    from plait.model.items import Item
    from plait.stores.base import Store

TOGETHER = 256
"""Pairs that are looked up together."""
_MOST_STEPS = 4 * TOGETHER
_AHEAD = 16
"""Groups that may wait for their hashes."""
_WORKERS = 4


class _Group:
    """Neighbouring steps; `pairs` are the places of those whose hashes are looked up."""

    __slots__ = ("pairs", "ready", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.pairs: list[int] = []
        self.ready = False


class HashesAhead:
    """Gives both files of a pair the common hash, where it can be had for many together and is the same."""

    def __init__(
        self,
        source: Store,
        destination: Store,
        name: str,
        emit: Callable[[Event], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._together = tuple(store if isinstance(store, HashesTogether) else None for store in (source, destination))
        self._name = name
        self._emit = emit
        self._cancelled = cancelled
        self._changed = Condition()

    def steps(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The steps of a merge, in their order. What differs or fails, the planner asks about."""
        stop = Cancellation()
        workers = Workers(self._look, _WORKERS, _AHEAD, stop, "hasher")
        waiting: deque[_Group] = deque()
        group = _Group()
        try:
            for step in steps:
                if isinstance(step, Pair) and self._asks(step):
                    group.pairs.append(len(group.steps))
                elif not waiting and not group.steps:
                    yield step
                    continue
                group.steps.append(step)
                if len(group.pairs) < TOGETHER and len(group.steps) < _MOST_STEPS:
                    continue
                waiting.append(group)
                workers.submit(group)
                group = _Group()
                while waiting and (waiting[0].ready or len(waiting) > _AHEAD):
                    yield from self._first(waiting)
            waiting.append(group)
            workers.submit(group)
            while waiting:
                yield from self._first(waiting)
            workers.finish()
        finally:
            stop.cancel()

    def _first(self, waiting: deque[_Group]) -> Iterable[Step]:
        """The steps of the first group, once they are known."""
        group = waiting.popleft()
        with self._changed:
            while not group.ready and not self._cancelled():
                self._changed.wait(POLL)
        return group.steps if group.ready else ()

    def _asks(self, pair: Pair) -> bool:
        source, destination = pair.source, pair.destination
        if source is None or destination is None or source.kind is not Kind.FILE or destination.kind is not Kind.FILE:
            return False
        if source.size is None or source.size != destination.size:
            return False
        ours, theirs = self._together
        return (ours is not None or self._name in source.stat.hashes) and (
            theirs is not None or self._name in destination.stat.hashes
        )

    def _look(self, group: _Group) -> None:
        try:
            if group.pairs and not self._cancelled():
                self._fill(group)
        finally:
            with self._changed:
                group.ready = True
                self._changed.notify_all()

    def _fill(self, group: _Group) -> None:
        pairs = [pair for at in group.pairs if isinstance(pair := group.steps[at], Pair)]
        sources = [pair.source for pair in pairs if pair.source is not None]
        destinations = [pair.destination for pair in pairs if pair.destination is not None]
        self._emit(Checking(sources[0].key, sources[0].size, done=False))
        try:
            ours, theirs = self._hashes(self._together[0], sources), self._hashes(self._together[1], destinations)
        finally:
            self._emit(Checking(sources[0].key, sources[0].size, done=True))
        rows = zip(group.pairs, sources, ours, destinations, theirs, strict=True)
        for at, source, our, destination, their in rows:
            if our is not None and our == their:
                group.steps[at] = Pair(self._known(source, our), self._known(destination, our))

    def _hashes(self, store: HashesTogether | None, items: list[Item]) -> list[str | None]:
        """Those of the listing; the others together."""
        known = [item.stat.hashes.get(self._name) for item in items]
        unknown = [item for item, value in zip(items, known, strict=True) if value is None]
        if not unknown or store is None:
            return known
        found = iter(store.hash_together(unknown, self._name))
        return [next(found) if value is None else value for value in known]

    def _known(self, item: Item, value: str) -> Item:
        if self._name in item.stat.hashes:
            return item
        stat = msgspec.structs.replace(item.stat, hashes={**item.stat.hashes, self._name: value})
        return msgspec.structs.replace(item, stat=stat)


def hashes_ahead(
    comparison: ComparisonSettings,
    source: Store,
    destination: Store,
    emit: Callable[[Event], None],
    cancelled: Callable[[], bool],
) -> HashesAhead | None:
    """What looks hashes up ahead; None where not every matched file of equal size is compared by its hash."""
    name = comparison.common_hash
    decided_otherwise = (
        comparison.ignore_existing or comparison.ignore_times or comparison.update or comparison.size_only
    )
    if not comparison.checksum or name is None or decided_otherwise:
        return None
    if not isinstance(source, HashesTogether) and not isinstance(destination, HashesTogether):
        return None
    return HashesAhead(source, destination, name, emit, cancelled)
