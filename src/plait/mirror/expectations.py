"""Executing a saved plan: each action only where both sides are still as they were when it was planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, PlaitError, PreconditionError
from plait.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.engine.protocols import Carrier
    from plait.model.items import Item, Stat
    from plait.stores.base import Store

_ABSENT_BEFORE = frozenset({Verb.CREATE})
"""Verbs that must find nothing where they say that there is nothing."""


class ExpectingCarrier:
    """Hands an action on to `carrier` where its source and destination are what the action says; else it fails.

    A file is the same where everything that both stats know is equal: size, time, etag, and on a file system inode and
    change time. A directory is the same where it is one.
    """

    def __init__(self, carrier: Carrier, source: Store, destination: Store) -> None:
        self._carrier = carrier
        self._source = source
        self._destination = destination

    @property
    def batched(self) -> bool:
        """As the carrier."""
        return self._carrier.batched

    @property
    def concurrency(self) -> int:
        """As the carrier."""
        return self._carrier.concurrency

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        """Fails what is no longer as planned, and executes the rest."""
        right: list[Action] = []
        for action in actions:
            try:
                self._check(action)
            except PlaitError as error:
                if error.fatal:
                    raise
                yield Outcome(action, Status.FAILED, error=error)
            else:
                right.append(action)
        yield from self._carrier.carry(right, cancelled)

    def _check(self, action: Action) -> None:
        if action.source is not None:
            _check_item(self._source, action.source, "source")
        if action.destination is not None:
            _check_item(self._destination, action.destination, "destination")
        elif action.verb in _ABSENT_BEFORE and _found(self._destination, action.key) is not None:
            raise PreconditionError("the destination was absent when this was planned", key=action.key)


def _check_item(store: Store, item: Item, side: str) -> None:
    """Raises PreconditionError where the item is not what it was."""
    found = _found(store, item.key)
    if found is None:
        raise PreconditionError(f"the {side} is gone since this was planned", key=item.key)
    if found.kind is not item.kind or (item.kind is Kind.FILE and _differs(item.stat, found)):
        raise PreconditionError(f"the {side} has changed since this was planned", key=item.key)


def _found(store: Store, key: str) -> Stat | None:
    try:
        return store.stat(key)
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return None


def _differs(planned: Stat, found: Stat) -> bool:
    pairs: list[tuple[object, object]] = [
        (planned.size, found.size),
        (planned.modified, found.modified),
        (planned.etag, found.etag),
    ]
    if planned.posix is not None and found.posix is not None:
        pairs += [(planned.posix.inode, found.posix.inode), (planned.posix.changed, found.posix.changed)]
    return any(before is not None and now is not None and before != now for before, now in pairs)
