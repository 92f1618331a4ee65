"""The log: rclone's line format (reference, section 1.12) and its JSON lines.

2026/11/21 02:44:19 NOTICE: object: message
"""

from __future__ import annotations

import re
import sys
import time
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from plait.engine.events import Level

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CRITICAL: Final = "CRITICAL"
"""The level of what ends a command before it began; above every threshold."""


_PRIORITIES: Final = {"DEBUG": 7, "INFO": 6, "NOTICE": 5, "ERROR": 3, CRITICAL: 2}
"""Those of syslog(3)."""


class Stream(Protocol):
    """Where lines go: a text file, or what takes its place."""

    def write(self, text: str, /) -> int:
        """Takes one line."""
        ...

    def flush(self) -> None:
        """Hands everything on."""
        ...


class Log:
    """Writes log lines of `threshold` and above to one stream. Safe to use from several threads.

    `print_line` takes the finished line without its newline; a progress display puts itself there. `origin` gives
    further fields of a JSON line from its text and its subject. A stream that is closed at the other end is not written
    to again. `head` gives what a line begins with, from its level.
    """

    def __init__(
        self,
        threshold: Level,
        stream: Stream | None = None,
        *,
        as_json: bool = False,
        head: Callable[[str], str] | None = None,
    ) -> None:
        self.threshold: Final = threshold
        self._head: Final = standard_head if head is None else head
        self.as_json: Final = as_json
        self.stream: Final[Stream] = sys.stderr if stream is None else stream
        self.print_line: Callable[[str], None] = self.print_plainly
        self.origin: Callable[[str, str], Mapping[str, str]] = _unknown
        self._lock = Lock()
        self._closed = False

    def wants(self, level: Level) -> bool:
        """True where a line of this level is written."""
        return level >= self.threshold

    def write(self, level: Level, text: str, subject: str = "", facts: Mapping[str, Any] | None = None) -> None:
        """Writes a line, if its level is wanted. `facts` are further fields of a JSON line."""
        if self.wants(level):
            self._emit(level.name, text, subject, facts or {})

    def critical(self, text: str) -> None:
        """Writes a line of the highest level."""
        self._emit(CRITICAL, text, "", {})

    def _emit(self, level: str, text: str, subject: str, facts: Mapping[str, Any]) -> None:
        if self.as_json:
            line = json_line(time.time_ns(), level, text, subject, facts, self.origin(text, subject))
        else:
            line = plain(level, text, subject, head=self._head)
        with self._lock:
            self.print_line(line)

    def print_plainly(self, line: str) -> None:
        """Writes a finished line to the stream."""
        if self._closed:
            return
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except OSError:
            # A log that nobody reads any more must not end the run that it tells of.
            self._closed = True


def _unknown(text: str, subject: str) -> Mapping[str, str]:
    """Nothing is known of where a line comes from."""
    del text, subject
    return {}


def plain(level: str, text: str, subject: str = "", *, head: Callable[[str], str] | None = None) -> str:
    """A log line; `head` gives its beginning from its level."""
    about = f"{subject}: " if subject else ""
    return safe(f"{(standard_head if head is None else head)(level)}{about}{text}")


def standard_head(level: str) -> str:
    """`2026/11/21 02:44:19 NOTICE: `."""
    return f"{time.strftime('%Y/%m/%d %H:%M:%S')} {level:<6}: "


def head_of(parts: Collection[str]) -> Callable[[str], str]:
    """The beginning of lines that has these parts of `--log-format`."""
    import os

    layout = "%Y/%m/%d " if "date" in parts else ""
    fine = "microseconds" in parts
    layout += "%H:%M:%S" if fine or "time" in parts else ""
    process = f"[{os.getpid()}] " if "pid" in parts else ""

    def head(level: str) -> str:
        now = time.time_ns()
        moment = (time.gmtime if "UTC" in parts else time.localtime)(now // 1_000_000_000)
        stamp = time.strftime(layout, moment)
        stamp += f".{now // 1000 % 1_000_000:06d}" if fine else ""
        stamp = stamp + " " if stamp and not stamp.endswith(" ") else stamp
        return f"{stamp}{process}" + ("" if "nolevel" in parts else f"{level:<6}: ")

    return head


def systemd_head(level: str) -> str:
    """The priority of a line as sd-daemon(3) reads it, and the level."""
    return f"<{_PRIORITIES.get(level, 5)}>{level:<6}: "


def json_line(at: int, level: str, text: str, subject: str, facts: Mapping[str, Any], origin: Mapping[str, str]) -> str:
    """A log line as a JSON object; `at` in nanoseconds since the epoch, `origin` the fields after the object."""
    import msgspec

    record: dict[str, Any] = {"time": rfc3339(at), "level": level.lower(), "msg": safe(text), **facts}
    if subject:
        record["object"] = safe(subject)
    record |= origin
    return msgspec.json.encode(record).decode()


def rfc3339(at: int) -> str:
    """A time with nanoseconds in the local zone, without trailing zeros, as Go writes it."""
    seconds, nanoseconds = divmod(at, 1_000_000_000)
    local = time.localtime(seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + fraction + zone(local)


def zone(local: time.struct_time) -> str:
    """`Z` or `+HH:MM`."""
    offset = local.tm_gmtoff
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"


def visible(name: str) -> str:
    r"""A name on one line: control characters as in Python's repr (`\n`)."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), name)


def safe(text: str) -> str:
    r"""`text` as it can be written in UTF-8: undecodable bytes as `\xNN`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
