"""Locations of the command line: words in the spelling of a face."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from plait.cli.binding import bind, environment_settings
from plait.cli.options import STORES
from plait.cli.remotes import configured_remotes
from plait.mirror import options
from plait.stores.location import parse_location, parse_rclone_location
from plait.stores.registry import Opening, open_location

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
    if values.options.named("config") is None:
        values = surrounding_values(environment)
    remotes = configured_remotes(values, environment)
    store = open_location(parse_location(word), Opening(remotes=remotes)).store
    try:
        yield store
    finally:
        store.close()


def surrounding_values(environment: Mapping[str, str]) -> Values:
    """What the environment says of configurations, for commands that do not take the options of it."""
    declared = STORES | options.CONFIGURATION
    return bind(declared, (), environment_settings(declared, environment))
