"""Deletes files of a mirror: many at once, those whose names others have, and what an earlier run left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.mirror.outcomes import DELETED, failed
from plait.model.actions import Outcome, Status
from plait.model.errors import CancelledError, PlaitError
from plait.stores.abilities import Duplicates
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.model.actions import Action
    from plait.stores.base import Store


def delete_from(store: Store, actions: Sequence[Action]) -> Iterator[Outcome]:
    """Deletes the files of actions; each has its outcome. Raises only errors that end the run."""
    several = offered(store, Duplicates)
    if several is not None:
        yield from _delete_identified(several, actions)
        return
    by_key = {action.key: action for action in actions}
    for deleted in store.delete(list(by_key)):
        action = by_key[deleted.key]
        yield Outcome(action, Status.DONE, DELETED) if deleted.error is None else failed(action, deleted.error)


def _delete_identified(store: Duplicates, actions: Sequence[Action]) -> Iterator[Outcome]:
    """Deletes the very items that were listed: another one can have the name of one."""
    for action in actions:
        item = action.destination or action.source
        if item is None or not item.stat.identifier:
            raise AssertionError("only what is there is deleted")
        try:
            store.delete_identified(item.stat.identifier)
        except PlaitError as error:
            if error.fatal or isinstance(error, CancelledError):
                raise
            yield failed(action, error)
        else:
            yield Outcome(action, Status.DONE, DELETED)


def discard(store: Store, key: str) -> None:
    """Removes what may be left of an earlier run; what cannot be removed shows when it is written over."""
    for _ in store.delete([key]):
        pass
