"""The value types of the mirror's options, as rclone spells them (reference, section 2.5)."""

from __future__ import annotations

from typing import Any

from plait.model.options import ValueType

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def _boolean(text: str) -> bool:
    """A boolean as Go's strconv.ParseBool reads it."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{text!r} is not a boolean: use true or false")


def _show_boolean(value: Any) -> str:
    return "true" if value else "false"


def _integer(text: str) -> int:
    """An integer as Go's strconv.ParseInt with base 0 reads it: decimal, 0x, 0o, 0b; underscores between digits."""
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return int(text, 8)
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _count(text: str) -> int:
    """How often a counted switch was used; also `--verbose=2` and, from the environment, a boolean."""
    return int(_boolean(text)) if text in _TRUE | _FALSE else _integer(text)


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


def _bandwidth(text: str) -> Any:
    from plait.model.values.bandwidths import parse_bandwidths

    return parse_bandwidths(text)


def _words(text: str) -> tuple[str, ...]:
    """A list of words, separated by spaces, quoted as in CSV where they hold some."""
    import csv

    return tuple(next(csv.reader([text], delimiter=" "), ()))


def choice(metavar: str, *words: str) -> ValueType:
    """One of `words`, in any case; the value is the word as declared."""
    folded = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        if text.lower() not in folded:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return folded[text.lower()]

    return ValueType(metavar, parse, choices=words)


SWITCH = ValueType("", _boolean, _show_boolean, is_switch=True)
COUNT = ValueType("", _count, is_switch=True)
TEXT = ValueType("TEXT", str)
FILE = ValueType("FILE", str, completes="file")
DIRECTORY = ValueType("DIR", str, completes="directory")
LOCATION = ValueType("LOCATION", str, completes="remote")
PATTERN = ValueType("PATTERN", str)
INTEGER = ValueType("N", _integer)
NUMBER = ValueType("X", float)
SIZE = ValueType("SIZE", _size, _show_size)
"""Bytes; None for `off`."""
DURATION = ValueType("DURATION", _duration, _show_duration)
"""Nanoseconds; None for `off`."""
BANDWIDTH = ValueType("RATE", _bandwidth)
COMMAND = ValueType("COMMAND", _words, " ".join)
"""A program and its arguments."""
