"""Copy and move of one file under a name of its own: `copyto` and `moveto`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from plait.engine.attempts import run_attempts
from plait.engine.steps import Pair
from plait.mirror.mirroring import NOTHING, SINGLE_WITH_FILTERS, Mirror
from plait.mirror.overlap import root_of, same
from plait.model.actions import Action, Verb
from plait.model.errors import ConfigurationError, DirectoryNotFoundError, ObjectNotFoundError, StoreError
from plait.model.items import Item, Kind
from plait.stores.location import LocationKind, typed
from plait.stores.registry import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.engine.accounting import Errors
    from plait.engine.settings import Result
    from plait.engine.steps import Step
    from plait.mirror.mirroring import Surroundings
    from plait.mirror.settings import Mode
    from plait.model.options import Values
    from plait.stores.location import Location
    from plait.stores.registry import Opening


class SingleMirror(Mirror):
    """A copy or move of one file; `target` is the directory that it goes to, and what it is called there."""

    def __init__(
        self,
        mode: Mode,
        source: Location,
        target: tuple[Location, str],
        values: Values,
        opening: Opening,
        around: Surroundings,
    ) -> None:
        directory, self._name = target
        super().__init__(mode, source, directory, values, opening, around)
        if self._refined.transforms is not None:
            self._name = self._refined.transforms.path(self._name)
        if self.source.file is None:
            self.close()
            raise ConfigurationError("the source is no file", key=source.text)
        if self.selection.active:
            self.close()
            raise ConfigurationError(f"{SINGLE_WITH_FILTERS}: {typed(source)}")

    def _check_places(self) -> bool:
        """Two names in one directory are two places."""
        return self.source.file == self._name and same(root_of(self.source), root_of(self.destination))

    def run(self) -> Result:
        """Carries the file, in as many attempts as it takes; nothing where both are one file."""
        if self.is_same:
            return NOTHING
        if self._stands_in_the_way():
            error = StoreError("is a directory not a file")
            failed = msgspec.structs.replace(NOTHING, errors=1, error=error, may_retry=True)
            attempts = max(1, self.values.retries)
            return run_attempts(lambda _: failed, attempts, 0, self.around.events, self.around.cancellation)
        return super().run()

    def _stands_in_the_way(self) -> bool:
        """True where a directory has the name."""
        try:
            return self.destination.store.stat(self._name).kind is Kind.DIRECTORY
        except (ObjectNotFoundError, DirectoryNotFoundError):
            return False

    def _steps_of_file(self, name: str) -> Iterator[Step]:
        source = Item(name, self.source.store.stat(name))
        yield Pair(source, self._destination_item())

    def _destination_item(self) -> Item | None:
        try:
            item = Item(self._name, self.destination.store.stat(self._name))
        except (ObjectNotFoundError, DirectoryNotFoundError):
            return None
        return item

    def _decide(self, errors: Errors, **more: Any) -> Iterator[Any]:
        """The actions, with the destination's name as their key."""
        for action in super()._decide(errors, **more):
            if isinstance(action, Action) and action.verb is not Verb.DELETE_SOURCE:
                yield msgspec.structs.replace(action, key=self._name)
            else:
                yield action


def is_file(location: Location, opening: Opening) -> bool:
    """True where a location names one file."""
    opened = open_source(location, opening)
    opened.store.close()
    return opened.file is not None


def parent_and_name(location: Location) -> tuple[Location, str]:
    """The location above, and the last part of this one: "" where it ends with a slash or is a store's root."""
    above, slash, name = location.path.rpartition("/")
    if name in {".", ".."}:
        return location, ""
    if not slash and location.kind is LocationKind.LOCAL:
        above = "."
    return msgspec.structs.replace(location, path=above + slash), name
