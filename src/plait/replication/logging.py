"""The log of a daemon, in the three forms that Litestream has: those of Go's package slog, and one for terminals."""

from __future__ import annotations

import re
import time
from enum import IntEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec

from plait.model.values.durations import show_go_duration
from plait.model.values.quoting import quote
from plait.model.values.times import NANOSECONDS, show_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

_BARE: Final = re.compile(r'[^\s="\x00-\x1f\x7f]+')
_MILLISECOND: Final = 10**6


class Level(IntEnum):
    """How much a line matters."""

    TRACE = -8
    DEBUG = -4
    INFO = 0
    WARN = 4
    ERROR = 8


class Duration(msgspec.Struct, frozen=True):
    """A length of time among the attributes of a line, in seconds."""

    seconds: float

    @property
    def nanoseconds(self) -> int:
        """The same in nanoseconds."""
        return round(self.seconds * NANOSECONDS)


Attributes = dict[str, Any]


class Log:
    """Writes lines of a level or above to a stream, in the form `text`, `json` or `pretty`; from any thread."""

    def __init__(self, stream: TextIO, form: str = "text", level: Level = Level.INFO) -> None:
        self._stream = stream
        self._show = {"json": _json, "pretty": _pretty}.get(form, _text)
        self.level = level
        self._lock = Lock()

    def write(self, level: Level, message: str, attributes: Mapping[str, Any] | None = None) -> None:
        """One line. A dot in an attribute's name stands for a group."""
        if level < self.level:
            return
        line = self._show(time.time_ns(), level, message, attributes or {})
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                # The log is gone: replication is worth more.
                return


def parse_level(text: str) -> Level:
    """A level by its name; what is none is `info`, as for Litestream."""
    names = {"WARNING": "WARN"}
    return Level.__members__.get(names.get(text.upper(), text.upper()), Level.INFO)


def _text(moment: int, level: Level, message: str, attributes: Mapping[str, Any]) -> str:
    parts = [f"time={_millisecond(moment)}", f"level={level.name}", f"msg={_quoted(message)}"]
    return " ".join([*parts, *(f"{_quoted(name)}={_quoted(_plain(value))}" for name, value in attributes.items())])


def _pretty(moment: int, level: Level, message: str, attributes: Mapping[str, Any]) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(moment // NANOSECONDS))
    short = {Level.TRACE: "TRC", Level.DEBUG: "DBG", Level.INFO: "INF", Level.WARN: "WRN", Level.ERROR: "ERR"}[level]
    return " ".join(
        [clock, short, message, *(f"{name}={_quoted(_plain(value))}" for name, value in attributes.items())]
    )


def _json(moment: int, level: Level, message: str, attributes: Mapping[str, Any]) -> str:
    line: dict[str, Any] = {"time": show_rfc3339(moment, local=True), "level": level.name, "msg": message}
    for name, value in attributes.items():
        group, dot, leaf = name.partition(".")
        if dot:
            line.setdefault(group, {})[leaf] = _value(value)
        else:
            line[name] = _value(value)
    return msgspec.json.encode(line).decode()


def _value(value: Any) -> Any:
    if isinstance(value, Duration):
        return value.nanoseconds
    return value if isinstance(value, str | int | float | bool) else str(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return show_go_duration(value.nanoseconds) if isinstance(value, Duration) else str(value)


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) and text.isprintable() else quote(text)


def _millisecond(moment: int) -> str:
    """RFC 3339 with milliseconds, all three digits."""
    seconds = show_rfc3339(moment // NANOSECONDS * NANOSECONDS, local=True)
    split = 19
    return f"{seconds[:split]}.{moment // _MILLISECOND % 1000:03d}{seconds[split:]}"
