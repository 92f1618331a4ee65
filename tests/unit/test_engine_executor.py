from __future__ import annotations

import threading
import time
from threading import Lock
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.engine.accounting import Errors
from plait.engine.events import AttemptEnded, Carried, Event, EventStream, Finished, Message, Planned, Started
from plait.engine.executor import (
    DRY_RUN,
    GATE_CLOSED,
    NOT_DELETING_DIRECTORIES,
    NOT_DELETING_FILES,
    REFUSED,
    Cutoff,
    DeleteWhen,
    ExecutionSettings,
    Executor,
    Result,
    run_attempts,
)
from plait.engine.steps import Side
from plait.engine.workers import Cancellation
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import (
    CancelledError,
    DirectoryNotFoundError,
    DurationLimitError,
    FatalError,
    NoRetryError,
    PermissionDeniedError,
    PlaitError,
    StoreError,
    TransferLimitError,
)
from plait.model.items import Item, Kind, Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Recorder:
    """A carrier that notes what it is given; `act` may raise or wait for single actions."""

    def __init__(
        self,
        *,
        batched: bool = False,
        concurrency: int = 4,
        act: Callable[[Action, Callable[[], bool]], None] | None = None,
    ) -> None:
        self.batched = batched
        self.concurrency = concurrency
        self.events = EventStream()
        self.batches: list[list[Action]] = []
        self.done: list[Action] = []
        self.running = self.most_running = 0
        self._act = act or (lambda _action, _cancelled: None)
        self._lock = Lock()

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        with self._lock:
            self.batches.append(list(actions))
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            for action in actions:
                try:
                    self._act(action, cancelled)
                except PlaitError as error:
                    if error.fatal:
                        raise
                    yield Outcome(action, Status.FAILED, error=error)
                    continue
                with self._lock:
                    self.done.append(action)
                size = action.size if action.verb in {Verb.CREATE, Verb.REPLACE} else 0
                self.events.emit(Carried(action, size))
                yield Outcome(action, Status.DONE, carried=size)
        finally:
            with self._lock:
                self.running -= 1

    def did(self) -> list[str]:
        return [f"{action.verb} {action.key}" for action in self.done]


def item(key: str, size: int = 1, kind: Kind = Kind.FILE) -> Item:
    return Item(key, Stat(kind, size))


def create(key: str, size: int = 1) -> Action:
    return Action(Verb.CREATE, key, item(key, size))


def delete(key: str, size: int = 1) -> Action:
    return Action(Verb.DELETE, key, None, item(key, size))


def remove(key: str) -> Action:
    return Action(Verb.REMOVE_DIRECTORY, key, None, item(key, 0, Kind.DIRECTORY))


def touch(key: str) -> Action:
    folder = item(key, 0, Kind.DIRECTORY)
    return Action(Verb.TOUCH_DIRECTORY, key, folder, folder)


class Run:
    """One attempt, with everything that was said."""

    def __init__(self, carrier: Recorder, **settings: object) -> None:
        self.carrier = carrier
        self.cancellation = Cancellation()
        self.errors = Errors()
        self.seen: list[Event] = []
        carrier.events.subscribe(self.seen.append)
        self.executor = Executor(carrier, carrier.events, ExecutionSettings(**settings), self.cancellation)  # type: ignore[arg-type]

    def __call__(self, actions: Iterable[Action]) -> Result:
        return self.executor.run(actions, self.errors)

    def messages(self) -> list[str]:
        return [event.text for event in self.seen if isinstance(event, Message)]

    def outcomes(self) -> dict[str, Outcome]:
        return {event.outcome.action.key: event.outcome for event in self.seen if isinstance(event, Finished)}


def failing(*keys: str, error: PlaitError | None = None) -> Callable[[Action, Callable[[], bool]], None]:
    def act(action: Action, _cancelled: Callable[[], bool]) -> None:
        if action.key in keys:
            raise error or PermissionDeniedError("no", key=action.key)

    return act


MIXED = [
    delete("old"),
    touch("d"),
    create("d/a"),
    touch("d/e"),
    remove("x"),
    create("d/e/b"),
    remove("x/y"),
    delete("x/y/z"),
    create("z"),
]


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("when", [DeleteWhen.AFTER, DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_what_must_come_later_comes_later(when: DeleteWhen, *, batched: bool) -> None:
    run = Run(Recorder(batched=batched), delete_when=when)
    result = run(MIXED)
    did = run.carrier.did()
    at = {key: place for place, key in enumerate(did)}
    assert sorted(did) == sorted(f"{action.verb} {action.key}" for action in MIXED)
    transfers = [at[f"create {key}"] for key in ("d/a", "d/e/b", "z")]
    deletions = [at["delete old"], at["delete x/y/z"]]
    removals = [at["remove directory x/y"], at["remove directory x"]]
    times = [at["touch directory d/e"], at["touch directory d"]]
    assert removals == sorted(removals)
    assert times == sorted(times)
    assert max(deletions) < min(removals)
    assert max(transfers + removals) < min(times)
    if when is DeleteWhen.BEFORE:
        assert max(removals) < min(transfers)
    elif when is DeleteWhen.AFTER:
        assert max(transfers) < min(deletions)
    assert result.done == {"create": 3, "delete": 2, "remove directory": 2, "touch directory": 2}
    assert (result.errors, result.error, result.may_retry, result.complete) == (0, None, False, True)
    assert (result.carried, result.deleted_size) == (3, 2)


def test_transfers_run_while_the_plan_is_still_being_made() -> None:
    arrived = threading.Event()
    run = Run(Recorder(act=lambda _action, _cancelled: arrived.set()))

    def plan() -> Iterator[Action]:
        yield create("first")
        assert arrived.wait(10)
        yield create("second")

    assert run(plan()).done == {"create": 2}


@pytest.mark.parametrize("when", [DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_nothing_is_deleted_while_the_source_is_not_listed(when: DeleteWhen) -> None:
    run = Run(Recorder(), delete_when=when)

    def plan() -> Iterator[Action]:
        yield delete("a")
        time.sleep(0.05)
        assert run.carrier.done == []
        yield delete("b")

    assert run(plan()).done == {"delete": 2}


def test_a_failed_transfer_keeps_everything() -> None:
    run = Run(Recorder(act=failing("z")), subject="there")
    result = run(MIXED)
    assert [key for key in run.carrier.did() if key.startswith(("delete", "remove"))] == []
    assert "touch directory d" in run.carrier.did()
    assert run.messages() == [NOT_DELETING_FILES, NOT_DELETING_DIRECTORIES]
    assert {event.subject for event in run.seen if isinstance(event, Message)} == {"there"}
    assert run.outcomes()["old"] == Outcome(MIXED[0], Status.SKIPPED, GATE_CLOSED)
    assert result.skipped == {"delete": 2, "remove directory": 2}
    assert result.failed == {"create": 1}
    assert (result.errors, result.may_retry) == (1, True)
    assert isinstance(result.error, PermissionDeniedError)


@pytest.mark.parametrize("when", [DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_beside_or_before_transfers_only_the_listing_of_the_source_counts(when: DeleteWhen) -> None:
    run = Run(Recorder(act=failing("z")), delete_when=when)
    result = run(MIXED)
    assert result.done["delete"] == 2
    assert result.done.get("remove directory", 0) == (2 if when is DeleteWhen.BEFORE else 0)


@pytest.mark.parametrize("when", [DeleteWhen.AFTER, DeleteWhen.DURING, DeleteWhen.BEFORE])
@pytest.mark.parametrize("ignore", [False, True])
def test_an_error_in_the_listing_of_the_source_deletes_nothing_in_any_mode(when: DeleteWhen, *, ignore: bool) -> None:
    run = Run(Recorder(), delete_when=when, ignore_errors=ignore)

    def plan() -> Iterator[Action]:
        yield from MIXED[:5]
        run.errors.add(PermissionDeniedError("unreadable"), listing=Side.SOURCE)
        yield from MIXED[5:]

    result = run(plan())
    assert result.done.get("delete", 0) == (2 if ignore else 0)
    assert result.done.get("remove directory", 0) == (2 if ignore else 0)
    assert result.done["create"] == 3
    assert result.errors == 1


@pytest.mark.parametrize("when", [DeleteWhen.AFTER, DeleteWhen.DURING, DeleteWhen.BEFORE])
def test_a_listing_that_ended_early_deletes_nothing_even_with_ignore_errors(when: DeleteWhen) -> None:
    run = Run(Recorder(), delete_when=when, ignore_errors=True)

    def plan() -> Iterator[Action]:
        yield delete("a")
        yield remove("b")
        yield create("c")
        raise DirectoryNotFoundError("directory not found")

    result = run(plan())
    assert "delete" not in result.done
    assert "remove directory" not in result.done
    assert isinstance(result.error, DirectoryNotFoundError)
    assert not result.complete
    assert result.may_retry


def test_never_deletes_nothing_but_removes_the_emptied_directories_of_a_move() -> None:
    emptied = Action(Verb.REMOVE_SOURCE_DIRECTORY, "s", item("s", 0, Kind.DIRECTORY))
    moved = Action(Verb.DELETE_SOURCE, "b", item("b"))
    run = Run(Recorder(), delete_when=DeleteWhen.NEVER)
    result = run([create("a"), emptied, moved])
    assert result.done == {"create": 1, "delete source": 1, "remove source directory": 1}
    assert run.messages() == []
    run = Run(Recorder(act=failing("a")), delete_when=DeleteWhen.NEVER)
    result = run([create("a"), emptied, moved])
    assert result.done == {"delete source": 1}
    assert result.skipped == {"remove source directory": 1}
    assert run.messages() == ["not deleting directories as there were IO errors"]


def test_max_delete_lets_so_many_happen_and_then_ends_the_run() -> None:
    run = Run(Recorder(concurrency=2), max_delete=3)
    result = run([create("c"), *(delete(f"{number}") for number in range(6)), remove("d"), touch("t")])
    assert result.done == {"create": 1, "delete": 3}
    assert result.failed == {"delete": 1}
    assert isinstance(result.error, FatalError)
    assert str(result.error) == "--max-delete threshold reached"
    assert (result.errors, result.may_retry, result.cancelled) == (1, False, False)


def test_max_delete_size_counts_bytes_over_all_attempts() -> None:
    run = Run(Recorder(), max_delete_size=10)
    assert run([delete("a", 6)]).error is None
    result = run([delete("b", 4), delete("c", 1)])
    assert result.done == {"delete": 1}
    assert str(result.error) == "--max-delete-size threshold reached"


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


def test_remote_deletions_come_in_groups() -> None:
    carrier = Recorder(concurrency=4)
    Run(carrier)(delete(f"{number // 7}/{number}") for number in range(950))
    assert sorted(len(batch) for batch in carrier.batches) == [2, 237, 237, 237, 237]


def test_check_first_holds_transfers_back() -> None:
    run = Run(Recorder(), check_first=True)

    def plan() -> Iterator[Action]:
        yield create("a")
        time.sleep(0.05)
        assert run.carrier.batches == []
        yield create("b")

    assert run(plan()).done == {"create": 2}


def test_what_waits_goes_to_disk_and_comes_back_in_order() -> None:
    carrier = Recorder(batched=True, concurrency=1)
    keys = [f"\udcff/{number:06}" for number in range(25_000)]
    result = Run(carrier)(delete(key) for key in keys)
    assert result.done == {"delete": 25_000}
    assert [action.key for action in carrier.done] == keys
    assert carrier.done[-1] == delete(keys[-1])


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


KEYS = st.lists(st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e", "d/e/f", "z"]), unique=True)


@given(
    keys=KEYS,
    failed=st.frozensets(st.sampled_from(["a", "d/a", "d/e", "z"]), max_size=2),
    when=st.sampled_from(list(DeleteWhen)),
    batched=st.booleans(),
    unlisted=st.booleans(),
    ignore=st.booleans(),
    data=st.data(),
)
def test_whatever_is_planned_is_told_of_once_and_deleted_only_behind_the_gate(
    keys: list[str],
    failed: frozenset[str],
    when: DeleteWhen,
    *,
    batched: bool,
    unlisted: bool,
    ignore: bool,
    data: st.DataObject,
) -> None:
    make = st.sampled_from([create, delete, remove, touch])
    actions = [data.draw(make)(key) for key in keys]
    run = Run(Recorder(batched=batched, act=failing(*failed)), delete_when=when, ignore_errors=ignore)

    def plan() -> Iterator[Action]:
        yield from actions
        if unlisted:
            run.errors.add(PermissionDeniedError("unreadable"), listing=Side.SOURCE)

    result = run(plan())
    told = [event.outcome for event in run.seen if isinstance(event, Finished)]
    counted = sum(sum(counts.values()) for counts in (result.done, result.skipped, result.failed))
    did = run.carrier.did()
    failed_transfers = [action for action in actions if action.verb is Verb.CREATE and action.key in failed]
    assert sorted(outcome.action.key for outcome in told) == sorted(keys)
    assert counted == len(actions)
    assert result.errors == unlisted + sum(outcome.status is Status.FAILED for outcome in told)
    gated = unlisted or (when is DeleteWhen.AFTER and bool(failed_transfers))
    if when is DeleteWhen.NEVER or (gated and not ignore):
        assert not any(line.startswith("delete ") for line in did)
    else:
        wanted = [
            f"delete {action.key}" for action in actions if action.verb is Verb.DELETE and action.key not in failed
        ]
        assert sorted(line for line in did if line.startswith("delete ")) == sorted(wanted)
    if when is DeleteWhen.NEVER or (
        result.errors and not ignore and when is not DeleteWhen.BEFORE and (unlisted or failed_transfers)
    ):
        assert not any(line.startswith("remove ") for line in did)
