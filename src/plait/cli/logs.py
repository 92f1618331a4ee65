"""The log that the options of a command ask for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from plait.cli.output.log import Log, head_of, systemd_head
from plait.engine.events import Level
from plait.mirror.log_options import UNITS
from plait.model.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.cli.output.logfile import RotatingFile
    from plait.model.options import Values

_SECOND: Final = 1_000_000_000
_FACILITIES: Final = frozenset(
    (
        *("KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV"),
        *(f"LOCAL{number}" for number in range(8)),
    )
)
_SILENT: Final = frozenset({"EMERGENCY", "ALERT", "OFF"})
"""Levels at which nothing but what ends a command before it begins is written."""


def open_log(values: Values) -> Log:
    """The log that the options ask for. Raises UsageError where they contradict, ConfigurationError for the file."""
    if values.verbose and values.quiet:
        raise UsageError("-v and -q contradict each other", hint="give one of them")
    if values.syslog and values.log_file:
        raise ConfigurationError("Can't use --syslog and --log-file together")
    as_json = values.use_json_log or "json" in values.log_format
    if values.syslog and values.syslog_facility not in _FACILITIES:
        raise ConfigurationError(f'Unknown syslog facility "{values.syslog_facility}" - man syslog for list')
    head: Callable[[str], str] | None = None
    if values.log_systemd or values.syslog:
        head = systemd_head
    elif values.was_given("log_format"):
        head = head_of(values.log_format)
    stream = SystemLog(values.syslog_facility) if values.syslog else _stream(values)
    log = Log(threshold(values), stream, as_json=as_json, head=head)
    if values.stats_unit not in UNITS:
        log.write(Level.ERROR, f'Unknown unit "{values.stats_unit}" passed to --stats-unit. Defaulting to {UNITS[0]}.')
    return log


def threshold(values: Values) -> Level:
    """The level from which lines are written."""
    if values.quiet:
        return Level.ERROR
    if values.verbose:
        return Level.DEBUG if values.verbose > 1 else Level.INFO
    return Level.CRITICAL if values.log_level in _SILENT else Level[values.log_level]


class SystemLog:
    """Hands lines that begin with a priority, `<5>`, to syslog(3)."""

    def __init__(self, facility: str) -> None:
        import syslog

        self._syslog = syslog
        syslog.openlog(Path(sys.argv[0]).name, syslog.LOG_PID, int(getattr(syslog, f"LOG_{facility}")))

    def write(self, line: str) -> int:
        """Writes one line."""
        priority = int(line[1]) if line[:1] == "<" and line[2:3] == ">" else self._syslog.LOG_NOTICE
        self._syslog.syslog(priority, line[3:].rstrip("\n") if line[:1] == "<" else line.rstrip("\n"))
        return len(line)

    def flush(self) -> None:
        """Nothing waits."""


def _stream(values: Values) -> IO[str] | RotatingFile:
    path = values.log_file
    if not path:
        return sys.stderr
    from plait.cli.output.logfile import RotatingFile, open_to_append

    try:
        if values.log_file_max_size:
            return RotatingFile(
                Path(path),
                values.log_file_max_size,
                backups=values.log_file_max_backups,
                seconds=(values.log_file_max_age or 0) / _SECOND,
                compressed=values.log_file_compress,
            )
        return open_to_append(Path(path))
    except OSError as error:
        raise ConfigurationError(f"failed to open log file {path}: {(error.strerror or str(error)).lower()}") from None
