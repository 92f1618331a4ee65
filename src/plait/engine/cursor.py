"""Where the merge stands in one side's listing."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from plait.model.items import Kind, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.listing import EntryFailed
    from plait.engine.names import Names
    from plait.model.items import Item

    Open = Callable[[str, Callable[[str], bool]], Iterable[Page | EntryFailed]]
    """Opens the listing below a prefix; the second argument is asked before a directory is entered
    (`TreeListing.pages`)."""

_NOTHING = Page("", (), b"", b"", b"")
ENDED = "//"
"""The prefix of a cursor whose listing has ended; no directory has it."""


class Cursor:
    """One side's position: a page and an index in it.

    `side` is 0 for the source, 1 for the destination. `orders` are the page's names with "/" after a directory's.
    `prefix` is the page's. `plain`: `Names.plain` holds for the whole page (always, where names match only when equal).
    """

    __slots__ = ("_names", "_pages", "_skipped", "index", "length", "orders", "page", "plain", "prefix", "side")

    def __init__(self, side: int, open_listing: Open | None, prefix: str, names: Names | None) -> None:
        self.side = side
        self._names = names
        self._skipped: str | None = None
        pages: Iterable[Page | EntryFailed] = () if open_listing is None else open_listing(prefix, self._descends)
        self._pages: Iterator[Page | EntryFailed] = iter(pages)
        self.page = _NOTHING
        self.orders: list[str] = []
        self.index = self.length = 0
        self.plain = True
        self.prefix = prefix

    def pull(self) -> EntryFailed | Page | None:
        """Goes on to the next page that holds items.

        A failure that comes before it is returned instead, and the caller calls again while the cursor is exhausted; a
        page with items and an error is returned too. None: it stands on an item, or at the end.
        """
        for page in self._pages:
            prefix = page.prefix if isinstance(page, Page) else page.directory + "/"
            if self._skipped is not None:
                if prefix.startswith(self._skipped):
                    continue
                self._skipped = None
            if not isinstance(page, Page):
                return page
            if page.names:
                self._set(page)
            if page.error is not None:
                return page
            if page.names:
                return None
        self.page, self.orders, self.index, self.length, self.prefix = _NOTHING, [], 0, 0, ENDED
        return None

    @property
    def repeats(self) -> bool:
        """True where the item it stands on has the name of the one before it."""
        return self.index > 0 and self.orders[self.index] == self.orders[self.index - 1]

    def take(self) -> Item:
        """The item it stands on, which it passes."""
        self.index += 1
        return self.page.item(self.index - 1)

    def skip(self, item: Item) -> None:
        """Leaves out everything below an item that it has just passed."""
        if item.is_directory:
            self._skipped = item.key + "/"

    def pass_over(self, count: int) -> None:
        """Leaves out `count` items, of which only the last may be a directory, and everything below them."""
        self.index += count - 1
        self.skip(self.take())

    def close(self) -> None:
        """Ends the listing."""
        if isinstance(self._pages, Generator):
            self._pages.close()

    def _descends(self, directory: str) -> bool:
        return directory + "/" != self._skipped

    def _set(self, page: Page) -> None:
        names, kinds = page.names, page.kinds
        self.page, self.prefix = page, page.prefix
        self.index, self.length = 0, len(names)
        orders = list(names)
        position = kinds.find(Kind.DIRECTORY)
        while position >= 0:
            orders[position] += "/"
            position = kinds.find(Kind.DIRECTORY, position + 1)
        self.orders = orders
        self.plain = self._names is None or self._names.plain("/".join(names))
