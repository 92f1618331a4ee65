"""The engine is general: a second client, two sets of plain identifiers, goes through all of it.

There is no tree here and there are no times or stores: an item is an identifier, two items are equal when their
identifiers are, and carrying one is adding it to a set. Nothing of a strand is imported.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from plait.engine.accounting import Errors
from plait.engine.events import EventStream
from plait.engine.executor import ExecutionSettings, Executor, Result
from plait.engine.journal import Journal, read_journal
from plait.engine.merge import merge
from plait.engine.planfile import Header, PlanReader, write_plan
from plait.engine.planning import decide
from plait.engine.protocols import Question
from plait.engine.runs import Counts, RunRecords, RunStatus
from plait.engine.statistics import Statistics
from plait.engine.steps import Pair, Same, Step
from plait.engine.workers import Cancellation
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import TemporaryError
from plait.model.items import Kind, Page, Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

IDENTIFIER = Stat(Kind.FILE)


def listing(identifiers: set[str], width: int = 3) -> Callable[[str, Callable[[str], bool]], Iterator[Page]]:
    """Opens a set as a listing: sorted, a few identifiers a page."""

    def pages(_prefix: str, _descend: Callable[[str], bool]) -> Iterator[Page]:
        ordered = sorted(identifiers)
        for start in range(0, len(ordered), width):
            yield Page.of("", [(name, IDENTIFIER) for name in ordered[start : start + width]])

    return pages


class Union:
    """Plans what makes one set hold everything of another, and asks about identifiers that end with 0."""

    def finish(self) -> Iterable[Action | Question]:
        return ()

    def plan(self, step: Step) -> Iterable[Action | Question]:
        if isinstance(step, Same) or not isinstance(step, Pair):
            return ()
        if step.destination is not None and step.source is None:
            return (Action(Verb.DELETE, step.destination.key, None, step.destination),)
        if step.source is not None and step.destination is None:
            create = Action(Verb.CREATE, step.source.key, step.source, None, "missing")
            return (Question(step, lambda: (create,)),) if create.key.endswith("0") else (create,)
        return ()


class Sets:
    """Carries identifiers into a set; `refused` ones fail."""

    batched = False
    concurrency = 3

    def __init__(self, destination: set[str], refused: frozenset[str] = frozenset()) -> None:
        self.destination = destination
        self.refused = refused

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        del cancelled
        for action in actions:
            if action.key in self.refused:
                yield Outcome(action, Status.FAILED, error=TemporaryError("no", key=action.key))
                continue
            if action.verb is Verb.DELETE:
                self.destination.discard(action.key)
            else:
                self.destination.add(action.key)
            yield Outcome(action, Status.DONE, str(action.verb))


class Strand:
    """All that a strand of identifiers needs."""

    def __init__(self, source: set[str], carrier: Sets) -> None:
        self.source = source
        self.carrier = carrier
        self.events = EventStream()
        self.statistics = Statistics()
        self.events.subscribe(self.statistics)
        self.errors = Errors()
        self.cancellation = Cancellation()

    def actions(self, *, ordered: bool = False) -> Iterator[Action]:
        steps = merge(listing(self.source), listing(set(self.carrier.destination), 2))
        decided = decide(steps, Union(), self.events, self.errors, self.cancellation, ordered=ordered)
        return (action for action in decided if isinstance(action, Action))

    def execute(self, actions: Iterable[Action]) -> Result:
        executor = Executor(self.carrier, self.events, ExecutionSettings(), self.cancellation)
        return executor.run(actions, self.errors)


IDENTIFIERS = st.sets(st.text("0123456789abcdef/", min_size=1, max_size=4), max_size=30)


@given(IDENTIFIERS, IDENTIFIERS)
def test_one_set_becomes_the_other(source: set[str], destination: set[str]) -> None:
    before = set(destination)
    strand = Strand(source, Sets(destination))
    result = strand.execute(strand.actions())
    assert destination == source
    assert result.done == {
        verb: count for verb, count in (("create", len(source - before)), ("delete", len(before - source))) if count
    }
    assert strand.statistics.snapshot().deletes == len(before - source)


def test_a_failure_deletes_nothing() -> None:
    strand = Strand({"a", "b"}, Sets({"b", "z"}, frozenset({"a"})))
    result = strand.execute(strand.actions())
    assert strand.carrier.destination == {"b", "z"}
    assert result.failed == {"create": 1}
    assert result.skipped == {"delete": 1}


def test_plan_execute_and_record(tmp_path: Path) -> None:
    strand = Strand({"a0", "b", "c"}, Sets({"c", "x"}))
    totals = write_plan(
        tmp_path / "plan", Header(command="unite", locations=["one", "two"]), strand.actions(ordered=True)
    )
    assert totals.verbs == {"create": 2, "delete": 1}
    records = RunRecords(tmp_path / "state")
    run = records.begin("apply", ["one", "two"])
    journal = Journal(tmp_path / "state", run)
    strand.events.subscribe(journal)
    with PlanReader(tmp_path / "plan") as plan:
        result = strand.execute(plan.actions())
    journal.close()
    records.finish(run, RunStatus.DONE, 0, counts=Counts.of(result))
    assert strand.carrier.destination == {"a0", "b", "c"}
    entries = list(read_journal(tmp_path / "state", run.journal or ""))
    assert {(entry.verb, entry.name) for entry in entries} == {
        (Verb.CREATE, "a0"),
        (Verb.CREATE, "b"),
        (Verb.DELETE, "x"),
    }
    assert records.run(run.id).counts.done == {"create": 2, "delete": 1}
    records.close()


def test_the_second_client_knows_no_strand() -> None:
    program = (
        "import sys, runpy; sys.argv = ['client']; runpy.run_path(sys.orig_argv[-1])\n"
        "found = [name for name in sys.modules if name.startswith(('plait.mirror', 'plait.cli', 'plait.stores.'))]\n"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
