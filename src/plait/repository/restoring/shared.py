"""A restore that several processes share: each takes some directories at a time, and writes the files in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from plait.repository.crew import Crew, crew_for
from plait.repository.restoring.settings import Restored
from plait.repository.restoring.single import TOLD, Restoring
from plait.repository.restoring.target import Folder, Item

if TYPE_CHECKING:
    from plait.engine.workers import Cancellation
    from plait.model.errors import NoSpaceError
    from plait.repository.contents import Group
    from plait.repository.events import Event, Listener
    from plait.repository.format.entries import Entry
    from plait.repository.restoring.settings import RestoreSettings
    from plait.repository.restoring.target import Attributes, Target
    from plait.repository.snapshots import SnapshotReader

_TOGETHER: Final = 16
"""Directories in one task at most; less where few are waiting, so that all have something to do."""

_Parts: TypeAlias = tuple[str, ...]


class _Found(msgspec.Struct, kw_only=True):
    """What a process found in a directory: the directories that it made in it, and the files with several names."""

    parts: _Parts
    below: list[tuple[Entry, Attributes]] = []
    linked: list[tuple[Entry, Attributes]] = []


class _Outcome(msgspec.Struct, kw_only=True):
    """What a process did with some directories."""

    directories: list[_Found] = []
    result: Restored
    events: list[Event] = []
    received: int = 0
    full: NoSpaceError | None = None


class SharedRestoring(Restoring):
    """The same in several processes, to a directory of this machine.

    This process keeps account of the directories that are under way, and writes the files that have several names.
    """

    def __init__(
        self,
        snapshot: SnapshotReader,
        target: Target,
        settings: RestoreSettings,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        super().__init__(snapshot, target, settings, listener, cancellation)
        self._outcome: _Outcome | None = None
        features = snapshot.repository.files.store.features
        self._crew: Crew[list[_Parts], _Outcome] = crew_for(features, self._restore_some, self._cancellation)

    def _restore_below(self, root: Folder) -> None:
        if not self._make(root):
            return
        waiting = [root]
        under_way: dict[_Parts, Folder] = {}
        with self._crew as crew:
            while (waiting or crew.pending) and not self._cancellation.cancelled():
                while waiting and crew.is_hungry:
                    many = min(_TOGETHER, 1 + len(waiting) // 8)
                    some, waiting = waiting[-many:], waiting[:-many]
                    under_way.update((folder.parts, folder) for folder in some)
                    crew.submit([folder.parts for folder in some])
                outcome = crew.take()
                if outcome is not None:
                    self._add(outcome)
                    for found in outcome.directories:
                        self._go_on(under_way.pop(found.parts), found, waiting)

    def _add(self, outcome: _Outcome) -> None:
        """Takes in what a process did."""
        self._received += outcome.received
        _merge(self._result, outcome.result)
        for event in outcome.events:
            self._tell(event)
        if outcome.full is not None:
            self._cancellation.cancel(outcome.full)

    def _go_on(self, folder: Folder, found: _Found, waiting: list[Folder]) -> None:
        """Sees to what a process found in a directory, whose own files it has written."""
        for entry, attributes in found.below:
            folder.pending += 1
            waiting.append(Folder(folder, entry.file_info.name, entry, attributes))
        for entry, attributes in found.linked:
            folder.pending += 1
            self._restore_linked(Item(folder, entry, attributes))
        self._release(folder)

    def _restore_some(self, task: list[_Parts]) -> _Outcome:
        """What a process does."""
        own = self._result
        outcome = self._outcome = _Outcome(result=Restored())
        self._result = outcome.result
        before = self._blobs.received
        try:
            folders = [Folder.at(parts) for parts in task]
            listings = self._snapshot.listings([self._path(folder.key) for folder in folders])
            for folder in folders:
                found = _Found(parts=folder.parts)
                outcome.directories.append(found)
                self._restore_directory(folder, found, listings.pop(self._path(folder.key), None))
            # What lies together is read together, whichever of the directories it is of.
            self._flush()
        finally:
            self._result = own
            self._outcome = None
        outcome.received = self._blobs.received - before
        return outcome

    def _restore_directory(self, folder: Folder, found: _Found, listing: bytes | None) -> None:
        for entry in self._children(folder, listing):
            if self._stopping():
                return
            if entry.file_info.is_directory:
                attributes = self._attributes(entry)
                if self._make(Folder(folder, entry.file_info.name, entry, attributes)):
                    found.below.append((entry, attributes))
            else:
                self._restore_item(folder, entry)

    def _restore_linked(self, item: Item) -> None:
        if self._outcome is None:
            super()._restore_linked(item)
        else:
            self._outcome.directories[-1].linked.append((item.entry, item.attributes))

    def _dispatch(self, group: Group[Item]) -> None:
        self._work(group)

    def _stopping(self) -> bool:
        return super()._stopping() if self._outcome is None else self._crew.stopping()

    def _end_as_full(self, error: NoSpaceError) -> None:
        super()._end_as_full(error)
        if self._outcome is not None:
            self._outcome.full = error

    def _tell(self, event: Event) -> None:
        if self._outcome is None:
            super()._tell(event)
        else:
            self._outcome.events.append(event)


def _merge(whole: Restored, part: Restored) -> None:
    """Adds the counts of a part, and what it names as far as there is room."""
    for name in Restored.__struct_fields__:
        ours, theirs = getattr(whole, name), getattr(part, name)
        if isinstance(ours, list):
            ours.extend(theirs[: TOLD - len(ours)])
        else:
            setattr(whole, name, ours + theirs)
