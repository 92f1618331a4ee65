"""Applies a selection to the pages of a tree listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.parallel import run_together
from plait.engine.selection import EntryFailed
from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, PlaitError
from plait.model.items import Kind, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.engine.selection import Selection
    from plait.model.items import Stat
    from plait.stores.base import Store


class Selector:
    """Decides for one pass over a store's tree which directories are entered and which items are yielded.

    `descend` is asked, after the selection, before a directory is entered.
    """

    def __init__(
        self,
        store: Store,
        selection: Selection | None,
        descend: Callable[[str], bool] | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._store = store
        self._selection = selection
        self._descend = descend
        self._cancelled = cancelled
        self._asked: tuple[str, bool] | None = None
        self._failed: list[EntryFailed] = []

    def enters(self, directory: str) -> bool:
        """True where what is below the directory is wanted."""
        return self.selects(directory) and (self._descend is None or self._descend(directory))

    def selects(self, directory: str) -> bool:
        """True where the selection wants what is below the directory."""
        selection = self._selection
        if selection is None:
            return True
        if selection.max_depth is not None and directory.count("/") + 1 >= selection.max_depth:
            return False
        return self._includes_directory(selection, directory)

    def pages(self, pages: Iterable[Page | EntryFailed]) -> Iterator[Page | EntryFailed]:
        """The pages without what is not wanted."""
        asks = self._store.features.directories
        pruned = None
        for page in pages:
            if not isinstance(page, Page):
                if not self._excludes_entry(page):
                    yield page
                continue
            if pruned is not None and page.prefix.startswith(pruned):
                continue
            pruned = None
            chosen = page if self._selection is None else self._choose(page, self._selection)
            yield from self._failed
            self._failed.clear()
            if chosen.names or chosen.error is not None:
                yield chosen
            if not asks and page.kinds and page.kinds[-1] == Kind.DIRECTORY:
                directory = page.prefix + page.names[-1]
                if not self.enters(directory):
                    pruned = directory + "/"

    def excludes_root(self) -> bool:
        """True where the root itself holds a file that excludes it."""
        return self._selection is not None and self._is_marked(self._selection, "")

    def _excludes_entry(self, entry: EntryFailed) -> bool:
        """True where an entry of unknown kind would count neither as a file nor as a directory.

        A link that leads nowhere goes by the rules for files: there is no directory behind it.
        """
        if self._selection is None or not self._selection.active or entry.name is None:
            return False
        path = entry.directory + "/" + entry.name if entry.directory else entry.name
        if self._selection.includes_file(path, None, None, None):
            return False
        return entry.leads_nowhere or not self._selection.includes_directory(path)

    def _choose(self, page: Page, selection: Selection) -> Page:
        if selection.active and selection.needs_stat:
            page = self._completed(page)
        chosen = [position for position in range(len(page)) if self._includes(page, position, selection)]
        if len(chosen) == len(page):
            return page
        return page.rows(chosen)

    def _includes(self, page: Page, position: int, selection: Selection) -> bool:
        key = page.prefix + page.names[position]
        if page.kinds[position] == Kind.DIRECTORY:
            return self._includes_directory(selection, key)
        if not selection.active:
            return True
        stat = page.stat(position)
        metadata = None if stat.metadata is None else self._metadata(stat)
        return selection.includes_file(key, stat.size, stat.modified, metadata)

    def _metadata(self, stat: Stat) -> dict[str, str]:
        from plait.stores.shown import shown_metadata

        return shown_metadata(stat, self._store.features)

    def _includes_directory(self, selection: Selection, directory: str) -> bool:
        asked = self._asked
        if asked is None or asked[0] != directory:
            included = not selection.active or selection.includes_directory(directory)
            self._asked = asked = directory, included and not self._is_marked(selection, directory)
        return asked[1]

    def _is_marked(self, selection: Selection, directory: str) -> bool:
        for name in selection.exclude_if_present:
            try:
                stat = self._store.stat(directory + "/" + name if directory else name)
            except (ObjectNotFoundError, DirectoryNotFoundError):
                continue
            if stat.kind is not Kind.DIRECTORY:
                return True
        return False

    def _completed(self, page: Page) -> Page:
        """The page with the times and metadata that the listing does not carry; what is gone meanwhile is left out."""
        wanting = [
            position
            for position, kind in enumerate(page.kinds)
            if kind == Kind.FILE and _lacks_something(page.stat(position))
        ]
        if not wanting:
            return page
        found: dict[int, Stat | None] = {}

        def look_up(position: int, _stopped: Callable[[], bool]) -> None:
            key = page.prefix + page.names[position]
            try:
                found[position] = self._store.stat(key)
            except ObjectNotFoundError:
                found[position] = None
            except PlaitError as error:
                if error.fatal:
                    raise
                found[position] = None
                self._failed.append(EntryFailed(page.prefix[:-1], page.names[position], error))

        run_together(look_up, wanting, min(self._store.features.concurrency, len(wanting)), self._cancelled)
        stats = [(name, found.get(at, page.stat(at))) for at, name in enumerate(page.names)]
        return Page.of(page.prefix, [(name, stat) for name, stat in stats if stat is not None], page.error)


def _lacks_something(stat: Stat) -> bool:
    return stat.modified is None or stat.metadata is None
