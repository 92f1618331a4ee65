"""What commands about databases print."""

from __future__ import annotations

import sys
import time
from typing import Any

from plait.model.values.times import NANOSECONDS

_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def print_json(value: Any) -> int:
    """One JSON value on a line; returns the exit code of success."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    return 0


def ago(moment: int) -> str:
    """How long ago a time was (nanoseconds since the epoch): `3 s ago`; `never` for 0."""
    if not moment:
        return "never"
    seconds = max(0, time.time_ns() - moment) // NANOSECONDS
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
