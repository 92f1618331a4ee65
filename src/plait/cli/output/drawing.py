"""The progress display of Plait's own face, drawn by rich on standard error while a person looks.

It appears only when a run takes longer than a moment, so that a short one neither flickers nor waits for rich to load.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from plait.cli.output.figures import shorten, show_eta
from plait.model.values.sizes import show_size_unit

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table

    from plait.cli.output.log import Log
    from plait.engine.statistics import Snapshot

DRAWING_SECONDS: Final = 0.25
_MOST_FILES: Final = 8


class Drawing:
    """Draws statistics in place; log lines scroll above. A `Display`."""

    def __init__(self, log: Log, command: str) -> None:
        self._log = log
        self._command = command
        self._live: Live | None = None
        self._lock = threading.Lock()

    def show(self, snapshot: Snapshot) -> None:
        """Draws the statistics in the place of those before."""
        with self._lock:
            if self._live is None:
                self._begin()
            if self._live is not None:
                self._live.update(self._picture(snapshot), refresh=True)

    def close(self, snapshot: Snapshot) -> None:
        """Takes the display away: the summary follows."""
        del snapshot
        with self._lock:
            if self._live is not None:
                self._log.print_line = self._log.print_plainly
                self._live.stop()
                self._live = None

    def abandon(self) -> None:
        """Shows the cursor again."""
        live = self._live
        if live is not None:
            live.console.show_cursor()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()
        self._log.print_line = lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _picture(self, snapshot: Snapshot) -> Group:
        from rich.console import Group
        from rich.text import Text

        return Group(self._totals(snapshot), self._files(snapshot), Text(_counts(snapshot), style="dim"))

    def _totals(self, snapshot: Snapshot) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        row = Table.grid(padding=(0, 1))
        carried = f"{show_size_unit(snapshot.bytes)} / {show_size_unit(snapshot.total_bytes)}"
        speed = f"{show_size_unit(int(snapshot.speed), 'B/s')}, {show_eta(snapshot.eta)} left"
        total = max(snapshot.total_bytes, 1)
        row.add_row(f"[bold]{self._command}[/bold]", ProgressBar(total, snapshot.bytes, width=30), carried, speed)
        return row

    @staticmethod
    def _files(snapshot: Snapshot) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        rows = Table.grid(padding=(0, 1))
        for one in snapshot.transferring[:_MOST_FILES]:
            bar = ProgressBar(max(one.size, 1), one.bytes, width=16)
            rows.add_row("  ", Text(shorten(one.name)), bar, f"{one.percentage}%", show_size_unit(one.size))
        more = len(snapshot.transferring) - _MOST_FILES
        if more > 0:
            rows.add_row("  ", f"and {more} more")
        return rows


def _counts(snapshot: Snapshot) -> str:
    parts = [
        f"{snapshot.listed} listed",
        f"{snapshot.checks} checked",
        f"{snapshot.transfers} of {snapshot.total_transfers} transferred",
    ]
    if snapshot.deletes:
        parts.append(f"{snapshot.deletes} deleted")
    if snapshot.errors:
        parts.append(f"{snapshot.errors} errors")
    return "  " + ", ".join(parts)
