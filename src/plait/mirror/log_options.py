"""The options of logs and statistics, each declared once; names and meanings are rclone's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.mirror.option_types import COUNT, DURATION, FILE, INTEGER, SIZE, SWITCH, TEXT, choice
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE = 60 * 1_000_000_000
DATE_FORMAT = "2006/01/02 15:04:05 - "
"""What precedes the line of `--stats-one-line-date`, in Go's way of writing layouts."""
LOG_PARTS = ("date", "time", "microseconds", "UTC", "longfile", "shortfile", "pid", "nolevel", "json")
"""What `--log-format` may name; the two that name places in rclone's source are taken and show nothing."""
UNITS = (BYTES, BITS) = ("bytes", "bits")
"""What `--stats-unit` may be; whatever else it is means the first, with a word about it in the log."""


def _parts(text: str) -> tuple[str, ...]:
    known = {name.lower(): name for name in LOG_PARTS}
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word.lower() not in known:
            raise ValueError(f'invalid choice "{word}" from: {", ".join(LOG_PARTS)}')
    return tuple(known[word.lower()] for word in words)


def _show_parts(parts: Iterable[str]) -> str:
    return ",".join(parts)


_LEVELS = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG", "OFF")
_LEVEL = choice("LEVEL", *_LEVELS)
_PARTS = ValueType("PARTS", _parts, _show_parts)


def _switch(name: str, text: str, short: str = "", **more: Any) -> Option:
    return Option(name, SWITCH, default=False, help=text, section=Section.OUTPUT, short=short, rclone=True, **more)


def _value(name: str, kind: ValueType, default: Any, text: str, **more: Any) -> Option:
    return Option(name, kind, default, text, Section.OUTPUT, rclone=True, **more)


OUTPUT = OptionSet(
    (
        Option("verbose", COUNT, 0, "Say more (twice: everything)", Section.OUTPUT, "v", Repeat.COUNT, rclone=True),
        _switch("quiet", "Say nothing but errors", "q"),
        _value("log-level", _LEVEL, "NOTICE", "Log lines of this level and above: DEBUG, INFO, NOTICE, ERROR, OFF …"),
        _value("log-file", FILE, "", "Append the log to FILE"),
        _value("log-file-max-size", SIZE, None, "Begin a new log file where it would grow larger than this"),
        _value("log-file-max-backups", INTEGER, 0, "Keep so many old log files (0 is all)"),
        _value("log-file-max-age", DURATION, 0, "Keep old log files for this long (0 is for ever)"),
        _switch("log-file-compress", "Compress old log files"),
        _value("log-format", _PARTS, ("date", "time"), f"What a log line begins with: {', '.join(LOG_PARTS[:4])} …"),
        _switch("use-json-log", "Log one JSON object a line"),
        _switch("log-systemd", "Log with systemd's priorities instead of times"),
        _switch("syslog", "Log to the syslog"),
        _value("syslog-facility", ValueType("FACILITY", str), "DAEMON", "Facility of --syslog"),
        _switch("progress", "Show progress while it runs", "P"),
        _switch("progress-terminal-title", "Show the time left in the terminal's title, too"),
        _value("stats", DURATION, MINUTE, "Log statistics this often (0 is never)"),
        _value("stats-file-name-length", INTEGER, 45, "Show so many characters of names (0 is all)"),
        _switch("stats-one-line", "Statistics in one line"),
        _switch("stats-one-line-date", "The same, after the date and time"),
        _value("stats-one-line-date-format", TEXT, "", f"The same, by this layout (as {DATE_FORMAT.rstrip(' -')})"),
        _value("stats-unit", ValueType("UNIT", str), BYTES, "Speeds in bits or bytes"),
        _value("stats-log-level", _LEVEL, "INFO", "The level at which statistics are logged"),
        _value(
            "color",
            choice("WHEN", "AUTO", "NEVER", "ALWAYS"),
            "AUTO",
            "Colours",
            hidden=True,
            no_effect="logs have no colours",
        ),
        _value("max-stats-groups", INTEGER, 1000, "Groups", hidden=True, no_effect="there is one group"),
        Option(
            "json", SWITCH, default=False, help="Print what was done as JSON, one object a line", section=Section.OUTPUT
        ),
    )
)
