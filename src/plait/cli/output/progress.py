"""How far work on a repository is: one line on standard error, drawn again and again while a person looks."""

from __future__ import annotations

import os
import shutil
import sys
import time
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from plait.cli.guard import printable
from plait.model.values.durations import show_duration_units
from plait.model.values.sizes import show_binary_size
from plait.repository.events import Advanced, Begun, Carried, Done, Expected, Failed

if TYPE_CHECKING:
    from plait.cli.output.work import Output
    from plait.repository.events import Event, Listener

_FIRST: Final = 0.5
"""Seconds after which a line is worth its flicker."""
_AGAIN: Final = 0.25
_AGAIN_PIPED: Final = 10.0
_SECOND: Final = 1_000_000_000
_ITEM: Final = 16 << 10
"""Bytes that take about as long as an item does besides its content."""
_NARROW: Final = 20
"""Columns that a path needs to be worth showing."""


class Figures(NamedTuple):
    """What is known at one moment. `total_items` and `total_size` are estimates, 0 where there is none."""

    work: str
    items: int
    size: int
    total_items: int
    total_size: int
    seconds: float
    path: str

    @property
    def share(self) -> float | None:
        """About how much of the work is done, from 0 to 1."""
        if not self.total_items:
            return None
        done = min(self.size, self.total_size) + self.items * _ITEM
        return min(done / (self.total_size + self.total_items * _ITEM), 1.0)

    def line(self, width: int) -> str:
        """The figures in at most so many columns."""
        share = self.share
        parts = [f"{self.work}:"]
        if share is not None:
            parts.append(f"{int(share * 100)}%,")
        of = f" of {self.total_items}" if self.total_items else ""
        parts.append(f"{self.items}{of} items,")
        of = f" of {show_binary_size(self.total_size)}" if self.total_size else ""
        parts.append(f"{show_binary_size(self.size)}{of}")
        if share and self.seconds > 1 and share < 1:
            left = int(self.seconds * (1 - share) / share)
            parts.append(f"({show_duration_units(left * _SECOND)} left)")
        text = " ".join(parts)
        room = width - len(text) - 2
        if self.path and room >= _NARROW:
            path = printable(self.path).replace("\n", "\\n")
            text += "  " + (path if len(path) <= room else "…" + path[1 - room :])
        return text[:width]


class Progress:
    """Counts what events say, passes them on, and draws a line; a context manager.

    On a terminal the line is drawn in place and goes away at the end; elsewhere lines follow each other, seldom.
    """

    def __init__(self, output: Output, listener: Listener) -> None:
        self._listener = listener
        self._output = output
        self._terminal = sys.stderr.isatty()
        self._lock = Lock()
        self._began = time.monotonic()
        self._work = ""
        self._items = 0
        self._size = 0
        self._expected = Expected(0, 0)
        self._under_way: dict[str, int] = {}
        self._path = ""
        self._end = Flag()
        self._thread = Thread(target=self._run, name="progress", daemon=True)

    def __call__(self, event: Event) -> None:
        """Takes an event in."""
        with self._lock:
            self._count(event)
        self._listener(event)

    def _count(self, event: Event) -> None:
        match event:
            case Begun():
                self._work = event.work.value
            case Expected():
                self._expected = event
            case Carried():
                self._under_way[event.path] = self._under_way.get(event.path, 0) + event.size
                self._path = event.path
            case Done():
                self._items += len(event.names)
                self._size += event.size
                self._path = event.directory
                for name in event.names if self._under_way else ():
                    self._under_way.pop(f"{event.directory.rstrip('/')}/{name}", None)
            case Advanced():
                self._work = event.work.value
                self._items, self._size = event.items, event.size
                self._expected = Expected(event.total_items, event.total_size)
            case Failed():
                self._under_way.pop(event.path, None)
            case _:
                return

    def figures(self) -> Figures:
        """What is known now."""
        with self._lock:
            expected = self._expected
            size = self._size + sum(self._under_way.values())
            seconds = time.monotonic() - self._began
            return Figures(self._work, self._items, size, expected.items, expected.size, seconds, self._path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._terminal:
            self._output.draw("")

    def _run(self) -> None:
        seconds = _FIRST if self._terminal else _AGAIN_PIPED
        while not self._end.wait(seconds):
            found = self.figures()
            if found.work and self._terminal:
                self._output.draw(found.line(shutil.get_terminal_size().columns - 1))
                seconds = _AGAIN
            elif found.work:
                self._output.plain(found.line(1000), error=True)


def is_watched() -> bool:
    """Whether a person looks at standard error, at a terminal that can draw."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
