"""`--no-traverse`: the destination is not listed; for each file of the source one look tells what is there."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import TYPE_CHECKING

from plait.engine.implied import imply_directories, is_path
from plait.engine.parallel import run_together
from plait.engine.selection import EntryFailed
from plait.engine.steps import ListingFailed, Pair, Side
from plait.engine.workers import POLL, Cancellation, Workers
from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, PlaitError
from plait.model.items import Item, Kind, Page, order_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.steps import Step
    from plait.stores.base import Store

_AHEAD = 1000


class _Looked:
    __slots__ = ("failed", "step")

    def __init__(self, step: Step) -> None:
        self.step: Step | None = None if _asks(step) else step
        self.failed: ListingFailed | None = None


def sought(
    steps: Iterable[Step], destination: Store, place: Callable[[str], str], checkers: int, cancelled: Callable[[], bool]
) -> Iterator[Step]:
    """The steps of a merge with an empty destination, with what is really there beside each file.

    `place` gives the key at the destination for a file's key at the source. `checkers` look at once. The order stays.
    """
    waiting: deque[_Looked] = deque()
    changed = Condition()
    stop = Cancellation()

    def look(task: tuple[_Looked, Pair]) -> None:
        looked, pair = task
        found: Step = pair
        if pair.source is not None:
            try:
                found = Pair(pair.source, _item(destination, place(pair.source.key)))
            except PlaitError as error:
                looked.failed = ListingFailed(Side.DESTINATION, pair.source.key.rpartition("/")[0], error)
        with changed:
            looked.step = found
            changed.notify_all()

    workers = Workers(look, checkers, _AHEAD, stop, "looker")
    try:
        for step in steps:
            looked = _Looked(step)
            waiting.append(looked)
            if isinstance(step, Pair) and looked.step is None:
                workers.submit((looked, step))
            while waiting and (waiting[0].step is not None or len(waiting) > _AHEAD):
                yield from _ready(waiting, changed, cancelled)
        while waiting:
            yield from _ready(waiting, changed, cancelled)
        workers.finish()
    finally:
        stop.cancel()


def _ready(waiting: deque[_Looked], changed: Condition, cancelled: Callable[[], bool]) -> Iterator[Step]:
    """The first step, once it is known."""
    first = waiting[0]
    with changed:
        while first.step is None and not cancelled():
            changed.wait(POLL)
    waiting.popleft()
    if first.failed is not None:
        yield first.failed
    elif first.step is not None:
        yield first.step


def _asks(step: Step) -> bool:
    return isinstance(step, Pair) and step.source is not None and not step.source.is_directory


def _item(store: Store, key: str) -> Item | None:
    try:
        found = Item(key, store.stat(key))
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return None
    return found if found.kind is Kind.FILE else None


def named_pages(
    store: Store, names: Iterable[str], prefix: str, cancelled: Callable[[], bool]
) -> Iterator[Page | EntryFailed]:
    """The tree below `prefix` of the files among `names` that the store has, looked up instead of listed."""
    below = (name for name in names if name.startswith(prefix) and is_path((name,)))
    ordered = sorted(below, key=order_bytes)
    failed: list[EntryFailed] = []

    def pages() -> Iterator[Page]:
        for start in range(0, len(ordered), _AHEAD):
            chunk = ordered[start : start + _AHEAD]
            found: dict[str, Item | None] = {}

            def look(name: str, _stopped: Callable[[], bool], found: dict[str, Item | None] = found) -> None:
                try:
                    found[name] = _item(store, name)
                except PlaitError as error:
                    if error.fatal:
                        raise
                    directory, _, leaf = name.rpartition("/")
                    failed.append(EntryFailed(directory, leaf, error))

            run_together(look, chunk, min(store.features.concurrency, len(chunk)), cancelled)
            there = [(name, item.stat) for name in chunk if (item := found.get(name)) is not None]
            if there:
                yield Page.of("", there)

    for page in imply_directories(pages(), prefix):
        yield page
        yield from failed
        failed.clear()
    yield from failed
