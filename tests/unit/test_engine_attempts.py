from __future__ import annotations

import threading

from plait.engine.accounting import Errors
from plait.engine.events import AttemptEnded, Event, EventStream
from plait.engine.executor import Result, run_attempts
from plait.engine.workers import Cancellation
from plait.model.errors import FatalError, NoRetryError, PermissionDeniedError, PlaitError


def attempts_of(results: list[Result], attempts: int = 3) -> tuple[Result, list[AttemptEnded]]:
    events, seen = EventStream(), list[Event]()
    events.subscribe(seen.append)
    result = run_attempts(lambda number: results[number - 1], attempts, 0.0, events, Cancellation())
    return result, [event for event in seen if isinstance(event, AttemptEnded)]


def result_of(error: PlaitError | None) -> Result:
    errors = Errors()
    if error is not None:
        errors.add(error)
    return Result(done={}, skipped={}, failed={}, errors=errors.count, error=error, may_retry=errors.may_retry)


def test_attempts_end_with_the_first_good_one() -> None:
    good = result_of(None)
    result, ended = attempts_of([result_of(PermissionDeniedError("no")), good])
    assert result is good
    assert [(event.number, event.errors, event.again) for event in ended] == [(1, 1, True), (2, 0, False)]


def test_attempts_end_where_no_retry_can_help() -> None:
    assert len(attempts_of([result_of(NoRetryError("immutable"))])[1]) == 1
    assert len(attempts_of([result_of(FatalError("no"))])[1]) == 1
    assert len(attempts_of([result_of(PermissionDeniedError("no"))] * 3)[1]) == 3


def test_a_cancelled_pause_ends_the_attempts() -> None:
    cancellation, events = Cancellation(), EventStream()

    numbers: list[int] = []

    def attempt(number: int) -> Result:
        numbers.append(number)
        threading.Timer(0.05, cancellation.cancel).start()
        return result_of(PermissionDeniedError("no"))

    run_attempts(attempt, 3, 1000.0, events, cancellation)
    assert numbers == [1]
