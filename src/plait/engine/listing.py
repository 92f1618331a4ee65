"""The listing adapter: a store's pages, filtered and shaped like a tree, whatever kind of store they come from.

The pages of a tree listing hold the items of one directory each: `Page.prefix` is "" or ends with "/", names hold no
"/", a directory is the last item of its page and is followed by the pages below it. Stores without directories get the
directories that their keys imply.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from plait.engine.events import Listed
from plait.engine.implied import imply_directories, is_path, unsafe
from plait.engine.selecting import Selector
from plait.engine.selection import EntryFailed, Selection
from plait.engine.workers import read_ahead
from plait.model.errors import DirectoryNotFoundError, NoRetryError, PlaitError, StoreError, from_os_error
from plait.model.items import Kind, Page, order_bytes, precedes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from plait.engine.events import EventStream
    from plait.engine.steps import Side
    from plait.stores.base import Store

__all__ = ["EntryFailed", "Selection", "TreeListing"]

_UNREADABLE = bytes((Kind.UNREADABLE,))
_LEADS_NOWHERE = frozenset({errno.ENOENT, errno.ELOOP})
"""Why an entry that is there cannot be read: it is a link that was to be followed, and leads nowhere."""
_PAGES_AHEAD = 4
_ITEMS_AN_EVENT = 1000


class TreeListing:
    """A store's listing as a tree.

    `missing_is_empty`: a root that does not exist is an empty listing (a destination before the first sync). Any other
    failure of the listing is a page with an error, after which the listing goes on or ends. `any_name`: a store without
    directories shows every key as it is, also those that are no paths, and with `markers` also those that stand for a
    directory (see `imply_directories`).
    """

    def __init__(
        self,
        store: Store,
        side: Side,
        *,
        selection: Selection | None = None,
        events: EventStream | None = None,
        missing_is_empty: bool = False,
        any_name: bool = False,
        markers: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._side = side
        self._selection = selection if selection is not None and _selects(selection) else None
        self._events = events
        self._missing_is_empty = missing_is_empty
        self._any_name = any_name
        self._markers = markers
        self._cancelled = cancelled

    def pages(self, prefix: str = "", descend: Callable[[str], bool] | None = None) -> Iterator[Page | EntryFailed]:
        """The tree below `prefix`. `descend(key)` is asked before a directory is entered, as late as the store allows.

        Raises DirectoryNotFoundError at the first step where the root is missing, fatal errors, nothing else.
        """
        selector = Selector(self._store, self._selection, descend, self._cancelled)
        if selector.excludes_root() if not prefix else not selector.selects(prefix[:-1]):
            return
        has_directories = self._store.features.directories
        raw = _in_order(self._raw(prefix, selector.enters), prefix)
        tree = (
            _readable(raw)
            if has_directories
            else imply_directories(raw, prefix, any_name=self._any_name, markers=self._markers)
        )
        pages = self._counted(tree)
        yield from pages if self._selection is None and has_directories else selector.pages(pages)

    def _raw(self, prefix: str, enters: Callable[[str], bool]) -> Iterator[Page]:
        """The store's pages; an error that ends the listing becomes a page."""
        started = False
        try:
            pages = self._store.list(prefix, descend=enters)
            if self._store.features.depends_on_network:
                pages = read_ahead(pages, _PAGES_AHEAD, self._cancelled)
            for page in pages:
                started = True
                yield page
        except PlaitError as error:
            missing = isinstance(error, DirectoryNotFoundError) and not prefix and not started
            if error.fatal or (missing and not self._missing_is_empty):
                raise
            if not missing:
                yield Page.failed(prefix[:-1], error)

    def _counted(self, pages: Iterable[Page | EntryFailed]) -> Iterator[Page | EntryFailed]:
        if self._events is None:
            yield from pages
            return
        items = 0
        for page in pages:
            if isinstance(page, Page):
                items += len(page.names)
            if items >= _ITEMS_AN_EVENT:
                self._events.emit(Listed(self._side, items))
                items = 0
            yield page
        if items:
            self._events.emit(Listed(self._side, items))


def _selects(selection: Selection) -> bool:
    return selection.active or selection.max_depth is not None or bool(selection.exclude_if_present)


def _in_order(pages: Iterable[Page], prefix: str) -> Iterator[Page]:
    """The pages, up to the first that is not in the total order: a merge of such a listing would see false absences."""
    last = ""
    for page in pages:
        if page.names:
            orders = page.names
            if page.kinds[-1] == Kind.DIRECTORY:
                orders = [*orders[:-1], orders[-1] + "/"]
            first = page.prefix + orders[0]
            if (last and not precedes(last, first)) or (len(orders) > 1 and not _ascending(orders)):
                yield Page.failed(prefix[:-1], StoreError("the listing is out of order", key=first))
                return
            last = page.prefix + orders[-1]
        yield page


def _ascending(orders: Iterable[str]) -> bool:
    listed = orders if isinstance(orders, list) else list(orders)
    return listed == (sorted(listed) if "".join(listed).isascii() else sorted(listed, key=order_bytes))


def _readable(pages: Iterable[Page]) -> Iterator[Page | EntryFailed]:
    """The pages without entries whose attributes could not be read or whose names are no names."""
    for page in pages:
        if _UNREADABLE not in page.kinds and _are_names(page.names):
            yield page
        else:
            yield from _without_refused(page)


def _are_names(names: Sequence[str]) -> bool:
    """True where each is certainly one name of a path; quick."""
    text = "/" + "/".join(names) + "/"
    dots = "/." in text and ("/./" in text or "/../" in text)
    return not (dots or "//" in text or "\0" in text) and text.count("/") == len(names) + 1


def _without_refused(page: Page) -> Iterator[Page | EntryFailed]:
    start = 0
    for position, name in enumerate(page.names):
        error: PlaitError | None = None
        nowhere = False
        if page.kinds[position] == Kind.UNREADABLE:
            number = page.stat(position).size or 0
            nowhere = number in _LEADS_NOWHERE
            error = _unreadable(number, page.prefix + name)
        elif "/" in name or not is_path((name,)):
            error = unsafe(page.prefix + name)
        if error is not None:
            if position > start:
                yield page.slice(start, position)
            yield EntryFailed(page.prefix[:-1], name, error, leads_nowhere=nowhere)
            start = position + 1
    if start < len(page.names):
        yield page.slice(start, len(page.names))
    if page.error is not None:
        yield Page.failed(page.prefix[:-1], page.error)


def _unreadable(number: int, key: str) -> PlaitError:
    """The error of an entry whose attributes could not be read, by its errno."""
    reason = OSError(number, os.strerror(number))
    if number in _LEADS_NOWHERE:
        return NoRetryError(f"symlink: stat {key}: {os.strerror(number).lower()}", key=key)
    return from_os_error(reason, "failed to read directory entry", key=key)
