"""Where LTX files stand in a replica, and where their times are kept.

Litestream has two layouts, and a replica is found again only in that of its kind of store.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from plait.replication.ltx.names import Span, file_name, parse_file_name

SNAPSHOT_LEVEL: Final = 9
"""The level of full snapshots; 0 to 8 are those of compaction."""

_TIMESTAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


class Layout(msgspec.Struct, frozen=True):
    """The keys of a replica below its path: `directory`, then the level in `level_format`, then the file's name.

    `timestamp_name` is the user metadata that holds the header's timestamp; None where the file's modification time
    does.
    """

    directory: str
    level_format: str
    level_pattern: str
    level_base: int
    timestamp_name: str | None

    def level_prefix(self, path: str, level: int) -> str:
        """What the keys of a level begin with, up to the slash; `path` has no slash at its end."""
        if not 0 <= level <= SNAPSHOT_LEVEL:
            raise ValueError(f"levels are 0 to {SNAPSHOT_LEVEL}: {level}")
        return f"{path}/{self.directory}{self.level_format.format(level)}/"

    def key(self, path: str, level: int, span: Span) -> str:
        """The key of a file. With an empty `path` it begins with a slash, as Litestream's does."""
        return self.level_prefix(path, level) + file_name(span)

    def parse(self, path: str, key: str) -> tuple[int, Span] | None:
        """The level and the transactions that a key below `path` stands for; None for every other key."""
        start = f"{path}/{self.directory}"
        if not key.startswith(start):
            return None
        level, _, name = key[len(start) :].partition("/")
        span = parse_file_name(name)
        if span is None or re.fullmatch(self.level_pattern, level, re.ASCII) is None:
            return None
        return int(level, self.level_base), span


FILE: Final = Layout("ltx/", "{:d}", "[0-9]", 10, None)
"""Directories, with the level in decimal; the modification time is part of the data."""

S3: Final = Layout("", "{:04x}", "000[0-9]", 16, "litestream-timestamp")
"""S3, and stores that speak it: no `ltx/`, and the level in four hexadecimal digits."""


def format_timestamp(milliseconds: int) -> str:
    """A header's timestamp as the metadata has it: RFC 3339 in UTC, the fraction without trailing zeros.

    Raises ValueError for a time outside the years 1 to 9999.
    """
    from datetime import datetime, timedelta

    seconds, rest = divmod(milliseconds, 1000)
    try:
        moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001  (written with its Z below)
    except OverflowError as error:
        raise ValueError(f"no calendar has this time: {milliseconds} ms") from error
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    return f"{moment.isoformat()}{fraction}Z"


def parse_timestamp(text: str) -> int | None:
    """Nanoseconds since the epoch from the metadata's text; None where it is no time, which counts as missing."""
    from datetime import datetime

    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    try:
        seconds = int(datetime.fromisoformat(f"{match[1]}+00:00").timestamp())
    except ValueError:
        return None
    return seconds * 10**9 + int((match[2] or "").ljust(9, "0"))
