"""Attempts: the whole procedure again, from fresh listings, while that may help."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plait.engine.events import AttemptEnded
from plait.engine.workers import POLL

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.engine.events import EventStream
    from plait.engine.settings import Result
    from plait.engine.workers import Cancellation


def run_attempts(
    attempt: Callable[[int], Result],
    attempts: int,
    pause: float,
    events: EventStream,
    cancellation: Cancellation,
) -> Result:
    """Calls `attempt(number)` (from 1) until one ends without errors, a retry cannot help, or all are used.

    `pause` seconds lie between two attempts. Every attempt lists afresh. Returns the last one's result.
    """
    number = 1
    while True:
        result = attempt(number)
        again = number < attempts and result.may_retry and not cancellation.cancelled()
        events.emit(AttemptEnded(number, attempts, result.errors, result.error, again))
        if not again:
            return result
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and not cancellation.cancelled():
            time.sleep(min(left, POLL))
        if cancellation.cancelled():
            return result
        number += 1
