"""What a plan's header keeps of a command line, and how it is read back."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from plait.cli.forms import Choice
from plait.cli.kinds import REPOSITORY
from plait.mirror import options as mirror_options
from plait.mirror.option_types import LOCATION
from plait.model.errors import ConfigurationError, UsageError
from plait.model.options import Option, Repeat, Section, Values
from plait.stores.location import LocationKind, parse_location

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.forms import Situation
    from plait.model.options import OptionSet
    from plait.stores.location import Location

_OF_THE_CALL: Final = frozenset({"dry-run", "interactive", "output", "no-record", "help", "debug", "json"})
"""Options that say how a command is run, not what its plan means."""
_WITH_SECRETS: Final = frozenset({"header", "header-upload", "header-download", "http-proxy"})
"""Options that may hold a token or a password; `apply` takes them anew."""
_ORIGIN: Final = "the plan"
PLAN: Final = "plan"
_OF_REPOSITORIES: Final = re.compile(rb'"command":"sync (?:to|from|with)"')
_LONGEST_HEADER: Final = 1 << 20


def kept_options(values: Values) -> dict[str, Any]:
    """The options in effect that decide what a plan means, as text; without secrets."""
    kept: dict[str, Any] = {}
    for option in values.options.options:
        if not _is_kept(option) or not values.was_given(option.destination):
            continue
        value = getattr(values, option.destination)
        kept[option.name] = (
            [_text(option, one) for one in value] if option.repeat is Repeat.APPEND else _text(option, value)
        )
    return kept


def planned_values(kept: Mapping[str, Any], given: Values, options: OptionSet = mirror_options.SYNC) -> Values:
    """The values under which a plan is executed: those it was made with, and what `apply` itself was given.

    `options` are those that a plan is made with. Raises ConfigurationError where the plan has an option that does not
    exist or cannot be read.
    """
    known = given.options | options
    parsed: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, value in kept.items():
        option = known.named(name)
        if option is None:
            raise ConfigurationError(f"the plan was made with --{name}, which this version does not have")
        try:
            parsed[option.destination] = _parsed(option, value)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"the plan's --{name} cannot be read: {error}") from None
        sources[option.destination] = _ORIGIN
    return Values(known, {**parsed, **given.parsed}, {**sources, **given.given})


def lasting(location: Location) -> str:
    """The text by which a location is found again from any directory; without secrets."""
    if location.kind is not LocationKind.LOCAL:
        return location.text
    return os.path.abspath(location.path or ".")


def decide_plan(situation: Situation) -> Choice:
    """Of what a plan is that is to be applied: its header says so. Raises UsageError."""
    if situation.at is not None:
        raise UsageError("a plan names its repositories", hint="usage: plait apply FILE")
    return Choice(REPOSITORY if _is_of_repositories(situation.line.texts[:1]) else PLAN)


def _is_of_repositories(words: Sequence[str]) -> bool:
    for word in words:
        # What is wrong with a file is said by whoever reads all of it.
        with suppress(OSError, ValueError):
            if not os.path.isfile(word):
                return False
            with open(word, "rb") as file:
                return _OF_REPOSITORIES.search(file.readline(_LONGEST_HEADER)) is not None
    return False


def _is_kept(option: Option) -> bool:
    return option.section is not Section.OUTPUT and option.name not in _OF_THE_CALL | _WITH_SECRETS


def _text(option: Option, value: Any) -> str:
    if option.type is LOCATION:
        return lasting(parse_location(str(value)))
    return option.type.show(value)


def _parsed(option: Option, value: Any) -> Any:
    if option.repeat is Repeat.APPEND:
        return tuple(option.type.parse(one) for one in value)
    return option.type.parse(value)
