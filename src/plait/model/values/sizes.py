"""Sizes and counts: `1.5M` read as bytes, and bytes shown as `27.125 MiB`.

A size is a whole number of bytes, or None for `off`. Suffixes are binary (K = 1024), whatever their spelling; a number
without a suffix counts KiB. Counts of things are written with decimal suffixes (k = 1000).
Source: rclone's manual, "Size options".
"""

from __future__ import annotations

import math

from plait.model.values.flags import parse_float
from plait.model.values.quoting import quote

_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("", "k", "M", "G", "T", "P", "E")
_POWERS: dict[str, int] = {letter: 1024**power for power, letter in enumerate("KMGTPE", start=1)}
_LARGEST = 2**63 - 1


def parse_size(text: str) -> int | None:
    """Bytes of a size such as `10`, `1.5M`, `1Ki`, `2GiB` or `100B`; None for `off` in any case.

    Raises ValueError for anything else, a negative size, and a size of 8 EiB or more.
    """
    if not text:
        raise ValueError("empty string")
    if text.lower() == "off":
        return None
    number, multiplier = _split_suffix(text)
    value = parse_float(number)
    if value < 0:
        raise ValueError(f"size can't be negative {quote(number)}")
    size = int(value * multiplier)
    if size > _LARGEST:
        raise ValueError(f"parsing {quote(text)}: value out of range")
    return size


def _split_suffix(text: str) -> tuple[str, int]:
    """The number's text and what a unit of it is worth."""
    last = text[-1]
    if last in "0123456789.":
        return text, 1024
    if last in "bB":
        if len(text) > 2 and text[-2] == "i":
            return text[:-3], _power(text[-3])
        return text[:-1], 1
    if last in "iI":
        return text[:-2], _power(text[-2:-1] or last)
    return text[:-1], _power(last)


def _power(letter: str) -> int:
    try:
        return _POWERS[letter.upper()]
    except KeyError:
        raise ValueError(f"bad suffix '{letter}'") from None


def show_size(size: int | None) -> str:
    """A size as rclone shows it among its settings: `1Ki`, `1.500Mi`, `100`, `off` for None or a negative one."""
    value, suffix = _scaled(size, 1024, _BINARY)
    return value + suffix


def show_size_unit(size: int | None, unit: str = "B") -> str:
    """A size with its unit: `27.125 MiB`, `4.500 MiB/s`, `5 B`, `off`. `unit` is B, B/s, bit or bit/s."""
    value, suffix = _scaled(size, 1024, _BINARY)
    return value if value == "off" else f"{value} {suffix}{unit}"


def show_binary_size(size: int) -> str:
    """A size for people in few digits: `6 B`, `4.0 KiB`, `293 KiB` (as github.com/dustin/go-humanize has it)."""
    power = 0
    while power + 1 < len(_BINARY) and size >= 1024 ** (power + 1):
        power += 1
    value = math.floor(size / 1024**power * 10 + 0.5) / 10
    digits = 1 if value < 10 and size >= 10 else 0
    return f"{value:.{digits}f} {_BINARY[power]}B"


def show_count(count: int) -> str:
    """A count of things: `12`, `1.234k`, `3M`."""
    value, suffix = _scaled(count, 1000, _DECIMAL)
    return value + suffix


def _scaled(number: int | None, base: int, suffixes: tuple[str, ...]) -> tuple[str, str]:
    if number is None or number < 0:
        return "off", ""
    power = 0
    while power + 1 < len(suffixes) and number >= base ** (power + 1):
        power += 1
    scaled = number / base**power
    return (f"{scaled:.0f}" if scaled.is_integer() else f"{scaled:.3f}"), suffixes[power]
