"""Durations and ages: `1h30m`, `1.5d`, `90` (seconds), `off`; an age may also be a point in time.

A duration is a whole number of nanoseconds, or None for `off`. Source: rclone's manual, "Time options"; the `1h30m`
spelling and its inverse are those of Go's package time.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from plait.model.values.flags import parse_float
from plait.model.values.quoting import quote
from plait.model.values.times import NANOSECONDS, parse_time

MILLISECOND = NANOSECONDS // 1000
MINUTE = 60 * NANOSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_GO_UNITS = {
    "ns": 1,
    "us": 1000,
    "\u00b5s": 1000,  # micro sign
    "\u03bcs": 1000,  # Greek mu
    "ms": MILLISECOND,
    "s": NANOSECONDS,
    "m": MINUTE,
    "h": HOUR,
}
_LONG_UNITS = {"d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
_WANTED = "want a number with one of ms|s|m|h|d|w|M|y, a sum such as 1h30m, or off"


class Age(NamedTuple):
    """How old, or since when: `nanoseconds` before now, or the point in time itself, in nanoseconds since the epoch."""

    nanoseconds: int
    absolute: bool = False

    def moment(self, now: int) -> int:
        """The point in time that is meant, in nanoseconds since the epoch."""
        return self.nanoseconds if self.absolute else now - self.nanoseconds


def parse_duration(text: str) -> int | None:
    """Nanoseconds of `1h30m`, `500ms`, `1.5d`, `2w`, `1M` (30 days), `1y` (365 days) or plain seconds; None for `off`.

    Raises ValueError for anything else; units above hours stand alone (`1d12h` is refused).
    """
    if text == "off":
        return None
    try:
        return parse_go_duration(text)
    except ValueError:
        return _parse_suffixed(text)


def parse_age(text: str) -> Age | None:
    """A duration, or a time in the layouts of `parse_time`; None for `off`. Raises ValueError for anything else."""
    try:
        nanoseconds = parse_duration(text)
    except ValueError:
        if re.match(r"[0-9]{4}-", text) is None:
            raise
        return Age(parse_time(text), absolute=True)
    return None if nanoseconds is None else Age(nanoseconds)


def parse_go_duration(text: str) -> int:
    """Nanoseconds of a duration in Go's spelling: `1h30m`, `-1.5s`, `500ms`, `0`; every number but 0 has a unit.

    Most of rclone's durations take no other. Fractions are cut off below a nanosecond. Raises ValueError in Go's words.
    """
    sign, rest = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if not rest:
        raise ValueError(f"time: invalid duration {quote(text)}")
    if rest == "0":
        return 0
    total = 0
    while rest:
        found = re.match(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)", rest)
        if found is None or not (found[1] or len(found[2] or "") > 1):
            raise ValueError(f"time: invalid duration {quote(text)}")
        if not found[3]:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        unit = _GO_UNITS.get(found[3])
        if unit is None:
            raise ValueError(f"time: unknown unit {quote(found[3])} in duration {quote(text)}")
        fraction = (found[2] or ".")[1:]
        total += int(found[1] or "0") * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        rest = rest[found.end() :]
    return -total if sign == "-" else total


def _parse_suffixed(text: str) -> int:
    unit = _LONG_UNITS.get(text[-1:])
    number = text if unit is None else text[:-1]
    try:
        return int(parse_float(number) * (unit or NANOSECONDS))
    except ValueError:
        raise ValueError(f"bad duration {quote(text)}: {_WANTED}") from None


def show_duration(nanoseconds: int | None) -> str:
    """A duration as rclone shows it among its settings: `1m30s`, `1.5d`, `2w`, `off` for None.

    From a day on it is one number with the largest unit that fits.
    """
    if nanoseconds is None:
        return "off"
    for suffix, unit in reversed(_LONG_UNITS.items()):
        if abs(nanoseconds) >= unit:
            return repr(float(nanoseconds) / unit).removesuffix(".0") + suffix
    return show_go_duration(nanoseconds)


def show_go_duration(nanoseconds: int) -> str:
    """A duration as Go's package time writes it: `0s`, `1.5µs`, `350ms`, `26h3m0.25s`."""
    if nanoseconds < 0:
        return "-" + show_go_duration(-nanoseconds)
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < NANOSECONDS:
        unit = next(unit for unit in ("ms", "\u00b5s", "ns") if nanoseconds >= _GO_UNITS[unit])
        return _show_decimal(nanoseconds, _GO_UNITS[unit]) + unit
    minutes, rest = divmod(nanoseconds, MINUTE)
    text = _show_decimal(rest, NANOSECONDS) + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return text


def _show_decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    if not rest:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}." + f"{rest:0{digits}d}".rstrip("0")


def show_duration_units(nanoseconds: int | None, most: int = 0) -> str:
    """A duration for reading: `1d2h23m20s`, `4w16s`, `0s`, `off` for None; cut at milliseconds.

    With `most` only so many units are shown, largest first (rclone's ETA has three).
    """
    if nanoseconds is None:
        return "off"
    rest = abs(nanoseconds)
    years, rest = divmod(rest, 365 * DAY)
    parts = [(years, "y")]
    for unit, suffix in ((7 * DAY, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (NANOSECONDS, "s")):
        count, rest = divmod(rest, unit)
        parts.append((count, suffix))
    parts.append((rest // MILLISECOND, "ms"))
    shown = [f"{count}{suffix}" for count, suffix in parts if count]
    if nanoseconds == 0:
        return "0s"
    return ("-" if nanoseconds < 0 else "") + "".join(shown[:most] if most else shown)
