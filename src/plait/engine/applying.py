"""Applying a saved plan: each action is carried out only where both sides are still as they were planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.expectations import difference
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import (
    CancelledError,
    DirectoryNotFoundError,
    ObjectNotFoundError,
    PlaitError,
    PreconditionError,
)
from plait.model.items import Item, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from plait.engine.protocols import Carrier
    from plait.model.items import Stat
    from plait.stores.base import Store

_OF_DIRECTORIES = frozenset(
    {Verb.MAKE_DIRECTORY, Verb.REMOVE_DIRECTORY, Verb.TOUCH_DIRECTORY, Verb.REMOVE_SOURCE_DIRECTORY}
)
_AT_SOURCE = frozenset({Verb.DELETE_SOURCE, Verb.REMOVE_SOURCE_DIRECTORY})


class ExpectingCarrier:
    """A carrier that looks at both sides first and refuses, action by action, what is no longer as planned.

    A refused action fails with PreconditionError. The carrier underneath still checks what it can while it works.
    """

    def __init__(self, carrier: Carrier, source: Store, destination: Store) -> None:
        self._carrier = carrier
        self._source = source
        self._destination = destination

    @property
    def batched(self) -> bool:
        """As the carrier underneath."""
        return self._carrier.batched

    @property
    def concurrency(self) -> int:
        """As the carrier underneath."""
        return self._carrier.concurrency

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        """Carries out the actions whose sides are as expected; the others have failed."""
        expected: list[Action] = []
        for action in actions:
            if cancelled():
                raise CancelledError("interrupted")
            try:
                self._check(action)
            except PlaitError as error:
                if error.fatal:
                    raise
                yield Outcome(action, Status.FAILED, error=error)
            else:
                expected.append(action)
        if expected:
            yield from self._carrier.carry(expected, cancelled)

    def _check(self, action: Action) -> None:
        """Raises PreconditionError where a side differs from what the action expects."""
        if action.source is not None:
            _compare("source", action, action.source.stat, _found(self._source, action.source.key))
        if (action.verb in _AT_SOURCE and action.destination is None) or action.verb is Verb.RESPELL:
            # What is spelled otherwise may have been changed by the plan itself before.
            return
        if action.verb is Verb.RENAME:
            _compare("destination", action, None, _found(self._destination, action.key))
            if action.origin is not None and action.destination is not None:
                _compare("origin", action, action.destination.stat, _found(self._destination, action.origin))
            return
        key = action.key if action.destination is None else action.destination.key
        stat = _found(self._destination, key)
        # The plan itself makes directories on the way to what is in them.
        made = action.verb in _OF_DIRECTORIES and stat is not None and stat.kind is Kind.DIRECTORY
        if not (made and action.destination is None):
            _compare("destination", action, _stat(action.destination), stat)


def _compare(side: str, action: Action, expected: Stat | None, found: Stat | None) -> None:
    said = difference(expected, found)
    if said is not None:
        raise PreconditionError(f"the {side} is not as planned: {said}", key=action.key)


def _stat(item: Item | None) -> Stat | None:
    return None if item is None else item.stat


def _found(store: Store, key: str) -> Stat | None:
    try:
        return store.stat(key)
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return None
