"""Statistics of a run: a subscriber of the event stream that counts, and tells speed and time left.

Names and meanings are rclone's (`core/stats`): a deletion is also a check, something kept aside is also a rename.
"""

from __future__ import annotations

import math
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from plait.engine.events import (
    AttemptEnded,
    Carried,
    Checking,
    Compared,
    ComparedRun,
    Event,
    Failed,
    Finished,
    FinishedRun,
    Listed,
    Planned,
    PlannedRun,
    Started,
)
from plait.engine.executor import DRY_RUN
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import CancelledError, PlaitError, Retry

if TYPE_CHECKING:
    from collections.abc import Callable

_TICK = 0.5
_PERIOD = 8.0
"""Seconds between two measurements of speed, and the time constant of their average."""
_TRANSFERS = frozenset({Verb.CREATE, Verb.REPLACE})
_DELETIONS = frozenset({Verb.DELETE, Verb.DELETE_SOURCE})
_RENAMES = frozenset({Verb.RENAME, Verb.RESPELL})
_REMOVALS = frozenset({Verb.REMOVE_DIRECTORY, Verb.REMOVE_SOURCE_DIRECTORY})
_CHECKED = frozenset("=*!")


class Transferring(msgspec.Struct, frozen=True, rename="camel"):
    """One transfer under way; sizes in bytes, speeds in bytes a second, `eta` in seconds."""

    name: str
    size: int
    bytes: int
    percentage: int
    speed: float
    speed_avg: float
    eta: int | None


class Snapshot(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The statistics at one moment; sizes in bytes, speed in bytes a second, times in seconds."""

    bytes: int
    checks: int
    deleted_dirs: int
    deletes: int
    elapsed_time: float
    errors: int
    eta: int | None
    fatal_error: bool
    last_error: str | None
    listed: int
    renames: int
    retry_error: bool
    server_side_copies: int
    server_side_copy_bytes: int
    server_side_move_bytes: int
    server_side_moves: int
    speed: float
    total_bytes: int
    total_checks: int
    total_transfers: int
    transfer_time: float
    transfers: int
    transferring: list[Transferring]
    checking: list[str]
    deleted_bytes: int

    def rclone_fields(self) -> dict[str, Any]:
        """The object that rclone logs: its names in their order, lists and the last error only where there are any."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["deletedBytes"]
        for name in ("lastError", "transferring", "checking"):
            if not fields[name]:
                del fields[name]
        return dict(sorted(fields.items()))


class _Speed:
    """Bytes over time, averaged with more weight on the last seconds."""

    __slots__ = ("_begun", "_counted", "_last", "bytes", "value")

    def __init__(self, now: float) -> None:
        self._begun = self._last = now
        self._counted = self.bytes = 0
        self.value = 0.0

    def tick(self, now: float) -> None:
        """Takes a measurement if the last one is old enough."""
        passed = now - self._last
        if passed < _TICK:
            return
        rate = (self.bytes - self._counted) / passed
        first = self._last == self._begun
        self.value = rate if first else self.value + (1 - math.exp(-passed / _PERIOD)) * (rate - self.value)
        self._last, self._counted = now, self.bytes

    def mean(self, now: float) -> float:
        """Bytes a second since the beginning."""
        return self.bytes / (now - self._begun) if now > self._begun else 0.0


class _Live:
    """A transfer under way; `shown` False for an item that runs within a batch."""

    __slots__ = ("shown", "size", "speed")

    def __init__(self, size: int, now: float, *, shown: bool) -> None:
        self.size = size
        self.speed = _Speed(now)
        self.shown = shown


class Statistics:
    """Counts what the events tell. Subscribe the object itself to `kinds`; `snapshot` may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._begun = clock()
        self._speed = _Speed(self._begun)
        self._live: dict[str, _Live] = {}
        self._checking: dict[str, None] = {}
        self._busy_since = 0.0
        self._busy = 0.0
        self._total_bytes = self._total_transfers = self._transfers = 0
        self._checks = self._deletes = self._deleted_bytes = self._deleted_dirs = self._renames = 0
        self._copies = self._copy_bytes = self._moves = self._move_bytes = 0
        self._listed = self._errors = 0
        self._counts_pairs = True
        self._last_error: PlaitError | None = None
        self._fatal = self._retry = False
        self._handlers: dict[type, Callable[[Any], None]] = {
            Listed: self._on_listed,
            Compared: self._on_compared,
            ComparedRun: self._on_compared_run,
            Checking: self._on_checking,
            Planned: self._on_planned,
            PlannedRun: self._on_planned_run,
            Started: self._on_started,
            Carried: self._on_carried,
            Finished: self._on_finished,
            FinishedRun: self._on_finished_run,
            Failed: self._on_failed,
            AttemptEnded: self._on_attempt_ended,
        }

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """The kinds of events that count."""
        return tuple(self._handlers)

    def __call__(self, event: Event) -> None:
        """Counts one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            with self._lock:
                handler(event)

    def snapshot(self) -> Snapshot:
        """What was counted so far."""
        with self._lock:
            now = self._clock()
            self._speed.tick(now)
            left = self._total_bytes - self._speed.bytes
            return Snapshot(
                bytes=self._speed.bytes,
                checks=self._checks,
                deleted_dirs=self._deleted_dirs,
                deletes=self._deletes,
                elapsed_time=now - self._begun,
                errors=self._errors,
                eta=_seconds(left, self._speed.value),
                fatal_error=self._fatal,
                last_error=None if self._last_error is None else str(self._last_error),
                listed=self._listed,
                renames=self._renames,
                retry_error=self._retry,
                server_side_copies=self._copies,
                server_side_copy_bytes=self._copy_bytes,
                server_side_move_bytes=self._move_bytes,
                server_side_moves=self._moves,
                speed=self._speed.value,
                total_bytes=self._total_bytes,
                total_checks=self._checks + len(self._checking),
                total_transfers=self._total_transfers,
                transfer_time=self._busy + (now - self._busy_since if self._live else 0.0),
                transfers=self._transfers,
                transferring=[_transferring(name, live, now) for name, live in self._live.items() if live.shown],
                checking=list(self._checking),
                deleted_bytes=self._deleted_bytes,
            )

    def carry_one(self) -> None:
        """The command carries one file: the look at what it replaces is no check, as with rclone."""
        self._counts_pairs = False

    def _on_listed(self, event: Listed) -> None:
        self._listed += event.items

    def _on_compared(self, event: Compared) -> None:
        if self._counts_pairs and event.verdict in _CHECKED:
            self._checks += 1

    def _on_compared_run(self, event: ComparedRun) -> None:
        if event.verdict in _CHECKED:
            self._checks += len(event.page)

    def _on_checking(self, event: Checking) -> None:
        if event.done:
            self._checking.pop(event.key, None)
        else:
            self._checking[event.key] = None

    def _on_planned(self, event: Planned) -> None:
        if event.action.verb in _TRANSFERS:
            self._total_transfers += 1
            self._total_bytes += event.action.size

    def _on_planned_run(self, event: PlannedRun) -> None:
        self._total_transfers += len(event.creations)
        self._total_bytes += event.creations.size

    def _on_started(self, event: Started) -> None:
        if event.action.verb in _TRANSFERS:
            self._begin(event.action, shown=True)

    def _on_carried(self, event: Carried) -> None:
        if event.action.verb in _TRANSFERS:
            live = self._live.get(event.action.key) or self._begin(event.action, shown=False)
            self._count_bytes(live, event.size)

    def _on_finished(self, event: Finished) -> None:
        outcome = event.outcome
        verb = outcome.action.verb
        live = self._end(outcome.action) if verb in _TRANSFERS else None
        if outcome.status is Status.FAILED:
            self._count_error(outcome.error)
        if outcome.status is Status.DONE or (outcome.status is Status.SKIPPED and outcome.detail == DRY_RUN):
            self._count_done(outcome, live)
        elif verb in _TRANSFERS:
            self._total_transfers -= 1
            self._total_bytes -= outcome.action.size - (live.speed.bytes if live is not None else 0)

    def _on_finished_run(self, event: FinishedRun) -> None:
        creations = event.created.creations
        # Of a run, only the first was told as started.
        self._end(creations.action(0))
        self._transfers += len(creations)
        self._count_bytes(None, creations.size)

    def _count_done(self, outcome: Outcome, live: _Live | None) -> None:
        action = outcome.action
        verb, size = action.verb, action.size
        if verb in _TRANSFERS:
            self._transfers += 1
            told = live.speed.bytes if live is not None else 0
            carried = outcome.carried if outcome.status is Status.DONE else size
            self._count_bytes(None, carried - told)
            if outcome.moved:
                self._count_move(outcome)
            if outcome.server_side:
                self._copies += 1
                self._copy_bytes += carried
        elif verb in _DELETIONS:
            self._deletes += 1
            self._deleted_bytes += size
            self._checks += 1
        elif verb in _REMOVALS:
            self._deleted_dirs += 1
        if outcome.source_deleted and action.source is not None:
            self._deletes += 1
            self._deleted_bytes += action.source.size or 0
            self._checks += 1
        if verb in _RENAMES or outcome.kept is not None:
            moved = action.source if verb in _RENAMES and action.destination is None else action.destination
            self._renames += 1
            self._checks += 1
            if outcome.status is Status.DONE:
                self._moves += 1
                self._move_bytes += (moved.size or 0) if moved is not None else 0

    def _count_move(self, outcome: Outcome) -> None:
        """What a rename replaces counts as deleted, unless it was kept."""
        replaced = outcome.action.destination
        self._renames += 1
        self._moves += 1
        self._move_bytes += outcome.carried
        if replaced is not None and outcome.kept is None:
            self._deletes += 1
            self._deleted_bytes += replaced.size or 0
            self._checks += 1

    def _on_failed(self, event: Failed) -> None:
        self._count_error(event.error)

    def _on_attempt_ended(self, event: AttemptEnded) -> None:
        if event.again:
            self._errors = 0
            self._last_error = None
            self._fatal = self._retry = False

    def _count_error(self, error: PlaitError | None) -> None:
        if error is None or isinstance(error, CancelledError):
            return
        self._errors += 1
        self._last_error = error
        self._fatal |= error.fatal
        self._retry |= error.retry is not Retry.NEVER

    def _begin(self, action: Action, *, shown: bool) -> _Live:
        now = self._clock()
        if not self._live:
            self._busy_since = now
        live = self._live[action.key] = _Live(action.size, now, shown=shown)
        return live

    def _end(self, action: Action) -> _Live | None:
        live = self._live.pop(action.key, None)
        if live is not None and not self._live:
            self._busy += self._clock() - self._busy_since
        return live

    def _count_bytes(self, live: _Live | None, size: int) -> None:
        now = self._clock()
        self._speed.bytes += size
        self._speed.tick(now)
        if live is not None:
            live.speed.bytes += size
            live.speed.tick(now)


def _seconds(left: int, speed: float) -> int | None:
    return int(max(left, 0) / speed) if speed > 0 else None


def _transferring(name: str, live: _Live, now: float) -> Transferring:
    done = live.speed.bytes
    return Transferring(
        name,
        live.size,
        done,
        int(100 * done / live.size) if live.size > 0 else 0,
        live.speed.mean(now),
        live.speed.value,
        _seconds(live.size - done, live.speed.value),
    )
