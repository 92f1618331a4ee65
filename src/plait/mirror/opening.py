"""Opening what a mirror works on: options joined to what stores need, and the wrappers put round them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.events import Level, Message
from plait.mirror import settings
from plait.mirror.network_options import network_of
from plait.stores.registry import Opening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plait.engine.events import EventStream
    from plait.engine.workers import Cancellation
    from plait.model.options import Values
    from plait.model.values.bandwidths import Bandwidth
    from plait.stores.base import Store
    from plait.stores.interrupting import Interruptions
    from plait.stores.registry import Remotes
    from plait.stores.wrappers.limits import Limiter


def opening(
    values: Values,
    remotes: Remotes,
    *,
    events: EventStream,
    cancellation: Cancellation,
    writes: bool,
    interruptions: Interruptions | None = None,
    limited_by: Callable[[Limiter], None] | None = None,
    state: Path | None = None,
) -> Opening:
    """How the locations of a command are opened; `writes`: its options say how files are written.

    The stores are noted in `interruptions`. `limited_by` is given what limits them, where something does.
    `state` is where they may remember what was interrupted.
    """
    wrap = wrapping(values, cancellation, events, limited_by)
    disabled = settings.disabled(values)

    def opened(store: Store) -> Store:
        if interruptions is not None:
            interruptions.add(store)
        if disabled:
            from plait.stores.wrappers.lessened import lessened

            store = lessened(store, disabled)
        return wrap(store)

    return Opening(
        remotes=remotes,
        deadlines=settings.deadlines(values),
        state=state,
        network=network_of(values, lambda text: events.emit(Message(Level.DEBUG, text))),
        local=settings.local_options(values, writes=writes),
        notice=lambda key, text: events.emit(Message(Level.NOTICE, text, key)),
        inform=lambda key, text: events.emit(Message(Level.INFO, text, key)),
        warn=lambda key, text: events.emit(Message(Level.ERROR, text, key)),
        wrap=opened,
    )


def limiter(values: Values, cancellation: Cancellation, events: EventStream) -> Limiter | None:
    """What limits all stores together; None where nothing is limited."""
    if values.bwlimit is None and values.bwlimit_file is None and not values.tpslimit:
        return None
    from plait.stores.wrappers.limits import Limiter

    def changed(bandwidth: Bandwidth) -> None:
        limited = bandwidth.sent or bandwidth.received
        to = f"Limit set to {bandwidth} Byte/s" if limited else "Bandwidth limits disabled"
        events.emit(Message(Level.NOTICE, f"Scheduled bandwidth change. {to}"))

    made = Limiter(
        values.bwlimit,
        files=values.bwlimit_file,
        changed=changed,
        requests=values.tpslimit,
        burst=values.tpslimit_burst,
        cancelled=cancellation.cancelled,
    )
    if made.now.sent or made.now.received:
        events.emit(Message(Level.INFO, f"Starting bandwidth limiter at {made.now} Byte/s"))
    if values.tpslimit:
        told = f"{values.tpslimit:g} transactions/s with burst {max(1, values.tpslimit_burst)}"
        events.emit(Message(Level.INFO, f"Starting transaction limiter: max {told}"))
    return made


def wrapping(
    values: Values,
    cancellation: Cancellation,
    events: EventStream,
    limited_by: Callable[[Limiter], None] | None = None,
) -> Callable[[Store], Store]:
    """Puts limits and retries round a store, where they have an effect. One limit holds for all stores together.

    `limited_by` is given what limits them.
    """
    limit = limiter(values, cancellation, events)
    if limit is not None and limited_by is not None:
        limited_by(limit)
    paced = values.bwlimit is not None or values.bwlimit_file is not None

    def wrap(store: Store) -> Store:
        distant = store.features.depends_on_network
        if limit is not None and (distant or paced):
            from plait.stores.wrappers.limits import limited

            store = limited(store, limit)
        if distant and values.low_level_retries > 1:
            from plait.stores.wrappers.retry import RetryPolicy, retrying

            policy = RetryPolicy(attempts=values.low_level_retries)
            store = retrying(store, policy, cancelled=cancellation.cancelled)
        return store

    return wrap
