"""What a comparison has to ask the stores: times that no listing carries, and hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from plait.engine.events import Checking, Level, Message
from plait.engine.steps import Side
from plait.mirror.comparison import HashAnswer, Need, compare
from plait.model.errors import PlaitError
from plait.stores.hashing import Hashes

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.events import Event
    from plait.engine.steps import Duplicate, Pair
    from plait.mirror.comparison import ComparisonSettings, Decision
    from plait.model.items import Item, Stat
    from plait.stores.base import Store


class Lookups(Protocol):
    """What the listings do not tell. Both methods block and may be called from several threads."""

    def times(self, source: Item, destination: Item) -> tuple[Stat, Stat]:
        """Both stats with their times, as far as the stores know them."""
        ...

    def hashes(self, source: Item, destination: Item) -> HashAnswer:
        """Compares the common hash of both."""
        ...


def look_up(
    lookups: Lookups, settings: ComparisonSettings, pair: Pair, decision: Decision | Need, *, times_known: bool
) -> Decision:
    """Turns what must be looked up about a matched pair into a decision. Raises what the lookups raise."""
    source, destination = pair.source, pair.destination
    if source is None or destination is None:
        raise AssertionError("only matched pairs are asked about")
    ours, theirs = source.stat, destination.stat
    hashes: HashAnswer | None = None
    while isinstance(decision, Need):
        if decision is Need.TIMES:
            ours, theirs = lookups.times(source, destination)
            times_known = True
        else:
            hashes = lookups.hashes(source, destination)
        decision = compare(settings, ours, theirs, times_known=times_known, hashes=hashes)
    return decision


class StoreLookups:
    """Asks two stores; may be used from several threads. `server` is as for `with_time`."""

    def __init__(
        self,
        source: Store,
        destination: Store,
        common_hash: str | None,
        emit: Callable[[Event], None],
        *,
        server: bool = False,
    ) -> None:
        self._source = source
        self._destination = destination
        self._hash = common_hash
        self._emit = emit
        self._server = server

    def times(self, source: Item, destination: Item) -> tuple[Stat, Stat]:
        """Both stats with their modification times."""
        ours = with_time(self._source, source, server=self._server)
        return ours, with_time(self._destination, destination, server=self._server)

    def hashes(self, source: Item, destination: Item) -> HashAnswer:
        """Compares the common hash.

        Raises what the source raises. A destination that cannot be hashed is one to be replaced.
        """
        if self._hash is None:
            return HashAnswer.NONE
        self._emit(Checking(source.key, source.size, done=False))
        try:
            ours = hash_of(self._source, source, self._hash)
            if ours is None:
                return HashAnswer.NONE
            try:
                theirs = hash_of(self._destination, destination, self._hash)
            except PlaitError as error:
                self._emit(Message(Level.ERROR, f"Failed to calculate dst hash: {error}", destination.key, error))
                return HashAnswer.DIFFERENT
            if theirs is None:
                return HashAnswer.NONE
            return HashAnswer.EQUAL if ours == theirs else HashAnswer.DIFFERENT
        finally:
            self._emit(Checking(source.key, source.size, done=True))


def hash_of(store: Store, item: Item, name: str) -> str | None:
    """One hash of an item as lower-case hex; None where the store has none for it."""
    known = item.stat.hashes.get(name)
    if known is not None:
        return known
    if not isinstance(store, Hashes):
        return None
    return store.hash(item.key, name, expected=item.stat)


def with_time(store: Store, item: Item, *, server: bool = False) -> Stat:
    """The item's stat with a time: where the store keeps none for it, the time at which it was stored stands in.

    `server`: that one is enough, and spares a look (`--use-server-modtime`).
    """
    if item.modified is not None:
        return item.stat
    if server and item.stat.stored_at is not None:
        return msgspec.structs.replace(item.stat, modified=item.stat.stored_at)
    stat = store.stat(item.key)
    modified = stat.stored_at if stat.modified is None else stat.modified
    return msgspec.structs.replace(item.stat, modified=modified)


def tell_duplicate(step: Duplicate, emit: Callable[[Event], None]) -> None:
    """Says that an item stands there a second time, and is passed over."""
    what = "directory" if step.item.is_directory else "object"
    side = "source" if step.side is Side.SOURCE else "destination"
    emit(Message(Level.NOTICE, f"Duplicate {what} found in {side} - ignoring", step.item.key))
