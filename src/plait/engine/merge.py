"""The merge of two tree listings: one pass over both, in one total order, in the memory of one page of each side.

Inside one directory names are compared; between directories nothing is, because a stack of open directories tells where
each side stands. Names that may match another, unequal name wait in the tables of their directory until it ends; a
directory that waits is left out of the pass and walked afterwards, from a listing of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.engine.columns import equal_runs, first_difference
from plait.engine.cursor import ENDED, Cursor
from plait.engine.listing import EntryFailed
from plait.engine.steps import Duplicate, Leave, ListingFailed, New, Pair, Same, Side
from plait.model.errors import PlaitError, StoreError
from plait.model.items import Item, Kind, Page, order_bytes, precedes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from plait.engine.cursor import Open
    from plait.engine.names import Names
    from plait.engine.steps import Step

    Renamed = Callable[[str, bool], str]
    """The name at the destination of a name of the source, and whether it is a directory's. Raises PlaitError."""

_SHORTEST_NEW_RUN = 2
_SIDES = (Side.SOURCE, Side.DESTINATION)
_NONE_WAITING: tuple[dict[str, Item], dict[str, Item]] = ({}, {})


def merge(
    source: Open,
    destination: Open,
    *,
    names: Names | None = None,
    runs: bool = False,
    new_runs: bool = False,
    renamed: Renamed | None = None,
) -> Iterator[Step]:
    """Walks two listings together and yields what stands on both sides, or on one.

    `names` says which names match (`names.NFC`, `names.NFC_FOLDED`; None: only equal ones). With `runs`, files whose
    kind, size and time are known and equal come as `Same`, a run at a time; with `new_runs`, neighbouring files
    that only the source has come as `New`. Where a side's directory could not be listed, nothing that the other side
    alone holds below it is yielded. The root has no pair and no `Leave`. With `renamed`, names of the source match
    under the names that it gives, and stay as they are in what is yielded.

    Raises what the listings raise, and StoreError where a listing is out of order.
    """
    yield from _Walk(_Rules((source, destination), names, runs, new_runs, renamed), "", "").steps()


class _Rules(msgspec.Struct, frozen=True):
    """What holds for the whole merge."""

    open: tuple[Open, Open]
    names: Names | None
    runs: bool
    new_runs: bool
    renamed: Renamed | None


class _Frame:
    """An open directory.

    `prefixes`: of its keys on both sides, None where a side lacks it. `waiting`: items that have not met their match,
    by normal form. `seen`: normal forms of yielded items that another name may have too. `hidden`: normal forms of
    entries that a side could not tell of. `failed`: whether a side's listing of it failed.
    """

    __slots__ = ("complete", "failed", "hidden", "pair", "prefixes", "seen", "waiting")

    def __init__(self, pair: Pair | None, prefixes: tuple[str | None, str | None]) -> None:
        self.pair = pair
        self.prefixes = prefixes
        self.complete = True
        self.waiting: tuple[dict[str, Item], dict[str, Item]] = ({}, {})
        self.seen: set[str] = set()
        self.hidden: set[str] = set()
        self.failed = [False, False]


class _Walk:
    """One pass over a tree on both sides, or (a prefix of None) on one."""

    def __init__(self, rules: _Rules, source: str | None, destination: str | None) -> None:
        self._rules = rules
        self._names = rules.names
        self._stack = [_Frame(None, (source, destination))]
        self._cursors = tuple(
            Cursor(side, None if prefix is None else rules.open[side], prefix or "", rules.names)
            for side, prefix in enumerate((source, destination))
        )

    def steps(self) -> Generator[Step, None, bool]:
        """Yields the steps; returns True where nothing failed on the way."""
        left, right = self._cursors
        stack = self._stack
        try:
            while True:
                if left.index == left.length and left.prefix is not ENDED:
                    yield from self._pull(left)
                if right.index == right.length and right.prefix is not ENDED:
                    yield from self._pull(right)
                frame = stack[-1]
                here, there = left.prefix == frame.prefixes[0], right.prefix == frame.prefixes[1]
                if here and there:
                    yield from self._both(frame)
                elif here:
                    yield from self._alone(frame, left, left.length - left.index)
                elif there:
                    yield from self._alone(frame, right, right.length - right.index)
                elif len(stack) > 1:
                    yield from self._leave()
                else:
                    self._check_ended()
                    yield from self._settle(frame)
                    return frame.complete
        finally:
            left.close()
            right.close()

    def _pull(self, cursor: Cursor) -> Iterator[Step]:
        while cursor.index == cursor.length and cursor.prefix is not ENDED:
            failure = cursor.pull()
            if failure is None:
                return
            yield self._failed(cursor.side, failure)

    def _failed(self, side: int, failure: EntryFailed | Page) -> ListingFailed:
        if isinstance(failure, EntryFailed):
            # A link of the destination that leads nowhere is told, and yet may be replaced.
            shown = not (failure.leads_nowhere and side)
            directory, name, error = failure.directory, failure.name if shown else None, failure.error
        else:
            directory, name, error = failure.prefix[:-1], None, failure.error or StoreError("listing failed")
        prefix = directory + "/" if directory else ""
        depth = len(self._stack) - 1
        while depth and not _holds(self._stack[depth].prefixes[side], prefix):
            depth -= 1
        for frame in self._stack[: depth + 1]:
            frame.complete = False
        frame = self._stack[depth]
        if frame.prefixes[side] == prefix:
            if isinstance(failure, Page):
                frame.failed[side] = True
            elif name is not None:
                normal = self._normal(name)
                frame.hidden |= {normal, normal + "/"}
        return ListingFailed(_SIDES[side], directory, error)

    def _check_ended(self) -> None:
        for cursor in self._cursors:
            if cursor.prefix is not ENDED:
                raise StoreError(
                    f"the {_SIDES[cursor.side]} listing is out of order",
                    hint="the store does not list in the order of its keys",
                    key=cursor.page.prefix + cursor.page.names[cursor.index],
                )

    def _both(self, frame: _Frame) -> Iterator[Step]:
        """Both sides stand in this directory: takes what is equal, or what one side has alone."""
        left, right = self._cursors
        if self._rules.renamed is not None:
            yield from self._alone(frame, left, left.length - left.index)
            return
        i, j = left.index, right.index
        room = min(left.length - i, right.length - j)
        equal = first_difference(left.orders, i, right.orders, j, room)
        if equal:
            equal = _through_directory(left, equal)
            plain = left.plain and right.plain
            yield from self._equal(equal) if plain or self._claim(frame, left, equal) else self._meet(frame, equal)
            return
        cursor, head = (left, right.orders[j]) if precedes(left.orders[i], right.orders[j]) else (right, left.orders[i])
        orders, stop = cursor.orders, cursor.index + 1
        if precedes(orders[-1], head):
            stop = cursor.length
        else:
            while precedes(orders[stop], head):
                stop += 1
        yield from self._alone(frame, cursor, stop - cursor.index)

    def _equal(self, count: int) -> Iterator[Step]:
        """Yields pairs and runs of names that stand on both sides; only the last may be a directory."""
        left, right = self._cursors
        i, j = left.index, right.index
        entered = left.page.kinds[i + count - 1] == Kind.DIRECTORY
        files = count - entered
        left.index += files
        right.index += files
        runs = equal_runs(left.page, i, right.page, j, files) if self._rules.runs else ((0, files, False),)
        for start, stop, same in runs:
            if same:
                yield Same(left.page.slice(i + start, i + stop), right.page.slice(j + start, j + stop))
            else:
                for position in range(start, stop):
                    yield Pair(left.page.item(i + position), right.page.item(j + position))
        if entered:
            yield self._enter(Pair(left.take(), right.take()))

    def _alone(self, frame: _Frame, cursor: Cursor, count: int) -> Iterator[Step]:
        """Takes `count` names, at most to the first directory, that the other side does not have."""
        other = 1 - cursor.side
        count = _through_directory(cursor, count)
        if frame.failed[other]:
            cursor.pass_over(count)
        elif self._rules.renamed is None and (
            (cursor.plain and not frame.hidden) or (frame.prefixes[other] is None and self._claim(frame, cursor, count))
        ):
            run = self._new_run(cursor, count)
            if run is not None:
                yield run
                count -= len(run.files)
            for _ in range(count):
                repeated = cursor.repeats
                item = cursor.take()
                yield Duplicate(_SIDES[cursor.side], item) if repeated else self._one_sided(cursor.side, item)
        else:
            for _ in range(count):
                step = self._place(frame, cursor)
                if step is not None:
                    yield step

    def _new_run(self, cursor: Cursor, count: int) -> New | None:
        """Takes the files among the next `count` names of the source, if that is worth a run."""
        if cursor.side != 0 or not self._rules.new_runs:
            return None
        start, page = cursor.index, cursor.page
        count -= page.kinds[start + count - 1] == Kind.DIRECTORY
        stop = start + count
        before = max(start - 1, 0)
        if (
            count < _SHORTEST_NEW_RUN
            or page.kinds.count(Kind.FILE, start, stop) < count
            or len(set(cursor.orders[before:stop])) < stop - before
        ):
            return None
        cursor.index = stop
        return New(page.slice(start, stop))

    def _one_sided(self, side: int, item: Item) -> Pair:
        pair = Pair(None, item) if side else Pair(item, None)
        return self._enter(pair) if item.is_directory else pair

    def _enter(self, pair: Pair) -> Pair:
        self._stack.append(_Frame(pair, (_below(pair.source), _below(pair.destination))))
        return pair

    def _claim(self, frame: _Frame, cursor: Cursor, count: int) -> bool:
        """True where none of the next names can match an unequal one that has been here before; then it is noted."""
        block = cursor.orders[cursor.index : cursor.index + count]
        text = "/".join(block)
        if self._names is None or self._names.plain(text):
            return True
        if not self._names.own(text) or not all(
            table.isdisjoint(block) for table in (frame.seen, frame.waiting[0].keys(), frame.waiting[1].keys())
        ):
            return False
        frame.seen.update(block)
        return True

    def _meet(self, frame: _Frame, count: int) -> Iterator[Step]:
        """Takes names that stand on both sides, one by one, because an unequal one may match before."""
        left, right = self._cursors
        for _ in range(count):
            normal = self._normal(left.orders[left.index])
            if normal in frame.seen or normal in frame.waiting[0] or normal in frame.waiting[1]:
                for cursor in (left, right):
                    step = self._place(frame, cursor)
                    if step is not None:
                        yield step
            else:
                frame.seen.add(normal)
                yield from self._equal(1)

    def _place(self, frame: _Frame, cursor: Cursor) -> Step | None:
        """Takes one name that the other side does not have under the same spelling."""
        side, order, repeated = cursor.side, cursor.orders[cursor.index], cursor.repeats
        item = cursor.take()
        if self._rules.renamed is not None and side == 0:
            try:
                order = self._renamed(self._rules.renamed, order)
            except PlaitError as error:
                cursor.skip(item)
                return self._failed(side, EntryFailed(item.key.rpartition("/")[0], None, error))
        normal = self._normal(order)
        if repeated or normal in frame.seen or normal in frame.waiting[side]:
            cursor.skip(item)
            return Duplicate(_SIDES[side], item)
        alone = frame.prefixes[1 - side] is None
        if normal in frame.hidden and not alone:
            cursor.skip(item)
            return None
        if alone or (self._rules.renamed is None and (self._names is None or self._names.plain(order))):
            frame.seen.add(normal)
            return self._one_sided(side, item)
        match = None if item.is_directory else frame.waiting[1 - side].pop(normal, None)
        if match is None:
            frame.waiting[side][normal] = item
            cursor.skip(item)
            return None
        frame.seen.add(normal)
        return Pair(match, item) if side else Pair(item, match)

    def _leave(self) -> Iterator[Step]:
        """Ends the innermost directory, which both sides have passed."""
        frame = self._stack[-1]
        if frame.waiting != _NONE_WAITING:
            yield from self._settle(frame)
        self._stack.pop()
        if not frame.complete:
            self._stack[-1].complete = False
        if frame.pair is not None:
            yield Leave(frame.pair, frame.complete)

    def _settle(self, frame: _Frame) -> Iterator[Step]:
        """Yields what waited for the end of the directory, and walks the directories among it."""
        sources, destinations = frame.waiting
        for normal in sorted(sources.keys() | destinations.keys(), key=order_bytes):
            pair = Pair(sources.get(normal), destinations.get(normal))
            one_sided = pair.source is None or pair.destination is None
            if one_sided and (normal in frame.hidden or frame.failed[pair.source is not None]):
                continue
            yield pair
            below = _below(pair.source), _below(pair.destination)
            if below != (None, None):
                complete = yield from _Walk(self._rules, *below).steps()
                frame.complete = frame.complete and complete
                yield Leave(pair, complete)

    @staticmethod
    def _renamed(renamed: Renamed, order: str) -> str:
        return renamed(order[:-1], True) + "/" if order.endswith("/") else renamed(order, False)

    def _normal(self, name: str) -> str:
        return name if self._names is None else self._names.normal(name)


def _below(item: Item | None) -> str | None:
    """The prefix of what is below an item; None where nothing is."""
    return item.key + "/" if item is not None and item.is_directory else None


def _holds(prefix: str | None, inner: str) -> bool:
    return prefix is not None and inner.startswith(prefix)


def _through_directory(cursor: Cursor, count: int) -> int:
    """`count`, or as many names as there are up to the first directory among them."""
    position = cursor.page.kinds.find(Kind.DIRECTORY, cursor.index, cursor.index + count)
    return count if position < 0 else position - cursor.index + 1
