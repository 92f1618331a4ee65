"""What a location holds: the items of a tree as the filters show it, and their count and size."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import msgspec

from plait.engine.events import Failed
from plait.engine.listing import TreeListing
from plait.engine.selection import EntryFailed
from plait.engine.steps import Side
from plait.mirror.check import OneFile
from plait.mirror.lookups import hash_of, with_time
from plait.mirror.mirroring import Surroundings, compile_selection
from plait.model.errors import NoRetryError
from plait.model.items import Kind
from plait.stores.registry import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from plait.engine.selection import Selection
    from plait.model.errors import PlaitError
    from plait.model.items import Item
    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.location import Location
    from plait.stores.registry import Opening


class Size(msgspec.Struct, frozen=True):
    """How much a tree holds: files, their bytes, and how many of them have a size that is not known."""

    count: int
    size: int
    unknown: int


class Shallow:
    """A selection that shows the root's own items only."""

    max_depth = 1

    def __init__(self, inner: Selection) -> None:
        self._inner = inner
        self.active = inner.active
        self.needs_stat = inner.needs_stat
        self.exclude_if_present: Sequence[str] = inner.exclude_if_present

    def includes_file(
        self, path: str, size: int | None, modified: int | None, metadata: Mapping[str, str] | None
    ) -> bool:
        """As the inner selection."""
        return self._inner.includes_file(path, size, modified, metadata)

    def includes_directory(self, path: str) -> bool:
        """As the inner selection."""
        return self._inner.includes_directory(path)


class Listing:
    """A location that is being listed; iterating yields its items in the total order. A context manager.

    Where `recursive` is False only the location's own items are yielded. What cannot be listed is told to the event
    stream and raised at the end. `hash` and `time` look up what a listing does not carry.
    """

    def __init__(
        self,
        location: Location,
        values: Values,
        opening: Opening,
        around: Surroundings | None = None,
        *,
        recursive: bool = True,
    ) -> None:
        self._around = around or Surroundings()
        filters = compile_selection(values, self._around)
        selection: Selection = filters
        opened = open_source(location, replace(opening, notices=filters.includes_path))
        self.store: Store = opened.store
        self.text = opened.text
        if opened.file is not None:
            selection = OneFile(opened.file)
        elif not recursive:
            selection = Shallow(selection)
        self._listing = TreeListing(
            opened.store,
            Side.SOURCE,
            selection=selection,
            events=self._around.events,
            any_name=not opened.store.features.directories,
            cancelled=self._around.cancellation.cancelled,
        )
        self._closing = ExitStack()
        self._closing.callback(opened.store.close)

    def __iter__(self) -> Iterator[Item]:
        """Raises DirectoryNotFoundError where there is nothing, and at the end the last error met on the way."""
        failed: PlaitError | None = None
        for page in self._listing.pages():
            self._around.cancellation.raise_if_cancelled()
            if not isinstance(page, EntryFailed):
                yield from page.items()
            if page.error is not None:
                failed = page.error
                self._around.events.emit(Failed(page.error, page.error.key or ""))
        if failed is not None:
            raise failed

    def hash(self, item: Item, name: str) -> str | None:
        """A hash of an item, None where the store has none."""
        return hash_of(self.store, item, name)

    def time(self, item: Item) -> int | None:
        """The modification time of an item, in nanoseconds since the epoch."""
        return with_time(self.store, item).modified

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


def measure(listing: Listing) -> tuple[Size, NoRetryError | None]:
    """Counts the files of a listing; with them comes the error of a symbolic link that leads nowhere.

    Raises what the listing raises else: without a directory's files the count would be wrong.
    """
    count = size = unknown = 0
    failed: NoRetryError | None = None
    try:
        for item in listing:
            if item.kind is Kind.FILE:
                count += 1
                if item.size is None:
                    unknown += 1
                else:
                    size += item.size
    except NoRetryError as error:
        failed = error
    return Size(count, size, unknown), failed
