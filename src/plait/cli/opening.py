"""Opening locations from the command line: options, remotes and wrappers joined to what stores need."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from plait.cli.remotes import configured_remotes
from plait.engine.events import EventStream, Level, Message
from plait.engine.workers import Cancellation
from plait.mirror import settings
from plait.stores.location import LocationKind, clean_local_path, parse_location, parse_rclone_location
from plait.stores.registry import Opening, open_location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.location import Location
    from plait.stores.registry import Remotes


def opening(
    values: Values, remotes: Remotes, *, events: EventStream, cancellation: Cancellation, writes: bool
) -> Opening:
    """How the locations of a command are opened; `writes`: its options say how files are written."""
    return Opening(
        remotes=remotes,
        deadlines=settings.deadlines(values),
        local=settings.local_options(values, writes=writes),
        notice=lambda key, text: events.emit(Message(Level.NOTICE, text, key)),
        wrap=wrapping(values, cancellation),
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


def location(text: str, face: str) -> Location:
    """The location that a word names, in the spelling of a face. Raises UsageError, ConfigurationError."""
    if face != "rclone":
        return parse_location(text)
    found = parse_rclone_location(text)
    if found.kind is not LocationKind.LOCAL:
        return found
    # What rclone calls a local directory in its log.
    return replace(found, text=f"Local file system at {clean_local_path(found.path)}")


@contextmanager
def open_store(word: str, environment: Mapping[str, str], values: Values) -> Iterator[Store]:
    """Opens a location to look at it, and closes it again."""
    remotes = configured_remotes(values, environment)
    around = opening(values, remotes, events=EventStream(), cancellation=Cancellation(), writes=False)
    store = open_location(parse_location(word), around).store
    try:
        yield store
    finally:
        store.close()
