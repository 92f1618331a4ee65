"""Opening what a mirror works on: options joined to what stores need, and the wrappers put round them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.events import Level, Message
from plait.mirror import settings
from plait.mirror.network_options import network_of
from plait.stores.registry import Opening

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.events import EventStream
    from plait.engine.workers import Cancellation
    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.interrupting import Interruptions
    from plait.stores.registry import Remotes


def opening(
    values: Values,
    remotes: Remotes,
    *,
    events: EventStream,
    cancellation: Cancellation,
    writes: bool,
    interruptions: Interruptions | None = None,
) -> Opening:
    """How the locations of a command are opened; `writes`: its options say how files are written.

    The stores are noted in `interruptions`.
    """
    wrap = wrapping(values, cancellation)

    def opened(store: Store) -> Store:
        if interruptions is not None:
            interruptions.add(store)
        return wrap(store)

    return Opening(
        remotes=remotes,
        deadlines=settings.deadlines(values),
        network=network_of(values, lambda text: events.emit(Message(Level.DEBUG, text))),
        local=settings.local_options(values, writes=writes),
        notice=lambda key, text: events.emit(Message(Level.NOTICE, text, key)),
        wrap=opened,
    )


def wrapping(values: Values, cancellation: Cancellation) -> Callable[[Store], Store]:
    """Puts limits and retries round a store, where they have an effect. One limit holds for all stores together."""
    if values.bwlimit is None and not values.tpslimit:
        limit = None
    else:
        from plait.stores.wrappers.limits import Limiter

        limit = Limiter(
            values.bwlimit,
            requests=values.tpslimit,
            burst=values.tpslimit_burst,
            cancelled=cancellation.cancelled,
        )

    def wrap(store: Store) -> Store:
        distant = store.features.depends_on_network
        if limit is not None and (distant or values.bwlimit is not None):
            from plait.stores.wrappers.limits import limited

            store = limited(store, limit)
        if distant and values.low_level_retries > 1:
            from plait.stores.wrappers.retry import RetryPolicy, retrying

            policy = RetryPolicy(attempts=values.low_level_retries)
            store = retrying(store, policy, cancelled=cancellation.cancelled)
        return store

    return wrap
