from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from plait.engine.accounting import Errors
from plait.engine.applying import ExpectingCarrier
from plait.engine.events import EventStream
from plait.engine.executor import ExecutionSettings, Executor
from plait.engine.planfile import Header, PlanReader, write_plan
from plait.engine.workers import Cancellation
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import CancelledError, PreconditionError
from plait.model.items import Item
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemorySpace, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class Doing:
    """A carrier that notes what it was let do."""

    batched = True
    concurrency = 2

    def __init__(self) -> None:
        self.done: list[str] = []

    def carry(self, actions: Sequence[Action], cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        del cancelled
        for action in actions:
            self.done.append(action.key)
            yield Outcome(action, Status.DONE)


class Trees:
    """A source and a destination on disk, as they were listed when the plan was made."""

    def __init__(self, root: Path) -> None:
        self.source, self.destination = root / "source", root / "destination"
        for path, content in (
            ("source/new", "1"),
            ("source/both", "22"),
            ("source/d/x", "4"),
            ("destination/both", "333"),
            ("destination/gone", "4444"),
            ("destination/old/y", "5"),
        ):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        self.stores = LocalStore(self.source), LocalStore(self.destination)
        mine, others = ({item.key: item for item in self.items(store)} for store in self.stores)
        self.actions = [
            Action(Verb.MAKE_DIRECTORY, "d", mine["d"], None),
            Action(Verb.CREATE, "d/x", mine["d/x"], None),
            Action(Verb.CREATE, "new", mine["new"], None),
            Action(Verb.REPLACE, "both", mine["both"], others["both"]),
            Action(Verb.DELETE, "gone", None, others["gone"]),
            Action(Verb.DELETE, "old/y", None, others["old/y"]),
            Action(Verb.REMOVE_DIRECTORY, "old", None, others["old"]),
            Action(Verb.TOUCH_DIRECTORY, "d", mine["d"], None),
        ]

    @staticmethod
    def items(store: LocalStore) -> list[Item]:
        return [item for page in store.list() for item in page.items()]

    def apply(self) -> tuple[list[str], dict[str, str]]:
        """What was done, and why what was refused was."""
        doing = Doing()
        carrier = ExpectingCarrier(doing, *self.stores)
        outcomes = [outcome for action in self.actions for outcome in carrier.carry([action], lambda: False)]
        assert all(isinstance(outcome.error, PreconditionError) for outcome in outcomes if outcome.error)
        return doing.done, {outcome.action.key: str(outcome.error) for outcome in outcomes if outcome.error}


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def test_nothing_is_refused_where_nothing_changed(trees: Trees) -> None:
    assert trees.apply() == ([action.key for action in trees.actions], {})


def test_what_changed_is_refused_and_the_rest_is_done(trees: Trees) -> None:
    (trees.source / "both").write_text("other")
    (trees.destination / "gone").unlink()
    (trees.destination / "new").write_text("somebody else's")
    done, refused = trees.apply()
    assert done == ["d", "d/x", "old/y", "old", "d"]
    assert refused == {
        "new": "the destination is not as planned: it exists now",
        "both": "the source is not as planned: its size changed from 2 to 5",
        "gone": "the destination is not as planned: it is gone",
    }


def test_a_file_that_only_looks_the_same_is_refused(trees: Trees) -> None:
    path = trees.destination / "gone"
    before = path.stat()
    path.write_text("five"[:4])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    _, refused = trees.apply()
    assert refused == {"gone": "the destination is not as planned: it was changed"}
    (trees.destination / "copy").write_text("5")
    old = trees.destination / "old" / "y"
    os.utime(trees.destination / "copy", ns=(0, old.stat().st_mtime_ns))
    (trees.destination / "copy").rename(old)
    assert trees.apply()[1]["old/y"] == "the destination is not as planned: another file has taken its place"


def test_directories_that_the_plan_made_on_the_way_are_as_planned(trees: Trees) -> None:
    (trees.destination / "d").mkdir()
    (trees.destination / "old" / "y").unlink()
    done, refused = trees.apply()
    assert [key for key in done if key in {"d", "old"}] == ["d", "old", "d"]
    assert refused == {"old/y": "the destination is not as planned: it is gone"}


def test_a_plan_from_a_file_is_checked_the_same(trees: Trees, tmp_path: Path) -> None:
    write_plan(tmp_path / "plan", Header(command="sync", locations=["a", "b"]), trees.actions)
    (trees.destination / "both").write_text("changed since")
    doing, errors = Doing(), Errors()
    carrier = ExpectingCarrier(doing, *trees.stores)
    executor = Executor(carrier, EventStream(), ExecutionSettings(), Cancellation())
    with PlanReader(tmp_path / "plan") as plan:
        result = executor.run(plan.actions(), errors)
    assert result.failed == {"replace": 1}
    assert isinstance(result.error, PreconditionError)
    # What failed keeps the deletions back, as in any run.
    assert sorted(doing.done) == ["d", "d", "d/x", "new"]


def test_objects_are_known_by_their_etag() -> None:
    source, destination = MemoryStore(MemorySpace()), MemoryStore(MemorySpace())
    destination.write("a", io.BytesIO(b"1"), 1)
    stat = destination.stat("a")
    action = Action(Verb.DELETE, "a", None, Item("a", stat))
    carrier = ExpectingCarrier(Doing(), source, destination)
    assert [outcome.error for outcome in carrier.carry([action], lambda: False)] == [None]
    destination.write("a", io.BytesIO(b"2"), 1)
    (outcome,) = carrier.carry([action], lambda: False)
    assert isinstance(outcome.error, PreconditionError)


def test_a_rename_needs_its_origin_and_room(trees: Trees) -> None:
    origin = next(item for item in trees.items(trees.stores[1]) if item.key == "gone")
    trees.actions = [Action(Verb.RENAME, "moved", None, origin, origin="gone")]
    assert trees.apply() == (["moved"], {})
    (trees.destination / "moved").write_text("x")
    assert trees.apply()[1] == {"moved": "the destination is not as planned: it exists now"}
    (trees.destination / "moved").unlink()
    (trees.destination / "gone").unlink()
    assert trees.apply()[1] == {"moved": "the origin is not as planned: it is gone"}


def test_a_cancelled_run_looks_at_nothing_more(trees: Trees) -> None:
    carrier = ExpectingCarrier(Doing(), *trees.stores)
    with pytest.raises(CancelledError):
        list(carrier.carry(trees.actions[:1], lambda: True))
