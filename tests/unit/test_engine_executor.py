from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from plait.engine.accounting import Errors
from plait.engine.events import Planned, Started
from plait.engine.executor import DRY_RUN, REFUSED, Cutoff
from plait.model.actions import Action, Outcome, Verb
from plait.model.errors import (
    CancelledError,
    DurationLimitError,
    FatalError,
    NoRetryError,
    PermissionDeniedError,
    StoreError,
    TransferLimitError,
)
from plait.testing.executing import MIXED, Recorder, Run, create, delete, failing, item, touch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def test_transfers_run_while_the_plan_is_still_being_made() -> None:
    arrived = threading.Event()
    run = Run(Recorder(act=lambda _action, _cancelled: arrived.set()))

    def plan() -> Iterator[Action]:
        yield create("first")
        assert arrived.wait(10)
        yield create("second")

    assert run(plan()).done == {"create": 2}


def test_a_dry_run_executes_nothing_and_tells_all() -> None:
    run = Run(Recorder(), dry_run=True)
    result = run(MIXED)
    assert run.carrier.batches == []
    assert result.skipped == {"create": 3, "delete": 2, "remove directory": 2, "touch directory": 2}
    assert {outcome.detail for outcome in run.outcomes().values()} == {DRY_RUN}
    assert sum(isinstance(event, Planned) for event in run.seen) == len(MIXED)


def test_what_a_person_refuses_is_skipped() -> None:
    asked: list[str] = []

    def confirm(action: Action) -> bool:
        asked.append(action.key)
        return action.key != "old"

    run = Run(Recorder(), confirm=confirm)
    result = run(MIXED)
    assert sorted(asked) == sorted(action.key for action in MIXED)
    assert result.skipped == {"delete": 1}
    assert run.outcomes()["old"].detail == REFUSED
    assert result.errors == 0


def test_a_person_who_quits_ends_the_run() -> None:
    class QuitError(CancelledError):
        pass

    def confirm(action: Action) -> bool:
        if action.key == "b":
            raise QuitError("quit")
        return True

    result = Run(Recorder(), confirm=confirm)([create("a"), create("b"), create("c"), delete("d")])
    assert result.cancelled
    assert isinstance(result.error, QuitError)
    assert result.errors == 0
    assert "delete" not in result.done


def test_cancellation_lets_running_actions_end_and_begins_no_other() -> None:
    begun = threading.Event()

    def act(_action: Action, cancelled: Callable[[], bool]) -> None:
        begun.set()
        while not cancelled():
            time.sleep(0.005)

    run = Run(Recorder(concurrency=2, act=act), max_backlog=5)

    def cancel() -> None:
        begun.wait(10)
        run.cancellation.cancel()

    threading.Thread(target=cancel).start()
    result = run(create(f"{number}") for number in range(1000))
    assert 1 <= len(run.carrier.done) <= 2
    assert result.cancelled
    assert isinstance(result.error, CancelledError)
    assert result.errors == 0
    assert result.done == {"create": len(run.carrier.done)}


def test_a_transfer_that_was_interrupted_is_no_error() -> None:
    run = Run(Recorder(concurrency=1))

    def act(action: Action, _cancelled: Callable[[], bool]) -> None:
        run.cancellation.cancel()
        raise CancelledError("interrupted", key=action.key)

    run.carrier._act = act
    result = run([create("a"), create("b")])
    assert result.cancelled
    assert (result.done, result.failed, result.errors) == ({}, {}, 0)


def test_a_fatal_error_ends_the_run() -> None:
    run = Run(Recorder(concurrency=1, act=failing("3", error=FatalError("bad backup directory"))), max_backlog=2)
    result = run([*(create(f"{number}") for number in range(100)), delete("z"), touch("t")])
    assert 3 <= len(run.carrier.done) < 10
    assert isinstance(result.error, FatalError)
    assert (result.errors, result.may_retry, result.cancelled) == (1, False, False)
    assert result.failed == {"create": 1}


def test_errors_rank_fatal_then_normal_then_final() -> None:
    assert Errors().deciding is None
    errors = Errors()
    errors.add(NoRetryError("immutable"))
    assert isinstance(errors.deciding, NoRetryError)
    assert errors.may_retry is False
    errors.add(PermissionDeniedError("first"))
    errors.add(PermissionDeniedError("second"))
    errors.add(NoRetryError("immutable"))
    assert str(errors.deciding) == "second"
    assert errors.count == 4
    errors.add(FatalError("limit"))
    errors.add(PermissionDeniedError("third"))
    assert str(errors.deciding) == "limit"
    assert not errors.may_retry
    assert errors.count == 6


def test_an_action_that_the_carrier_does_not_tell_of_has_failed() -> None:
    class Silent(Recorder):
        def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
            del actions, cancelled
            return iter(())

    result = Run(Silent())([create("a")])
    assert result.failed == {"create": 1}
    assert isinstance(result.error, StoreError)


@pytest.mark.parametrize("batched", [False, True])
def test_a_defect_of_the_carrier_is_raised(*, batched: bool) -> None:
    def act(action: Action, _cancelled: Callable[[], bool]) -> None:
        if action.key == "b":
            raise ZeroDivisionError

    run = Run(Recorder(batched=batched, act=act))
    with pytest.raises(ZeroDivisionError):
        run([create("a"), create("b"), delete("c")])
    assert "delete c" not in run.carrier.did()


def test_a_defect_of_the_planner_is_raised() -> None:
    def plan() -> Iterator[Action]:
        yield delete("a")
        raise ZeroDivisionError

    run = Run(Recorder())
    with pytest.raises(ZeroDivisionError):
        run(plan())
    assert run.carrier.done == []


def test_batches_hold_one_verb_and_one_directory() -> None:
    carrier = Recorder(batched=True)
    files = [create(f"d{number // 300}/{number:04}") for number in range(900)]
    replaced = Action(Verb.REPLACE, "d2/z", item("d2/z"), item("d2/z"))
    result = Run(carrier)([*files, replaced])
    assert result.done == {"create": 900, "replace": 1}
    for batch in carrier.batches:
        assert len({(action.verb, action.key.rpartition("/")[0]) for action in batch}) == 1
        assert len(batch) <= 256
    assert sorted(len(batch) for batch in carrier.batches) == [1, 44, 44, 44, 256, 256, 256]


def test_batches_end_at_many_bytes() -> None:
    carrier = Recorder(batched=True)
    Run(carrier)(create(f"{number}", 20 << 20) for number in range(8))
    assert [len(batch) for batch in carrier.batches] == [4, 4]


def test_one_at_a_time_with_so_many_workers() -> None:
    gate = threading.Barrier(3, timeout=10)

    def act(_action: Action, _cancelled: Callable[[], bool]) -> None:
        gate.wait()

    carrier = Recorder(concurrency=3, act=act)
    Run(carrier)(create(f"{number}") for number in range(9))
    assert carrier.most_running == 3
    assert all(len(batch) == 1 for batch in carrier.batches)
    fewer = Recorder(concurrency=8)
    Run(fewer, transfers=1)(create(f"{number}") for number in range(9))
    assert fewer.most_running == 1


def test_check_first_holds_transfers_back() -> None:
    run = Run(Recorder(), check_first=True)

    def plan() -> Iterator[Action]:
        yield create("a")
        time.sleep(0.05)
        assert run.carrier.batches == []
        yield create("b")

    assert run(plan()).done == {"create": 2}


@pytest.mark.parametrize("cutoff", list(Cutoff))
def test_max_transfer(cutoff: Cutoff) -> None:
    run = Run(Recorder(concurrency=1), max_transfer=35, cutoff=cutoff)
    result = run([*(create(f"{number}", 10) for number in range(10)), delete("z")])
    assert len(run.carrier.done) == {Cutoff.HARD: 3, Cutoff.SOFT: 4, Cutoff.CAUTIOUS: 3}[cutoff]
    assert isinstance(result.error, TransferLimitError)
    assert (result.errors, result.may_retry) == (1, False)
    assert "delete" not in result.done


@pytest.mark.parametrize("cutoff", list(Cutoff))
def test_max_duration(cutoff: Cutoff) -> None:
    def act(_action: Action, cancelled: Callable[[], bool]) -> None:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            if cancelled():
                raise CancelledError("interrupted")
            time.sleep(0.005)

    run = Run(Recorder(concurrency=1, act=act), max_duration=0.05, cutoff=cutoff)
    result = run([create("a"), create("b"), delete("c")])
    assert isinstance(result.error, DurationLimitError)
    assert run.carrier.did() == ([] if cutoff is Cutoff.HARD else ["create a"])
    assert not result.cancelled


def test_started_is_told_once_a_batch_and_for_what_is_large() -> None:
    run = Run(Recorder(batched=True))
    run([create("a"), create("b"), create("c", 5 << 20)])
    assert [event.action.key for event in run.seen if isinstance(event, Started)] == ["a", "c"]
