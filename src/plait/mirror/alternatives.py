"""`--compare-dest` and `--copy-dest`: further trees that may hold already what the destination lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.engine.steps import Pair
from plait.mirror.comparison import Verdict, compare
from plait.mirror.lookups import StoreLookups, look_up
from plait.model.errors import DirectoryNotFoundError, FatalError, ObjectNotFoundError, PlaitError
from plait.model.items import Item, Kind
from plait.stores.copies import Copies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.engine.events import Event
    from plait.mirror.comparison import ComparisonSettings
    from plait.mirror.overlap import Root
    from plait.stores.base import Outgoing, Store

ELSEWHERE = "parameter to --copy-dest has to be on the same remote as destination"
CANNOT_COPY = "can't use --copy-dest on a remote which doesn't support server side copy"


class Alternative:
    """One such tree: finds the file under a key that is equal to one of the source."""

    def __init__(
        self, source: Store, store: Store, settings: ComparisonSettings, emit: Callable[[Event], None]
    ) -> None:
        self.store = store
        self._settings = msgspec.structs.replace(
            settings, immutable=False, update_times=False, ignore_existing=False, ignore_times=False, update=False
        )
        self._lookups = StoreLookups(source, store, settings.common_hash, emit)

    def find(self, source: Item, key: str) -> Item | None:
        """The item under the key, if it is equal to the source's. Raises what the stores raise."""
        try:
            found = Item(key, self.store.stat(key))
        except (ObjectNotFoundError, DirectoryNotFoundError):
            return None
        if found.kind is not Kind.FILE:
            return None
        first = compare(self._settings, source.stat, found.stat, times_known=False)
        decided = look_up(self._lookups, self._settings, Pair(source, found), first, times_known=False)
        return found if decided.verdict is Verdict.EQUAL else None


def holds(alternatives: Sequence[Alternative], source: Item, key: str) -> bool:
    """True where one of them has the file."""
    return any(alternative.find(source, key) is not None for alternative in alternatives)


def copy_from(
    alternatives: Sequence[Alternative], destination: Copies, source: Item, key: str, how: Outgoing
) -> Item | None:
    """Lets the destination copy the file from the first that has it; None where none has, or the copy fails."""
    for alternative in alternatives:
        found = alternative.find(source, key)
        if found is None:
            continue
        try:
            return Item(key, destination.copy_from(alternative.store, found, key, how))
        except PlaitError as error:
            if error.fatal:
                raise
            return None
    return None


def check_copy_places(places: Sequence[tuple[Root, Store]], destination: Root, store: Store) -> None:
    """Raises FatalError where the destination cannot copy from one of the trees by itself."""
    if any(place.identity != destination.identity for place, _ in places):
        raise FatalError(ELSEWHERE)
    if not isinstance(store, Copies) or not all(store.can_copy_from(other) for _, other in places):
        raise FatalError(CANNOT_COPY)
