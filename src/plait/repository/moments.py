"""Dates and durations as people give them to choose snapshots (behaviour of the original, section 2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from plait.model.errors import UsageError

SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * _MINUTE
DAY: Final = 24 * _HOUR

_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), SECOND),
    **dict.fromkeys(("mi", "min", "minute", "minutes"), _MINUTE),
    **dict.fromkeys(("h", "hr", "hour", "hours"), _HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * DAY),
    **dict.fromkeys(("mo", "month", "months"), 30 * DAY),
    **dict.fromkeys(("y", "year", "years"), 365 * DAY),
}
_HOURS: Final = frozenset(("h", "hr", "hour", "hours"))

_PHRASES: Final = {
    "a second": SECOND,
    "a minute": _MINUTE,
    "an hour": _HOUR,
    "a day": DAY,
    "a week": 7 * DAY,
    "a month": 30 * DAY,
    "a year": 365 * DAY,
    "half an hour": 30 * _MINUTE,
    "an hour and a half": 90 * _MINUTE,
    "half a day": 12 * _HOUR,
}

_GROUP: Final = re.compile(r"([0-9.]+)\s*([a-z]+)")
_COMPACT: Final = re.compile(r"(?:([0-9]+)h)?([0-9]+)m(?:([0-9]+)s)?")
_DATE: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?",
    re.IGNORECASE,
)
_DATE_WITH_SLASHES: Final = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}")


def parse_moment(text: str, now: int) -> int | None:
    """A moment in nanoseconds since the epoch: a date (UTC where it has no zone), or a duration before `now`.

    None for an empty text, which stands for "not given". Raises UsageError.
    """
    if not text:
        return None
    if text == text.strip():
        moment = _date(text)
        if moment is not None:
            return moment
        try:
            return now - parse_duration(text)
        except UsageError:
            pass
    raise UsageError(
        f'invalid time format: "{text}"',
        hint="write a date as 2026-01-25, 2026-01-25 14:31 or 2026-01-25T14:31:12Z, or a duration as 7d or 2 weeks",
    )


def parse_duration(text: str) -> int:
    """A duration in nanoseconds; a month has 30 days, a year 365. Raises UsageError.

    As the original reads it: every group of a number and a unit found anywhere is added up, and `m` is a month, except
    after hours.
    """
    lowered = text.strip().lower()
    if lowered in _PHRASES:
        return _PHRASES[lowered]
    compact = _COMPACT.fullmatch("".join(lowered.split()))
    if compact and (compact[1] or compact[3]):
        hours, minutes, seconds = (int(part or 0) for part in compact.groups())
        return hours * _HOUR + minutes * _MINUTE + seconds * SECOND
    groups = _GROUP.findall(lowered)
    if not groups:
        raise UsageError(f"invalid duration format: {text}")
    total = 0.0
    previous = ""
    for number, unit in groups:
        name = ("min" if previous in _HOURS else "month") if unit == "m" else unit
        previous = name
        if name not in _UNITS:
            raise UsageError(f"unknown unit: {unit}")
        try:
            total += float(number) * _UNITS[name]
        except ValueError:
            raise UsageError(f"invalid number: {number}") from None
    try:
        return int(total)
    except OverflowError:
        raise UsageError(f"the duration is too long: {text}") from None


def _date(text: str) -> int | None:
    """A date in one of the accepted forms; None where it is none of them, or no day of the calendar."""
    if _DATE_WITH_SLASHES.fullmatch(text):
        text = text.replace("/", "-")
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    letter_between = text[10:11] in {"T", "t"}
    complete = found["second"] is not None and found["zone"] is not None
    if letter_between != complete or (found["zone"] is not None and not letter_between):
        return None
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    try:
        day = datetime.fromisoformat(found["date"]).replace(tzinfo=UTC)
        moment = day.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        return None
    seconds = (moment.date().toordinal() - 719_163) * 86_400 + hour * 3600 + minute * 60 + second
    nanoseconds = int(((found["fraction"] or "") + "000000000")[:9])
    offset = _offset(found["zone"])
    return None if offset is None else (seconds - offset) * SECOND + nanoseconds


def _offset(zone: str | None) -> int | None:
    """Seconds east of UTC; None for what is no zone."""
    if zone is None or zone in {"Z", "z"}:
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 24 or minutes > 59:
        return None
    seconds = hours * 3600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds
