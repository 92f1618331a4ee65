"""New files that are planned and carried together: the same is done and told as for each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.engine.accounting import Errors
from plait.engine.batches import ALONE, MOST_ACTIONS, MOST_BYTES, divided
from plait.engine.events import Event, EventStream, Finished, FinishedRun, Planned, PlannedRun
from plait.engine.executor import ExecutionSettings, Executor
from plait.engine.journal import Journal, read_journal
from plait.engine.ordering import Ordering
from plait.engine.runs import RunRecords
from plait.engine.settings import DeleteWhen
from plait.engine.statistics import Statistics
from plait.engine.workers import Cancellation
from plait.model.actions import Action, Created, Creations, Outcome, Status, Verb
from plait.model.errors import PermissionDeniedError
from plait.model.items import Kind, Page, Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


def creations(sizes: Sequence[int], prefix: str = "to/") -> Creations:
    named = [(f"f{number:05}", Stat(Kind.FILE, size, number)) for number, size in enumerate(sizes)]
    return Creations(Page.of("from/", named), prefix, "not in destination")


class Together:
    """A carrier that carries runs, but leaves files whose size is odd to be carried alone, of which some fail."""

    batched = True
    concurrency = 1
    takes_runs = True

    def carry_run(self, run: Creations, cancelled: Callable[[], bool]) -> tuple[Created | None, Sequence[Action]]:
        assert not cancelled()
        left = [row for row, size in enumerate(run.sizes()) if size % 2]
        done = run.without(left)
        return Created(done, "new") if len(done) else None, [run.action(row) for row in left]

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        assert not cancelled()
        for action in actions:
            if action.size % 14 == 7:
                yield Outcome(action, Status.FAILED, error=PermissionDeniedError("no", key=action.key))
            else:
                yield Outcome(action, Status.DONE, "new", carried=action.size)


SIZES = st.lists(st.integers(0, 40) | st.sampled_from([ALONE - 1, ALONE, ALONE + 1]), max_size=40)


@given(SIZES)
def test_a_run_is_divided_without_loss(sizes: list[int]) -> None:
    run = creations(sizes)
    parts = list(divided(run))
    actions = [action for part in parts for action in (part.actions() if isinstance(part, Creations) else (part,))]
    assert actions == list(run.actions())
    assert all((part.size >= ALONE) is isinstance(part, Action) for part in parts if len(sizes) == 1)
    assert all(max(part.sizes()) < ALONE for part in parts if isinstance(part, Creations))


def test_runs_are_no_larger_than_batches() -> None:
    many = list(divided(creations([1] * (2 * MOST_ACTIONS + 1))))
    assert [len(part) for part in many if isinstance(part, Creations)] == [MOST_ACTIONS, MOST_ACTIONS, 1]
    heavy = list(divided(creations([ALONE - 1] * 100)))
    assert len(heavy) == 2
    assert all(part.size <= MOST_BYTES for part in heavy)


@given(SIZES)
def test_who_does_not_ask_for_runs_is_told_of_each_file(sizes: list[int]) -> None:
    run = creations(sizes)
    events = EventStream()
    everything, finished, runs = list[Event](), list[Event](), list[Event]()
    events.subscribe(everything.append)
    events.subscribe(finished.append, Finished)
    events.subscribe(runs.append, Finished, FinishedRun, PlannedRun)
    told = PlannedRun(run), FinishedRun(Created(run, "new"))
    for event in told:
        events.emit(event)
    outcomes = [Outcome(action, Status.DONE, "new", carried=action.size) for action in run.actions()]
    assert runs == list(told)
    assert finished == list(map(Finished, outcomes))
    assert everything == [*map(Planned, run.actions()), *map(Finished, outcomes)]


@given(SIZES)
def test_a_run_does_and_counts_what_its_actions_do(sizes: list[int]) -> None:
    run = creations(sizes)
    results, told, snapshots = [], [], []
    for plan in ([run] if sizes else [], list(run.actions())):
        events, seen, statistics = EventStream(), list[Event](), Statistics(lambda: 0.0)
        events.subscribe(seen.append, Planned, Finished)
        events.subscribe(statistics, *statistics.kinds)
        results.append(Executor(Together(), events, ExecutionSettings(), Cancellation()).run(plan, Errors()))
        told.append(sorted(map(repr, seen)))
        snapshots.append(statistics.snapshot())
    assert str(results[0].error) == str(results[1].error)
    for name in ("done", "skipped", "failed", "carried", "errors", "complete"):
        assert getattr(results[0], name) == getattr(results[1], name)
    for name in ("bytes", "transfers", "total_transfers", "total_bytes", "errors", "checks", "transferring"):
        assert getattr(snapshots[0], name) == getattr(snapshots[1], name)
    assert told[0] == told[1]


def test_the_journal_tells_of_a_run_as_of_its_actions(tmp_path: Path) -> None:
    run = creations([0, 5, ALONE], prefix="d\u00e9/")
    odd = Creations(Page.of("", [("\udcff", Stat(Kind.FILE)), ('"q"', Stat(Kind.FILE, 3, 4))]), "")
    entries = []
    for together in (True, False):
        records = RunRecords(tmp_path / str(together))
        record = records.begin("sync", ["a", "b"])
        journal = Journal(records.directory, record)
        for one in (run, odd):
            created = Created(one, "Copied (new)")
            for event in [FinishedRun(created)] if together else map(Finished, created.outcomes()):
                journal(event)
        journal.close()
        entries.append(list(read_journal(records.directory, record.journal or "")))
        records.close()
    facts = [[(e.verb, e.status, e.name, e.size, e.modified, e.detail) for e in written] for written in entries]
    assert facts[0] == facts[1]
    assert [fact[2] for fact in facts[0]] == ["d\u00e9/f00000", "d\u00e9/f00001", "d\u00e9/f00002", "\udcff", '"q"']


class Alone(Together):
    takes_runs = False


@pytest.mark.parametrize(
    "settings",
    [
        ExecutionSettings(dry_run=True),
        ExecutionSettings(check_first=True),
        ExecutionSettings(delete_when=DeleteWhen.BEFORE),
        ExecutionSettings(confirm=lambda _: True),
        ExecutionSettings(max_transfer=1 << 40),
        ExecutionSettings(max_duration=3600.0),
        ExecutionSettings(order=Ordering(lambda action: action.size)),
    ],
)
def test_settings_about_single_files_forbid_runs(settings: ExecutionSettings) -> None:
    assert not Executor(Together(), EventStream(), settings, Cancellation()).takes_runs


def test_runs_are_taken_where_the_carrier_takes_them() -> None:
    plain = ExecutionSettings(delete_when=DeleteWhen.DURING, transfers=3, max_delete=1)
    assert Executor(Together(), EventStream(), plain, Cancellation()).takes_runs
    assert not Executor(Alone(), EventStream(), plain, Cancellation()).takes_runs


def test_rows_left_out_leave_the_others_as_they_were() -> None:
    run = creations([3, 1, 4, 1, 5])
    assert list(run.without([0, 3]).actions()) == [run.action(row) for row in (1, 2, 4)]
    assert run.without([]) is run
    assert len(run.without(range(5))) == 0
    assert run.action(2) == Action(Verb.CREATE, "to/f00002", run.files.item(2), None, "not in destination")
