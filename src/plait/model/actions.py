"""Actions: what a plan is made of, and how each of them ended."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from plait.model.items import Item, Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.model.errors import PlaitError


class Verb(StrEnum):
    """What an action does to the destination (and, for a move, to the source)."""

    CREATE = "create"
    """Carry the source item to a key that the destination lacks."""
    REPLACE = "replace"
    """Carry the source item over a destination item that differs."""
    TOUCH = "touch"
    """Give the destination item the source's time or metadata, without carrying content."""
    RENAME = "rename"
    """Rename a destination item (`origin`) to the key."""
    RESPELL = "respell"
    """Rename a destination item (`origin`) to the source's spelling of its name, after everything else in it."""
    DELETE = "delete"
    """Delete the destination item."""
    MAKE_DIRECTORY = "make directory"
    REMOVE_DIRECTORY = "remove directory"
    """Remove the destination directory, if it is empty by then."""
    TOUCH_DIRECTORY = "touch directory"
    """Give the destination directory the source's time and metadata, after everything below it."""
    DELETE_SOURCE = "delete source"
    """Delete the source item of a move whose destination is right already; `key` is the source's."""
    REMOVE_SOURCE_DIRECTORY = "remove source directory"
    """Remove the source directory of a move, if it is empty by then; `key` is the source's."""


class Action(msgspec.Struct, frozen=True):
    """One step of a plan.

    `key` is the destination's key. `source` and `destination` are the two sides as they were when planned (None:
    absent); they are what the executor expects to find. `reason` says why in a few words. `origin` is the key that a
    rename starts from.
    """

    verb: Verb
    key: str
    source: Item | None = None
    destination: Item | None = None
    reason: str = ""
    origin: str | None = None

    @property
    def size(self) -> int:
        """Bytes that the action carries (create, replace) or frees (deletions); 0 where unknown or none."""
        side = self.destination if self.verb is Verb.DELETE else self.source
        if side is None or self.verb in _WITHOUT_BYTES:
            return 0
        return side.size or 0

    def taken(self) -> Item:
        """The source of an action that cannot be without one; raises AssertionError where it is."""
        if self.source is None:
            raise AssertionError(f"{self.verb} {self.key} has no source")
        return self.source


_WITHOUT_BYTES = frozenset(
    {
        Verb.TOUCH,
        Verb.RENAME,
        Verb.RESPELL,
        Verb.MAKE_DIRECTORY,
        Verb.REMOVE_DIRECTORY,
        Verb.TOUCH_DIRECTORY,
        Verb.REMOVE_SOURCE_DIRECTORY,
    }
)


class Creations(msgspec.Struct, frozen=True):
    """`CREATE` actions for new files of one directory, held as columns.

    `files` are the sources; `prefix` is that of the destination's keys, "" or ending with "/".
    """

    files: Page
    prefix: str
    reason: str = ""

    def __len__(self) -> int:
        return len(self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes())

    def sizes(self) -> Sequence[int]:
        """Bytes of each file, 0 where not known."""
        sizes = memoryview(self.files.sizes).cast("q")
        return sizes if min(sizes, default=0) >= 0 else [max(size, 0) for size in sizes]

    def action(self, row: int) -> Action:
        """The action of one file."""
        return Action(Verb.CREATE, self.prefix + self.files.names[row], self.files.item(row), None, self.reason)

    def actions(self) -> Iterator[Action]:
        """The actions of all files."""
        return map(self.action, range(len(self)))

    def without(self, rows: Sequence[int]) -> Creations:
        """The creations but for some rows, which are in ascending order."""
        return Creations(self.files.without(rows), self.prefix, self.reason) if rows else self

    def slice(self, start: int, stop: int) -> Creations:
        """The creations from row `start` up to `stop`."""
        return Creations(self.files.slice(start, stop), self.prefix, self.reason)


class Status(StrEnum):
    """How an action ended."""

    DONE = "done"
    SKIPPED = "skipped"
    """Not executed by choice: dry run, a refused question, a gate that closed."""
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one action.

    `detail` is what a log line says of it ("Copied (new)"). `kept` is where the replaced or deleted item is kept now
    (a location's text), if it is kept. `carried` counts the bytes really read or copied. `server_side`: the store
    carried the item by itself, no byte of it passed through here. `moved`: what was the source stands at the
    destination itself. `source_deleted`: the source was deleted once it had arrived.
    """

    action: Action
    status: Status
    detail: str = ""
    error: PlaitError | None = None
    kept: str | None = None
    carried: int = 0
    server_side: bool = False
    moved: bool = False
    source_deleted: bool = False


class Created(msgspec.Struct, frozen=True):
    """All of `creations` were done, their content read or copied here; `detail` as in `Outcome`."""

    creations: Creations
    detail: str = ""

    def outcomes(self) -> Iterator[Outcome]:
        """The same, file by file."""
        for action in self.creations.actions():
            yield Outcome(action, Status.DONE, self.detail, carried=action.size)
