"""Options of the run that a remote sets: `global.dry_run = true` in its section, or in the location itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import ConfigurationError
from plait.model.options import Repeat, Section, Values
from plait.model.values.quoting import quote
from plait.stores.location import LocationKind, parse_rclone_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.stores.location import Location
    from plait.stores.registry import Remotes

PREFIX: Final = "global."
_DEEPEST: Final = 10
"""How many aliases are followed; opening a location tells of a loop."""


def with_remote_options(values: Values, locations: Iterable[Location], remotes: Remotes) -> Values:
    """The values, of which the remotes of these locations have the last word, as with rclone.

    Raises ConfigurationError for a value that its option does not take. As with rclone, names of no option count for
    nothing, and filters are no matter of a remote.
    """
    parsed: dict[str, Any] = {}
    given: dict[str, str] = {}
    for location in locations:
        for name, text in _settings(location, remotes):
            option = values.options.named(name.replace("_", "-"))
            if option is None or option.section is Section.FILTER or option.repeat is Repeat.APPEND:
                continue
            try:
                parsed[option.destination] = option.type.parse(text)
            except ValueError as error:
                raise ConfigurationError(f"{quote(location.text)}: {PREFIX}{name}={text}: {error}") from None
            given[option.destination] = location.text
    return Values(values.options, {**values.parsed, **parsed}, {**values.given, **given}) if parsed else values


def _settings(location: Location, remotes: Remotes) -> Iterator[tuple[str, str]]:
    """Names and values of what a remote, and those that it is an alias for, set."""
    for _ in range(_DEEPEST):
        if location.kind not in {LocationKind.REMOTE, LocationKind.BACKEND}:
            return
        backend = location.backend or remotes.backend(location.name)
        options = remotes.options(location.name, backend, location.options)
        for key, value in options.items():
            if key.startswith(PREFIX):
                yield key.removeprefix(PREFIX), value
        if backend != "alias" or not options.get("remote"):
            return
        location = parse_rclone_location(options["remote"])
