"""Ending calls that wait for a server which does not answer, when a person wants the run to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from plait.stores.base import Store


@runtime_checkable
class Interruptible(Protocol):
    """Stores whose waiting calls can be ended from another thread."""

    def interrupt(self) -> None:
        """Ends calls under way with what a lost connection raises, and further ones with CancelledError."""
        ...


class Interruptions:
    """The stores that a command has opened, to be interrupted together. Stores without the means are left alone."""

    def __init__(self) -> None:
        self._stores: list[Interruptible] = []

    def add(self, store: Store) -> None:
        """Notes a store, below all wrappers."""
        if isinstance(store, Interruptible):
            self._stores.append(store)

    def interrupt(self) -> None:
        """Interrupts all stores noted so far."""
        for store in tuple(self._stores):
            store.interrupt()
