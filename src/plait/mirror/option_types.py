"""The value types of the mirror's options, as rclone spells them.

Parsers are imported when a value is first parsed: a command line holds few of the options that it could.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plait.model.options import ValueType

if TYPE_CHECKING:
    from plait.model.values.bandwidths import Timetable
    from plait.model.values.durations import Age


def _boolean(text: str) -> bool:
    from plait.model.values.flags import parse_bool

    return parse_bool(text)


def _show_boolean(value: Any) -> str:
    return "true" if value else "false"


def _integer(text: str) -> int:
    from plait.model.values.flags import parse_int

    return parse_int(text)


def _count(text: str) -> int:
    """How often a counted switch was used: `--verbose=2`, and a boolean, as environments have it."""
    for parse in (_integer, _boolean):
        with suppress(ValueError):
            return int(parse(text))
    raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')


def _number(text: str) -> float:
    from plait.model.values.flags import parse_float

    return parse_float(text)


def _size(text: str) -> int | None:
    from plait.model.values.sizes import parse_size

    return parse_size(text)


def _show_size(value: int | None) -> str:
    from plait.model.values.sizes import show_size

    return show_size(value)


def _duration(text: str) -> int | None:
    from plait.model.values.durations import parse_duration

    return parse_duration(text)


def _show_duration(value: int | None) -> str:
    from plait.model.values.durations import show_duration

    return show_duration(value)


def _interval(text: str) -> int:
    from plait.model.values.durations import parse_go_duration

    return parse_go_duration(text)


def _show_interval(value: int) -> str:
    from plait.model.values.durations import show_go_duration

    return show_go_duration(value)


def _age(text: str) -> Age | None:
    from plait.model.values.durations import parse_age

    return parse_age(text)


def _show_age(value: Age | None) -> str:
    from plait.model.values.times import show_rfc3339

    if value is not None and value.absolute:
        return show_rfc3339(value.nanoseconds)
    return _show_duration(None if value is None else value.nanoseconds)


def _bandwidth(text: str) -> Timetable:
    from plait.model.values.bandwidths import parse_bandwidths

    return parse_bandwidths(text)


def _words(text: str) -> tuple[str, ...]:
    """Words separated by spaces; a word in double quotes may hold spaces, as in CSV."""
    import csv

    return tuple(next(csv.reader([text], delimiter=" "), ()))


def _hash_name(text: str) -> str:
    """A hash as the stores call it: rclone's `SHA-1` is `sha1`; `none` is one that nothing has."""
    from plait.stores.hashes import hash_name

    name = "none" if text in {"none", "None"} else hash_name(text)
    if name is None:
        raise ValueError(f'unknown hash type "{text}"')
    return name


def _pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE`; the key in lower case, as metadata have it."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"Failed to parse '{text}' as metadata key=value.")
    return key.lower(), value


def kept(kind: ValueType) -> ValueType:
    """The same type for a value that is only looked at: it stays the text that was given."""

    def parse(text: str) -> str:
        kind.parse(text)
        return text

    return ValueType(kind.metavar, parse, choices=kind.choices)


def choice(metavar: str, *words: str) -> ValueType:
    """One of `words`, in any case; the value is the word as declared."""
    folded = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        if text.lower() not in folded:
            raise ValueError(f'invalid choice "{text}" from: {", ".join(words)}')
        return folded[text.lower()]

    return ValueType(metavar, parse, choices=words)


SWITCH = ValueType("", _boolean, _show_boolean, is_switch=True)
COUNT = ValueType("", _count, is_switch=True)
TEXT = ValueType("TEXT", str)
FILE = ValueType("FILE", str, completes="file")
LOCATION = ValueType("LOCATION", str, completes="remote")
PATTERN = ValueType("PATTERN", str)
INTEGER = ValueType("N", _integer)
NUMBER = ValueType("X", _number)
SIZE = ValueType("SIZE", _size, _show_size)
"""Bytes; None for `off`."""
DURATION = ValueType("DURATION", _duration, _show_duration)
"""Nanoseconds; None for `off`."""
INTERVAL = ValueType("INTERVAL", _interval, _show_interval)
"""Nanoseconds, in Go's spelling only: most of rclone's durations know neither days nor `off`."""
AGE = ValueType("AGE", _age, _show_age)
"""A duration before now or a point in time; None for `off`."""
BANDWIDTH = ValueType("RATE", _bandwidth)
HASH = ValueType("HASH", _hash_name)
PAIR = ValueType("KEY=VALUE", _pair, "=".join)
COMMAND = ValueType("COMMAND", _words, " ".join)
"""A program and its arguments."""
