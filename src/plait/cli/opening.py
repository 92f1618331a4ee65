"""Locations of the command line: words in the spelling of a face."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from plait.cli.remotes import configured_remotes
from plait.engine.events import EventStream
from plait.engine.workers import Cancellation
from plait.mirror.opening import opening
from plait.stores.location import parse_location, parse_rclone_location
from plait.stores.registry import open_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plait.model.options import Values
    from plait.stores.base import Store
    from plait.stores.location import Location


def location(text: str, face: str) -> Location:
    """The location that a word names, in the spelling of a face. Raises UsageError, ConfigurationError."""
    return parse_rclone_location(text) if face == "rclone" else parse_location(text)


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
