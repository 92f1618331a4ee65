"""From option texts to values: command line over environment over configuration file over defaults. Pure.

A list collects from all its sources, the strongest last; a count goes on from where the environment left it; anything
else is set by the strongest source alone. That is how rclone merges the command line with `RCLONE_*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.errors import ConfigurationError, UsageError
from plait.model.options import Repeat, Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plait.cli.grammar import Given
    from plait.model.options import Option, OptionSet, ValueType

COMMAND_LINE = "command line"

_ALLOWED: Final = {
    "N": ("not a whole number", None),
    "X": ("not a number", None),
    "SIZE": ("not a size", "a size is a number with B, K, M, G, T or P (K where there is none), or off"),
    "DURATION": ("not a duration", "a duration is like 90, 500ms, 1h30m or 2d; or off"),
    "PERIOD": ("not a period", "a period is like 12h, 7d or 2 weeks"),
    "INTERVAL": ("not a time span", "a time span is like 500ms, 90s or 1h30m"),
    "AGE": ("not an age", "an age is a duration (1h30m, 2d, 3M), a date or time (2026-01-31), or off"),
    "RATE": ("not a bandwidth", "a bandwidth is a size a second, UP:DOWN, or a timetable: 08:00,512K 19:00,off"),
}
"""By the name of a type in help: what a bad value is not, and what is allowed."""


class BadValueError(UsageError):
    """A value on the command line that its option does not take; `reason` is what the parser of the type said."""

    def __init__(self, option: Option, given: Given, reason: str) -> None:
        what, hint = allowed(option.type)
        super().__init__(f"{given.spelled}={given.text}: {what or reason}", hint=hint)
        self.option = option
        self.text = given.text or ""
        self.reason = reason


class ForeignOptionError(UsageError):
    """An option that belongs to another form of the command."""

    def __init__(self, given: Given) -> None:
        super().__init__(f"{given.spelled} does not belong to this form")
        self.given_option = given


class Setting(msgspec.Struct, frozen=True):
    """A value from outside the command line. `source` says where from, in a person's words."""

    option: Option
    texts: tuple[str, ...]
    source: str


def bind(options: OptionSet, given: Sequence[Given], settings: Iterable[Setting] = ()) -> Values:
    """The values of `options`: `settings`, weakest first, then the command line.

    Raises `BadValueError` and `ForeignOptionError` for the command line, ConfigurationError for a setting.
    """
    parsed: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in settings:
        option = setting.option
        for text in setting.texts:
            try:
                value = option.type.parse(text)
            except ValueError as error:
                what, hint = allowed(option.type)
                raise ConfigurationError(f"{setting.source}: {what or error}", hint=hint) from None
            _collect(parsed, option, value, counted=False)
        sources[option.destination] = setting.source
    for one in given:
        found = _option(options, one)
        if found is None:
            raise ForeignOptionError(one)
        _collect(parsed, found, _value(found, one), counted=one.text is None)
        sources[found.destination] = COMMAND_LINE
    return Values(options, parsed, sources)


def check_value(option: Option, given: Given) -> None:
    """Reads the value of an option that is of no effect. Raises `BadValueError`."""
    _value(option, given)


def environment_settings(
    options: OptionSet, environment: Mapping[str, str], *, prefixes: tuple[str, ...] = ()
) -> list[Setting]:
    """What the environment sets. With `prefixes`, only variables that begin with one of them count.

    The text of a list is CSV, as in rclone: several values in one variable.
    """
    found: list[Setting] = []
    for option in options.options:
        for name in option.environment_names:
            if name not in environment or not name.startswith(prefixes or ""):
                continue
            text = environment[name]
            texts = _csv(text) if option.repeat is Repeat.APPEND else (text,)
            found.append(Setting(option, texts, f"{name}={text}"))
            break
    return found


def allowed(kind: ValueType) -> tuple[str, str | None]:
    """What a bad value is not ("" where only its parser can say), and what the type takes."""
    if kind.choices:
        return "no such choice", f"use one of {', '.join(kind.choices)}"
    if kind.is_switch:
        return "not true or false", "use true or false"
    return _ALLOWED.get(kind.metavar, ("", None))


def _option(options: OptionSet, given: Given) -> Option | None:
    return options.named(given.name) if given.name else options.short(given.letter)


def _value(option: Option, given: Given) -> Any:
    if given.text is None:
        return 1 if option.repeat is Repeat.COUNT else True
    try:
        return option.type.parse(given.text)
    except ValueError as error:
        raise BadValueError(option, given, str(error)) from None


def _collect(parsed: dict[str, Any], option: Option, value: Any, *, counted: bool) -> None:
    name = option.destination
    if option.repeat is Repeat.APPEND:
        parsed[name] = (*parsed.get(name, ()), value)
    elif option.repeat is Repeat.COUNT and counted:
        parsed[name] = parsed.get(name, option.default) + value
    else:
        parsed[name] = value


def _csv(text: str) -> tuple[str, ...]:
    import csv

    return tuple(next(csv.reader([text]), ()))
