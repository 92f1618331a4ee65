"""Points in time: RFC 3339 texts and dates, to and from nanoseconds since the epoch.

Written without `datetime`, which has microseconds only and costs start-up time. Years are 0000 to 9999, as in RFC 3339.
"""

from __future__ import annotations

import re
import time

from plait.model.values.quoting import quote

NANOSECONDS = 10**9
"""In a second."""
_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_CLOCK = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?"
_ZONE = r"(?:Z|(?P<sign>[+-])(?P<zone_hour>[0-9]{2}):(?P<zone_minute>[0-9]{2}))"
_RFC3339 = f"{_DATE}T{_CLOCK}{_ZONE}"
_LOCAL = f"{_DATE}(?:[T ]{_CLOCK})?"
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch of `2006-01-02T15:04:05.123456789Z` or with an offset such as `+01:00`.

    Digits beyond the ninth of the fraction are dropped. Raises ValueError for anything else (RFC 3339, section 5.6).
    """
    found = re.fullmatch(_RFC3339, text)
    if found is None:
        raise ValueError(f"parsing time {quote(text)}: invalid syntax, want 2006-01-02T15:04:05Z")
    return _instant(found, text)


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time, or of a date and perhaps a time of day in the local zone.

    The layouts are `2006-01-02T15:04:05Z`, `2006-01-02T15:04:05`, `2006-01-02 15:04:05` and `2006-01-02`, each time of
    day with or without a fraction. Raises ValueError for anything else.
    """
    found = re.fullmatch(_RFC3339, text)
    if found is not None:
        return _instant(found, text)
    found = re.fullmatch(_LOCAL, text)
    if found is None:
        raise ValueError(f"parsing time {quote(text)}: invalid syntax, want 2006-01-02T15:04:05 or 2006-01-02")
    date, clock, fraction = _fields(found, text)
    return int(time.mktime((*date, *clock, 0, 0, -1))) * NANOSECONDS + fraction


def _instant(found: re.Match[str], text: str) -> int:
    date, (hour, minute, second), fraction = _fields(found, text)
    offset = 0
    if found["sign"]:
        zone_hour, zone_minute = int(found["zone_hour"]), int(found["zone_minute"])
        if zone_hour > 24 or zone_minute > 59:
            raise ValueError(f"parsing time {quote(text)}: time zone offset out of range")
        offset = (zone_hour * 3600 + zone_minute * 60) * (-1 if found["sign"] == "-" else 1)
    seconds = _days(*date) * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds * NANOSECONDS + fraction


def _fields(found: re.Match[str], text: str) -> tuple[tuple[int, int, int], tuple[int, int, int], int]:
    """Date, time of day, and nanoseconds, each in its range."""
    parts = found.groupdict(default="0")
    year, month, day = int(parts["year"]), int(parts["month"]), int(parts["day"])
    hour, minute, second = int(parts["hour"]), int(parts["minute"]), int(parts["second"])
    limits = (("month", 1, month, 12), ("day", 1, day, 31), ("hour", 0, hour, 23), ("minute", 0, minute, 59))
    for name, low, value, high in (*limits, ("second", 0, second, 59)):
        if not low <= value <= high:
            raise ValueError(f"parsing time {quote(text)}: {name} out of range")
    if day > _MONTH_DAYS[month - 1] + (month == 2 and _is_leap(year)):
        raise ValueError(f"parsing time {quote(text)}: day out of range")
    return (year, month, day), (hour, minute, second), int(parts["fraction"][:9].ljust(9, "0"))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar."""
    # Years that begin in March put the leap day at their end.
    shifted = year - (month <= 2)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468


def show_rfc3339(moment: int, *, local: bool = False) -> str:
    """Nanoseconds since the epoch as `2006-01-02T15:04:05.123Z`, or with the local zone's offset.

    The fraction has as many digits as it needs, as in Go's RFC3339Nano.
    """
    seconds, nanoseconds = divmod(moment, NANOSECONDS)
    fields = time.localtime(seconds) if local else time.gmtime(seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    date = f"{fields.tm_year:04d}-{fields.tm_mon:02d}-{fields.tm_mday:02d}"
    clock = f"{fields.tm_hour:02d}:{fields.tm_min:02d}:{fields.tm_sec:02d}"
    return f"{date}T{clock}{fraction}{_show_offset(fields.tm_gmtoff if local else 0)}"


def _show_offset(seconds: int) -> str:
    if seconds == 0:
        return "Z"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
