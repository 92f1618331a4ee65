"""The listing adapter: a store's pages, filtered and shaped like a tree, whatever kind of store they come from.

The pages of a tree listing hold the items of one directory each: `Page.prefix` is "" or ends with "/", names hold no
"/", a directory is the last item of its page and is followed by the pages below it. Stores without directories get the
directories that their keys imply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.engine.events import EventStream
    from plait.engine.steps import Side
    from plait.model.errors import PlaitError
    from plait.model.items import Page
    from plait.stores.base import Store


class Selection(Protocol):
    """Which items of a listing count; the strand's filter rules. Keys are relative to the location."""

    @property
    def active(self) -> bool:
        """False where everything is included: then no item is looked at one by one."""
        ...

    @property
    def needs_stat(self) -> bool:
        """True where rules need a time or metadata: what a listing does not carry is then looked up, item by item."""
        ...

    @property
    def max_depth(self) -> int | None:
        """How many levels are listed: 1 is the root's own items; None is all."""
        ...

    @property
    def exclude_if_present(self) -> Sequence[str]:
        """File names; a directory that holds one of them is left out."""
        ...

    def includes_file(
        self, path: str, size: int | None, modified: int | None, metadata: Mapping[str, str] | None
    ) -> bool:
        """True where the file (or link) counts. `modified` in nanoseconds."""
        ...

    def includes_directory(self, path: str) -> bool:
        """True where something below the directory may count; else it is neither yielded nor entered."""
        ...


class EntryFailed(msgspec.Struct, frozen=True):
    """One entry of a directory could not be listed: its attributes cannot be read, or its name is unsafe.

    `name` is its name in `directory`, None where it has none that could stand on another side.
    """

    directory: str
    name: str | None
    error: PlaitError


class TreeListing:
    """A store's listing as a tree.

    `missing_is_empty`: a root that does not exist is an empty listing (a destination before the first sync). Any other
    failure of the listing is a page with an error, after which the listing goes on or ends.
    """

    def __init__(
        self,
        store: Store,
        side: Side,
        *,
        selection: Selection | None = None,
        events: EventStream | None = None,
        missing_is_empty: bool = False,
    ) -> None:
        raise NotImplementedError

    def pages(self, prefix: str = "", descend: Callable[[str], bool] | None = None) -> Iterator[Page | EntryFailed]:
        """The tree below `prefix`. `descend(key)` is asked before a directory is entered, as late as the store allows.

        Raises DirectoryNotFoundError at the first step where the root is missing, fatal errors, nothing else.
        """
        raise NotImplementedError
