"""What some options add to a plain mirror: other trees to look in, renames to find, new names, an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.events import Level, Message
from plait.mirror.alternatives import Alternative, check_copy_places
from plait.mirror.around import ComparingPlanner, RespellingPlanner, TrackingPlanner
from plait.mirror.lookups import hash_of, with_time
from plait.mirror.order_by import parse_order
from plait.mirror.overlap import root_of
from plait.mirror.renames import RenameTracker, parse_strategy
from plait.mirror.renaming import can_rename
from plait.mirror.settings import Mode, comparison_settings
from plait.mirror.transforms import parse_transforms
from plait.model.errors import ConfigurationError, FatalError, PlaitError
from plait.stores.hashing import HashesTogether

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.engine.events import Event
    from plait.engine.ordering import Ordering
    from plait.engine.protocols import Planner
    from plait.mirror.comparison import ComparisonSettings
    from plait.mirror.transforms import Transforms
    from plait.model.items import Item
    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.registry import Opened

COMPARE_AND_COPY = "can't use --compare-dest with --copy-dest"
NO_TRAVERSE_WITH_SYNC = "Ignoring --no-traverse with sync"
CANNOT_MOVE = "Ignoring --track-renames as the destination does not support server-side move or copy"
NO_HASH = "Ignoring --track-renames as the source and destination do not have a common hash"
NO_TIMES = "Ignoring --track-renames as either the source or destination do not support modtime"
NOT_A_SYNC = "Ignoring --track-renames as it doesn't work with copy or move, only sync"


class Refinements:
    """The parts that the options ask for beside the plain ones. Made before anything is touched.

    Raises ConfigurationError and FatalError, in rclone's words, where options contradict each other or the stores.
    """

    def __init__(
        self, mode: Mode, values: Values, source: Opened, destination: Opened, others: Sequence[Opened]
    ) -> None:
        self._mode = mode
        self._values = values
        self._source = source.store
        self._destination = destination.store
        self._others = others
        self._subject = destination.text
        self.order: Ordering | None = parse_order(values.order_by)
        self.transforms: Transforms | None = parse_transforms(values.name_transform)
        # On Plait's own face only sync has these two.
        self._wants_renames = values.options.named("track-renames") is not None and bool(values.track_renames)
        strategy = values.track_renames_strategy if values.options.named("track-renames") is not None else ""
        self._strategy = parse_strategy(strategy, self._comparison(destination.store).window)
        if values.copy_dest:
            places = [(root_of(other), other.store) for other in others]
            check_copy_places(places, root_of(destination), destination.store)

    @property
    def looks_up(self) -> bool:
        """True where each file is looked for at the destination, instead of listing it (`--no-traverse`)."""
        return bool(self._values.no_traverse) and self._mode is not Mode.SYNC

    @property
    def looks_away(self) -> bool:
        """True where nothing is asked of the destination (`--no-check-dest`)."""
        return bool(self._values.no_check_dest)

    @property
    def by_file(self) -> bool:
        """True where every new file is decided about by itself."""
        return bool(self._others or self.transforms or self.looks_up or self.looks_away or self._tracks())

    def planner(self, inner: Planner, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> Planner:
        """The planner with what is to be decided otherwise."""
        values = self._values
        if values.fix_case and not values.immutable:
            inner = RespellingPlanner(inner, directories=self._destination.features.directories)
        if self._tracks():
            identities = _Identities(self._source, self._destination, self._comparison(self._destination).common_hash)
            return TrackingPlanner(inner, RenameTracker(self._strategy, identities, emit, cancelled, self._subject))
        if values.compare_dest:
            return ComparingPlanner(inner, self._alternatives(emit), moves=self._mode is Mode.MOVE)
        return inner

    def copied_from(self, emit: Callable[[Event], None]) -> list[Alternative]:
        """The trees that the destination copies from by itself (`--copy-dest`)."""
        return self._alternatives(emit) if self._values.copy_dest else []

    def warn(self, emit: Callable[[Event], None]) -> None:
        """Says which options have no effect here."""
        values = self._values
        listed = values.files_from or values.files_from_raw or values.files_from0
        if values.no_traverse and self._mode is Mode.SYNC and not listed:
            emit(Message(Level.ERROR, NO_TRAVERSE_WITH_SYNC))
        reason = self._why_not_tracking() if self._wants_renames else None
        if reason is not None:
            emit(Message(Level.ERROR, reason, self._subject))

    def _alternatives(self, emit: Callable[[Event], None]) -> list[Alternative]:
        return [Alternative(self._source, other.store, self._comparison(other.store), emit) for other in self._others]

    def _tracks(self) -> bool:
        return self._wants_renames and self._why_not_tracking() is None

    def _why_not_tracking(self) -> str | None:
        comparison = self._comparison(self._destination)
        if not can_rename(self._destination):
            return CANNOT_MOVE
        if self._strategy.hash and comparison.common_hash is None:
            return NO_HASH
        if self._strategy.modtime and comparison.window is None:
            return NO_TIMES
        return None if self._mode is Mode.SYNC else NOT_A_SYNC

    def _comparison(self, store: Store) -> ComparisonSettings:
        return comparison_settings(self._values, self._source, store)


def check_combination(mode: Mode, values: Values) -> None:
    """Raises ConfigurationError or FatalError where options contradict each other, in rclone's words."""
    if values.compare_dest and values.copy_dest:
        raise ConfigurationError(COMPARE_AND_COPY)
    if values.no_check_dest:
        if mode is Mode.SYNC:
            raise ConfigurationError("can't use --no-check-dest with sync: use copy instead")
        if values.immutable:
            raise ConfigurationError("can't use --no-check-dest with --immutable")
    if mode is Mode.SYNC and values.track_renames and values.delete_before:
        raise FatalError("can't use --delete-before with --track-renames")


class _Identities:
    def __init__(self, source: Store, destination: Store, name: str | None) -> None:
        self._source = source
        self._destination = destination
        self._hash = name or ""

    def source_hashes(self, items: Sequence[Item]) -> list[str | None]:
        return _hashes(self._source, items, self._hash)

    def destination_hashes(self, items: Sequence[Item]) -> list[str | None]:
        return _hashes(self._destination, items, self._hash)

    def times(self, source: Item, destination: Item) -> tuple[int | None, int | None]:
        return with_time(self._source, source).modified, with_time(self._destination, destination).modified


def _hashes(store: Store, items: Sequence[Item], name: str) -> list[str | None]:
    """The hashes of files; None for one that has none or cannot be read: it is carried or deleted as it is."""
    together = store.hash_together(items, name) if isinstance(store, HashesTogether) else [None] * len(items)
    return [_hash(store, item, name) if found is None else found for item, found in zip(items, together, strict=True)]


def _hash(store: Store, item: Item, name: str) -> str | None:
    try:
        return hash_of(store, item, name)
    except PlaitError as error:
        if error.fatal:
            raise
        return None
