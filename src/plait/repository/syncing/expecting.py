"""How much a sync has done and expects to do, for whoever watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.repository.events import Done, Expected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plait.repository.events import Event, Listener
    from plait.repository.format.headers import Header


class Expectations:
    """A listener that counts what was done, passes everything on, and says what is expected in all."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._items = 0
        self._size = 0

    def __call__(self, event: Event) -> None:
        """Passes an event on."""
        if isinstance(event, Done):
            self._items += len(event.names)
            self._size += event.size
        self._listener(event)

    def expect(self, following: Iterable[Header]) -> None:
        """Says what was done and these snapshots are together.

        Folders that the peer has are passed over and told of by nobody, so that it is said again for each snapshot.
        """
        items, size = self._items, self._size
        for header in following:
            for source in header.sources or ():
                inside, below = source.summary.directory, source.summary.below
                items += inside.children + below.children
                size += inside.size + below.size
        self._listener(Expected(items, size))
