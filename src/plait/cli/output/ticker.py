"""Statistics while a run goes on: log lines every `--stats`, or a progress display."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol, Self

from plait.cli.output import figures
from plait.engine.events import Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.cli.output.log import Log
    from plait.engine.statistics import Snapshot
    from plait.model.options import Values

PROGRESS_SECONDS: Final = 0.5
_SECOND: Final = 1_000_000_000


class Display(Protocol):
    """Shows the statistics at one moment, again and again."""

    def show(self, snapshot: Snapshot) -> None:
        """Shows them."""
        ...

    def close(self, snapshot: Snapshot) -> None:
        """Shows the last ones and leaves the terminal in order."""
        ...

    def abandon(self) -> None:
        """Puts the terminal in order when the process is about to leave at once."""
        ...


class Ticker:
    """Shows statistics every `seconds` on a thread of its own, and at the end; a context manager. 0: only then."""

    def __init__(self, display: Display, snapshot: Callable[[], Snapshot], seconds: float) -> None:
        self._display = display
        self._snapshot = snapshot
        self._seconds = seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="statistics", daemon=True)

    def __enter__(self) -> Self:
        if self._seconds:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._seconds:
            self._thread.join()
        self._display.close(self._snapshot())

    def _run(self) -> None:
        while not self._end.wait(self._seconds):
            self._display.show(self._snapshot())


class LoggedFigures:
    """Writes statistics to the log; `last` says whether they are also written at the end.

    With `--stats 0` they are written at the end of a run with errors only, as by rclone.
    """

    def __init__(self, log: Log, values: Values, level: Level, *, last: bool) -> None:
        self._always = bool(interval(values))
        self._log = log
        self._shape = figures.Shape.of(values)
        self._level = level
        self._last = last

    def show(self, snapshot: Snapshot) -> None:
        """Writes them, if the level is wanted."""
        if not self._log.wants(self._level):
            return
        text = self._text(snapshot)
        facts = {"stats": snapshot.rclone_fields()} if self._log.as_json else {}
        if self._log.as_json:
            text += "\n"
        self._log.write(self._level, text, facts=facts)

    def _text(self, snapshot: Snapshot) -> str:
        shape = self._shape
        return figures.one_line(snapshot, shape) if shape.one_line else f"\n{figures.block(snapshot, shape)}"

    def close(self, snapshot: Snapshot) -> None:
        """Writes the last ones."""
        if self._last and (self._always or snapshot.errors):
            self.show(snapshot)

    def abandon(self) -> None:
        """Nothing is in disorder; the last ones are not wanted any more."""
        self._last = False


class Block:
    """Rclone's `--progress`: the block on standard output, redrawn in place; log lines scroll above it.

    `logged` writes the last statistics to the log as well.
    """

    def __init__(self, log: Log, values: Values, logged: LoggedFigures | None) -> None:
        self._log = log
        self._logged = logged
        self._shape = figures.Shape.of(values)
        self._titled = bool(values.progress_terminal_title)
        self._shown = 0
        self._text = ""
        self._lock = threading.Lock()
        self._terminal = sys.stdout.isatty()
        if log.stream is sys.stderr:
            log.print_line = self._print_above

    def show(self, snapshot: Snapshot) -> None:
        """Draws the block in the place of the one before."""
        shape = self._shape
        text = figures.one_line(snapshot, shape) if shape.one_line else figures.block(snapshot, shape).rstrip("\n")
        if self._titled and self._terminal:
            self._write(f"\x1b]0;ETA: {figures.show_eta(snapshot.eta)}\a")
        with self._lock:
            self._draw(text, "")

    def close(self, snapshot: Snapshot) -> None:
        """Draws the last block and leaves it there."""
        self.show(snapshot)
        with self._lock:
            self._write("\n")
            self._shown = 0
        self._log.print_line = self._log.print_plainly
        if self._logged is not None:
            self._logged.close(snapshot)

    def abandon(self) -> None:
        """The block stays; what the shell prints begins below it."""
        self._write("\n")

    def _print_above(self, line: str) -> None:
        with self._lock:
            self._draw(self._text, line + "\n")

    def _draw(self, text: str, above: str) -> None:
        clear = ""
        if self._terminal and self._shown:
            clear = "\x1b[2K\x1b[1A" * (self._shown - 1) + "\x1b[2K\x1b[1G"
        elif self._shown and not above:
            clear = "\n"
        self._write(clear + above + text)
        self._text = text
        self._shown = text.count("\n") + 1

    @staticmethod
    def _write(text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            # Nobody looks any more; the run goes on.
            return


def interval(values: Values) -> float:
    """Seconds between two reports of statistics; 0 is never."""
    return (values.stats or 0) / _SECOND


def stats_level(values: Values) -> Level:
    """The level at which statistics are logged; a dry run and one with questions always show them."""
    named = Level.__members__.get(values.stats_log_level, Level.CRITICAL)
    if values.options.named("dry-run") is not None and (values.dry_run or values.interactive):
        return max(named, Level.NOTICE)
    return named
