"""The event stream: what a run says while it runs.

Progress displays, logs, report files, `--json` and run records are all subscribers of one stream. Events are small and
hold no secret. Counting is the business of `plait.engine.statistics`, itself a subscriber.
"""

from __future__ import annotations

from enum import IntEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from plait.engine.steps import Side
from plait.model.actions import Action, Created, Creations, Outcome
from plait.model.items import Item, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.model.errors import PlaitError


class Level(IntEnum):
    """Log levels, rclone's, with the numbers of Python's logging."""

    DEBUG = 10
    INFO = 20
    NOTICE = 25
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Message(msgspec.Struct, frozen=True):
    """A line for the log. `subject` is the key or the location it is about, "" for the run as a whole."""

    level: Level
    text: str
    subject: str = ""
    error: PlaitError | None = None


class Listed(msgspec.Struct, frozen=True):
    """So many more items of one side were listed."""

    side: Side
    items: int


class Compared(msgspec.Struct, frozen=True):
    """A pair was compared; `verdict` is `=` equal, `*` differs, `+` only in the source, `-` only in the destination,
    `!` could not be compared (rclone's report letters).
    """

    verdict: str
    source: Item | None = None
    destination: Item | None = None
    error: PlaitError | None = None


class ComparedRun(msgspec.Struct, frozen=True):
    """A whole page of files was compared with one verdict: `=`, or `+` where only the source has them."""

    page: Page
    verdict: str = "="


class Checking(msgspec.Struct, frozen=True):
    """The comparison of a pair needs a look-up, which has begun (`done` False) or ended."""

    key: str
    size: int | None
    done: bool


class Planned(msgspec.Struct, frozen=True):
    """An action was planned; totals grow by it."""

    action: Action


class PlannedRun(msgspec.Struct, frozen=True):
    """New files were planned together; who does not ask for it is told `Planned` for each."""

    creations: Creations

    def single(self) -> Iterator[Planned]:
        """The same, file by file."""
        return map(Planned, self.creations.actions())


class Started(msgspec.Struct, frozen=True):
    """An action is being executed."""

    action: Action


class Carried(msgspec.Struct, frozen=True):
    """So many more bytes of an action's item were carried."""

    action: Action
    size: int


class Finished(msgspec.Struct, frozen=True):
    """An action ended."""

    outcome: Outcome


class FinishedRun(msgspec.Struct, frozen=True):
    """New files were carried together; who does not ask for it is told `Finished` for each."""

    created: Created

    def single(self) -> Iterator[Finished]:
        """The same, file by file."""
        return map(Finished, self.created.outcomes())


class Failed(msgspec.Struct, frozen=True):
    """An error that belongs to no action: a directory that could not be listed, a comparison that failed."""

    error: PlaitError
    subject: str = ""


class AttemptEnded(msgspec.Struct, frozen=True):
    """Attempt `number` (from 1) of at most `attempts` ended with so many errors; the last of them, if any."""

    number: int
    attempts: int
    errors: int
    last: PlaitError | None
    again: bool


Event = (
    Message
    | Listed
    | Compared
    | ComparedRun
    | Checking
    | Planned
    | PlannedRun
    | Started
    | Carried
    | Finished
    | FinishedRun
    | Failed
    | AttemptEnded
)


_RUNS: dict[type[Event], type[Event]] = {PlannedRun: Planned, FinishedRun: Finished}
"""Events for many items together, and those that say the same of one."""


class EventStream:
    """Delivers events to subscribers, one at a time, in the thread of the emitter."""

    def __init__(self) -> None:
        self._subscribers: dict[type, tuple[Callable[[Any], None], ...]] = {}
        self._lock = Lock()

    def subscribe(self, subscriber: Callable[[Any], None], *kinds: type[Event]) -> None:
        """Adds a subscriber for these kinds of events, or all; a run comes item by item unless it is asked for by name.

        It sees the events from now on, is called under a lock, and must be quick.
        """
        with self._lock:
            table = dict(self._subscribers)
            wanted = kinds or [kind for kind in get_args(Event) if kind not in _RUNS]
            for kind in wanted:
                table[kind] = (*table.get(kind, ()), subscriber)
            for run, single in _RUNS.items():
                if single in wanted and run not in wanted:
                    table[run] = (*table.get(run, ()), _singly(subscriber))
            self._subscribers = table

    def emit(self, event: Event) -> None:
        """Delivers one event to all subscribers."""
        subscribers = self._subscribers.get(type(event))
        if subscribers is not None:
            with self._lock:
                for subscriber in subscribers:
                    subscriber(event)


def _singly(subscriber: Callable[[Any], None]) -> Callable[[PlannedRun | FinishedRun], None]:
    def each(run: PlannedRun | FinishedRun) -> None:
        for event in run.single():
            subscriber(event)

    return each
