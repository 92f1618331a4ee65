"""Limits of a run, counted over all its attempts: bytes and time for transfers, files and bytes for deletions."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from plait.engine.settings import Cutoff
from plait.model.errors import DurationLimitError, FatalError, PlaitError, TransferLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.settings import ExecutionSettings
    from plait.model.actions import Action


class Limits:
    """What is left of the limits; may be used from several threads. The time runs from the making of this object."""

    def __init__(self, settings: ExecutionSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._deadline = None if settings.max_duration is None else clock() + settings.max_duration
        self._lock = Lock()
        self._begun = 0
        self._carried = 0
        self._deletions = 0
        self._deleted_size = 0

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the deadline at which running transfers are cancelled; None where none is."""
        if self._deadline is None or self._settings.cutoff is not Cutoff.HARD:
            return None
        return max(0.0, self._deadline - self._clock())

    def begin(self, action: Action) -> PlaitError | None:
        """Counts a transfer that is to begin; the error says that it must not."""
        settings = self._settings
        if self._deadline is not None and self._clock() >= self._deadline:
            return duration_error()
        if settings.max_transfer is None:
            return None
        with self._lock:
            if settings.cutoff is Cutoff.HARD:
                # What cannot be finished within the limit is not begun.
                reached = self._carried >= settings.max_transfer or self._carried + action.size > settings.max_transfer
            else:
                # As with rclone, a cautious transfer ends below the limit.
                after = self._begun + (action.size if settings.cutoff is Cutoff.CAUTIOUS else 0)
                reached = after >= settings.max_transfer
            if not reached:
                self._begun += action.size
        return transfer_error() if reached else None

    def carry(self, size: int) -> PlaitError | None:
        """Counts bytes that were carried; the error says that running transfers must end."""
        with self._lock:
            self._carried += size
            limit = self._settings.max_transfer
            reached = limit is not None and self._settings.cutoff is Cutoff.HARD and self._carried > limit
        return transfer_error() if reached else None

    def delete(self, action: Action) -> PlaitError | None:
        """Counts a deletion that is to begin; the error says that it must not."""
        settings = self._settings
        with self._lock:
            if settings.max_delete is not None and self._deletions + 1 > settings.max_delete:
                return FatalError("--max-delete threshold reached", key=action.key)
            if settings.max_delete_size is not None and self._deleted_size + action.size > settings.max_delete_size:
                return FatalError("--max-delete-size threshold reached", key=action.key)
            self._deletions += 1
            self._deleted_size += action.size
        return None


def transfer_error() -> TransferLimitError:
    """The error of `--max-transfer`."""
    return TransferLimitError("max transfer limit reached as set by --max-transfer")


def duration_error() -> DurationLimitError:
    """The error of `--max-duration`."""
    return DurationLimitError("max transfer duration reached as set by --max-duration")
