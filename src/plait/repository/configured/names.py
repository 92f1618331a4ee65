"""Names of repositories as commands take them: `@name`, `@name:sub`, paths and URLs. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from plait.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.repository.configured.catalogue import Settings


def resolve(word: str, places: Mapping[str, Settings], what: str = "repository") -> Settings:
    """The settings of a place: those of its entry for `@name`, else the location alone.

    Raises ConfigurationError where there is no such entry, or it has no location.
    """
    if not word.startswith("@"):
        return {"location": word}
    name, _, below = word[1:].partition(":")
    if name not in places:
        raise ConfigurationError(
            f"could not resolve {what}: @{name}", hint="the names are listed by the command `store show`"
        )
    settings = dict(places[name])
    if "location" not in settings:
        raise ConfigurationError(f"{what} @{name} has no location")
    settings["location"] = below_location(settings["location"], below)
    return settings


def normal_name(word: str) -> str:
    """A name as entries have it: commands take it with or without `@`."""
    return word.removeprefix("@")


def below_location(location: str, below: str) -> str:
    """The location `below` another one: a relative path is joined to its path, an absolute one replaces it."""
    if not below:
        return location
    scheme, separator, rest = location.partition("://")
    if location.startswith("/") or not separator:
        return below if below.startswith("/") else posixpath.normpath(posixpath.join(location, below))
    host, _, path = rest.partition("/")
    joined = below if below.startswith("/") else posixpath.normpath(posixpath.join("/" + path, below))
    return f"{scheme}://{host}{joined}"
