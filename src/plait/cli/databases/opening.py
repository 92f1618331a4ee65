"""Replicas that a word or a configuration names, and how their stores are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.replication.configuration.places import GivenOptions, open_replica
from plait.stores.registry import Opening

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.replication.configuration.settings import Place
    from plait.replication.replica import Replica
    from plait.stores.base import Store
    from plait.stores.registry import Remotes


def opening_of_replicas(remotes: Remotes | None = None, cancelled: Callable[[], bool] = lambda: False) -> Opening:
    """How the stores of replicas are opened: with retries where they are reached over a network."""

    def wrap(store: Store) -> Store:
        if not store.features.depends_on_network:
            return store
        from plait.stores.wrappers.retry import retrying

        return retrying(store, cancelled=cancelled)

    return Opening(GivenOptions() if remotes is None else remotes, wrap=wrap)


def opener(remotes: Remotes | None = None, cancelled: Callable[[], bool] = lambda: False) -> Callable[[Place], Replica]:
    """A function that opens the replica at a place."""
    opening = opening_of_replicas(remotes, cancelled)
    return lambda place: open_replica(place, opening)
