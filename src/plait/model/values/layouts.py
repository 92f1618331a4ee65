"""Times written by a layout of Go's package time: `Mon Jan 2 15:04:05 MST 2006` in the form that is wanted."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECOND: Final = 1_000_000_000
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
NAMED: Final[Mapping[str, str]] = {
    "Layout": "01/02 03:04:05PM '06 -0700",
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
    "Kitchen": "3:04PM",
    "Stamp": "Jan _2 15:04:05",
    "StampMilli": "Jan _2 15:04:05.000",
    "StampMicro": "Jan _2 15:04:05.000000",
    "StampNano": "Jan _2 15:04:05.000000000",
    "DateTime": "2006-01-02 15:04:05",
    "DateOnly": "2006-01-02",
    "TimeOnly": "15:04:05",
    "MacFriendlyTime": "2006-01-02 0304PM",
    "macfriendlytime": "2006-01-02 0304PM",
    "mac": "2006-01-02 0304PM",
    "YYYYMMDD": "20060102",
}
"""Layouts with a name, as rclone knows them."""

_PIECES: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|002|01|02|03|04|05|06|_2006|__2|_2|15|PM|pm"
    r"|Z070000|Z07:00:00|Z0700|Z07:00|Z07|-070000|-07:00:00|-0700|-07:00|-07"
    r"|[.,]0+(?![0-9])|[.,]9+(?![0-9])|1|2|3|4|5"
)


def show_layout(moment: int, layout: str, *, local: bool = True) -> str:
    """Nanoseconds since the epoch written by a layout, in the local zone or in UTC."""
    seconds, nanoseconds = divmod(moment, _SECOND)
    fields = time.localtime(seconds) if local else time.gmtime(seconds)

    def piece(found: re.Match[str]) -> str:
        text = found[0]
        if text[0] in ".,":
            digits = f"{nanoseconds:09d}"[: len(text) - 1].ljust(len(text) - 1, "0")
            if text[1] == "0":
                return text[0] + digits
            digits = digits.rstrip("0")
            return text[0] + digits if digits else ""
        if text[0] in "Z-":
            return _zone(text, fields.tm_gmtoff)
        return _FIELDS[text](fields)

    return _PIECES.sub(piece, layout)


def _zone(piece: str, offset: int) -> str:
    if piece[0] == "Z" and offset == 0:
        return "Z"
    minutes, seconds = divmod(abs(offset), 60)
    hours, minutes = divmod(minutes, 60)
    colon = ":" if ":" in piece else ""
    parts = [f"{hours:02d}", f"{minutes:02d}", f"{seconds:02d}"]
    count = len(piece.replace(":", "")[1:]) // 2
    return ("-" if offset < 0 else "+") + colon.join(parts[:count])


def _zone_name(fields: time.struct_time) -> str:
    return fields.tm_zone or "UTC"


_FIELDS: Final[Mapping[str, Callable[[time.struct_time], str]]] = {
    "January": lambda t: _MONTHS[t.tm_mon - 1],
    "Jan": lambda t: _MONTHS[t.tm_mon - 1][:3],
    "Monday": lambda t: _DAYS[t.tm_wday],
    "Mon": lambda t: _DAYS[t.tm_wday][:3],
    "MST": lambda t: "UTC" if _zone_name(t) == "GMT" and t.tm_gmtoff == 0 else _zone_name(t),
    "2006": lambda t: f"{t.tm_year:04d}",
    "_2006": lambda t: f"_{t.tm_year:04d}",
    "06": lambda t: f"{t.tm_year % 100:02d}",
    "01": lambda t: f"{t.tm_mon:02d}",
    "1": lambda t: str(t.tm_mon),
    "002": lambda t: f"{t.tm_yday:03d}",
    "__2": lambda t: f"{t.tm_yday:3d}",
    "02": lambda t: f"{t.tm_mday:02d}",
    "_2": lambda t: f"{t.tm_mday:2d}",
    "2": lambda t: str(t.tm_mday),
    "15": lambda t: f"{t.tm_hour:02d}",
    "03": lambda t: f"{(t.tm_hour % 12) or 12:02d}",
    "3": lambda t: str((t.tm_hour % 12) or 12),
    "04": lambda t: f"{t.tm_min:02d}",
    "4": lambda t: str(t.tm_min),
    "05": lambda t: f"{t.tm_sec:02d}",
    "5": lambda t: str(t.tm_sec),
    "PM": lambda t: "PM" if t.tm_hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.tm_hour >= 12 else "am",
}
