"""Makes, removes and dates the directories of a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.mirror.outcomes import (
    MADE_DIRECTORY,
    MADE_WITHOUT_TIME,
    NOTHING_IN_IT,
    REMOVED_DIRECTORY,
    SET_DIRECTORY_METADATA,
    SET_DIRECTORY_TIME,
)
from plait.model.actions import Outcome, Status
from plait.model.errors import NotSupportedError, ObjectNotFoundError, PlaitError
from plait.stores.abilities import Directories, SetsAttributes

if TYPE_CHECKING:
    from plait.mirror.metadata import MetadataRules
    from plait.model.actions import Action
    from plait.stores.base import Store


def make_directory(store: Store, action: Action) -> Outcome:
    """Makes a directory, where the store has any."""
    if isinstance(store, Directories):
        store.make_directory(action.key)
    return Outcome(action, Status.DONE, MADE_DIRECTORY if store.features.directory_times else MADE_WITHOUT_TIME)


def remove_empty(store: Store, action: Action) -> Outcome:
    """Removes a directory; one that still holds something (excluded files) stays, which is no error."""
    if not isinstance(store, Directories):
        return Outcome(action, Status.SKIPPED)
    try:
        store.remove_directory(action.key)
    except PlaitError as error:
        if error.fatal:
            raise
        return Outcome(action, Status.SKIPPED, error.message)
    return Outcome(action, Status.DONE, REMOVED_DIRECTORY)


def touch_directory(store: Store, action: Action, rules: MetadataRules | None) -> Outcome:
    """Gives a directory the times of its source, and its metadata where there are rules for it."""
    if not isinstance(store, SetsAttributes):
        raise NotSupportedError("the destination cannot set modification times", key=action.key)
    source = action.taken()
    found = None if rules is None else rules.belongings(source)
    metadata = None if found is None else found.metadata
    modified = source.modified if found is None or found.modified is None else found.modified
    try:
        store.set_attributes(action.key, modified=modified, metadata=metadata)
    except ObjectNotFoundError:
        if action.destination is not None:
            raise
        return Outcome(action, Status.SKIPPED, NOTHING_IN_IT)
    return Outcome(action, Status.DONE, SET_DIRECTORY_METADATA if metadata else SET_DIRECTORY_TIME)
