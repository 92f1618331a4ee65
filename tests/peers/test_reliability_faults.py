"""A store that fails at each step in turn: files are old or new, nothing is deleted, the next run finishes the job."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from plait.engine.settings import Result
from plait.mirror import mirroring, settings
from plait.mirror.options import MOVE, SYNC
from plait.mirror.settings import Mode
from plait.model.errors import PlaitError
from plait.model.items import Kind
from plait.stores.base import Outgoing, Store
from plait.stores.location import parse_rclone_location
from plait.stores.memory import SHARED, MemoryStore
from plait.stores.registry import Opening, open_location
from plait.stores.wrappers.fault import Fault, Misdeed, RandomScript, Script, faulty
from plait.stores.wrappers.retry import RetryPolicy, retrying
from plait.testing.mirrors import EPOCH, NoRemotes, read_flags
from plait.testing.store_tools import get, items, put

Tree = dict[str, bytes]

OLD: Tree = {
    "a": b"old",
    "d/same": b"same",
    "d/grows": b"old",
    "extra": b"extra",
    "gone/extra": b"extra",
    "large": b"1" * 3_000_000,
}
NEW: Tree = {
    "a": b"new",
    "d/same": b"same",
    "d/grows": b"new and more",
    "d/e/created": b"new",
    "large": bytes(range(256)) * 11_000,
    "made": b"",
}
EXTRA = ("extra", "gone/extra")
BROKEN_READS = (Misdeed.SHORT, Misdeed.TEAR, Misdeed.LIE)
FLAGS = ("--retries=1", "--low-level-retries=2", "--multi-thread-cutoff=1M")

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _memory_is_let_go_of() -> Iterator[None]:
    """What `:memory:` holds lives as long as the process: megabytes for each fault of each test."""
    yield
    store = MemoryStore(SHARED)
    for deleted in store.delete([item.key for item in items(store)]):
        assert deleted.error is None


def fill(store: Store, tree: Tree, moment: int) -> None:
    for key, content in tree.items():
        time = EPOCH if content == b"same" else moment
        put(store, key, content, Outgoing(modified=time))


def tree_of(store: Store) -> Tree:
    return {item.key: get(store, item.key) for item in items(store) if item.kind is Kind.FILE}


@dataclass
class Ground:
    """A source and a destination, each a directory or a place in memory; which of the two fails, and how."""

    source: str
    destination: str
    side: str = "destination"
    flags: tuple[str, ...] = ()
    mode: Mode = Mode.SYNC

    @classmethod
    def make(cls, base: Path, source: str, destination: str) -> "Ground":
        number = next(_numbers)
        places = [
            f":memory:bucket{number}/{side}" if kind == "memory" else str(base / f"{number}" / side)
            for kind, side in ((source, "source"), (destination, "destination"))
        ]
        for place in places:
            if not place.startswith(":"):
                Path(place).mkdir(parents=True)
        # A bucket that holds nothing is missing: a move would end by losing its own.
        put(MemoryStore(SHARED), f"bucket{number}/beside", b"")
        made = cls(places[0], places[1])
        fill(made.open(made.source), NEW, EPOCH + 10**9)
        fill(made.open(made.destination), OLD, EPOCH)
        return made

    @staticmethod
    def open(place: str) -> Store:
        return open_location(parse_rclone_location(place), Opening(NoRemotes())).store

    def sync(self, script: Script | None = None, *, retries: int = 1) -> Result:
        """One run, its stores opened as the command does."""
        values = read_flags(MOVE if self.mode is Mode.MOVE else SYNC, (*FLAGS, *self.flags))
        opened = itertools.count()

        def wrap(store: Store) -> Store:
            if script is None or (next(opened) == 0) != (self.side == "source"):
                return store
            store = faulty(store, script)
            return retrying(store, RetryPolicy(retries), sleep=lambda _: None) if retries > 1 else store

        opening = Opening(NoRemotes(), local=settings.local_options(values), wrap=wrap)
        places = (parse_rclone_location(self.source), parse_rclone_location(self.destination))
        with mirroring.Mirror(self.mode, *places, values, opening, mirroring.Surroundings()) as mirror:
            return mirror.run()

    def partial_files(self) -> list[Path]:
        if self.destination.startswith(":"):
            return []
        return [path for path in Path(self.destination).rglob("*") if path.name.endswith(".partial")]

    def source_tree(self) -> Tree:
        return tree_of(self.open(self.source))

    def tree(self) -> Tree:
        return tree_of(self.open(self.destination))


def faults_of(calls: list[tuple[str, str]]) -> list[Fault]:
    """What may go wrong with each of the calls that a run makes."""
    found = []
    for operation, count in Counter(operation for operation, _ in calls).items():
        # Blocks are many and alike: the first, one in the middle and the last stand for them.
        numbers = range(1, count + 1) if count <= 12 else sorted({1, 2, count // 2, count})
        misdeeds = [Misdeed.FAIL, Misdeed.VANISH]
        if operation == "read":
            misdeeds += BROKEN_READS
        if operation.endswith(".block"):
            misdeeds = [Misdeed.FAIL, Misdeed.SHORT]
        if operation == "begin":
            # Its answer lost, the partial file would be held by this living process; a server only has one to forget.
            misdeeds = [Misdeed.FAIL]
        found += [Fault(misdeed, operation, number) for misdeed in misdeeds for number in numbers]
    return found


def assert_old_or_new(tree: Tree) -> None:
    for key, content in tree.items():
        assert content in (OLD.get(key), NEW.get(key)), key
    assert {key for key in OLD if key not in EXTRA} <= tree.keys(), "nothing that is to stay is ever gone"


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(
    ("source", "destination", "flags"),
    [
        ("local", "local", ()),
        ("local", "memory", ()),
        ("memory", "local", ()),
        ("memory", "memory", ()),
        ("local", "local", ("--delete-before",)),
        ("memory", "local", ("--delete-during",)),
        ("memory", "local", ("--multi-thread-streams=0",)),
    ],
)
def test_a_fault_at_each_step(source: str, destination: str, side: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    clean = Ground.make(tmp_path, source, destination)
    clean.side, clean.flags = side, flags
    seen = Script()
    assert clean.sync(seen).error is None
    assert clean.tree() == NEW
    for fault in faults_of(seen.calls):
        ground = Ground.make(tmp_path, source, destination)
        ground.side, ground.flags = side, flags
        error: PlaitError | None
        try:
            result = ground.sync(Script([fault]))
        except PlaitError as raised:
            error, deleted = raised, 0
        else:
            error, deleted = result.error, result.done.get("delete", 0)
        tree = ground.tree()
        assert_old_or_new(tree)
        if error is None:
            assert tree == NEW, fault
        elif not flags or flags == ("--multi-thread-streams=0",):
            # Only a deletion itself may have failed once deletions had begun.
            late = fault.operation in {"delete", "remove_directory", "set_attributes", "remove_leftovers", "list"}
            assert late or (deleted == 0 and set(EXTRA) <= tree.keys()), fault
        if fault.operation == "list" and side == "source":
            assert error is None or set(EXTRA) <= tree.keys(), fault
        assert ground.sync().error is None, fault
        assert ground.tree() == NEW, fault
        assert ground.partial_files() == [], fault


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(("source", "destination"), [("local", "local"), ("local", "memory"), ("memory", "local")])
def test_a_move_never_loses_a_file(source: str, destination: str, side: str, tmp_path: Path) -> None:
    clean = Ground.make(tmp_path, source, destination)
    clean.side, clean.mode = side, Mode.MOVE
    seen = Script()
    assert clean.sync(seen).error is None
    assert (clean.source_tree(), clean.tree()) == ({}, OLD | NEW)
    for fault in faults_of(seen.calls):
        ground = Ground.make(tmp_path, source, destination)
        ground.side, ground.mode = side, Mode.MOVE
        with suppress(PlaitError):
            ground.sync(Script([fault]))
        there, left = ground.tree(), ground.source_tree()
        assert_old_or_new(there)
        assert all(NEW[key] in (there.get(key), left.get(key)) for key in NEW), fault
        assert ground.sync().error is None, fault
        assert (ground.source_tree(), ground.tree()) == ({}, OLD | NEW), fault
        assert ground.partial_files() == [], fault


class PassingFaults(RandomScript):
    """Random faults, but no lost answer to `begin`: this living process would then hold the partial file for ever."""

    def next(self, operation: str, key: str) -> Fault | None:
        fault = super().next(operation, key)
        if fault is not None and operation == "begin" and fault.misdeed is Misdeed.VANISH:
            return None
        return fault


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(
    ("source", "destination"), [("local", "local"), ("local", "memory"), ("memory", "local"), ("memory", "memory")]
)
def test_passing_faults_are_lived_through(source: str, destination: str, side: str, tmp_path: Path) -> None:
    for seed in range(8):
        ground = Ground.make(tmp_path, source, destination)
        ground.side = side
        result = ground.sync(PassingFaults(seed, 6), retries=10)
        assert_old_or_new(ground.tree())
        assert result.error is not None or ground.tree() == NEW, seed
        assert ground.sync().error is None, seed
        assert ground.tree() == NEW, seed
        assert ground.partial_files() == [], seed


@pytest.mark.parametrize("misdeed", [Misdeed.SHORT, Misdeed.TEAR, Misdeed.FAIL])
@pytest.mark.parametrize(("source", "destination"), [("memory", "local"), ("memory", "memory"), ("local", "memory")])
def test_a_store_that_never_gives_the_whole_changes_nothing(
    source: str, destination: str, misdeed: Misdeed, tmp_path: Path
) -> None:
    ground = Ground.make(tmp_path, source, destination)
    ground.side = "source"
    # A pair that the stores copy between themselves reads nothing through us.
    operation = "copy_from" if source == destination else "read"
    ground.side = "destination" if source == destination else "source"
    misdeed = Misdeed.FAIL if source == destination else misdeed
    result = ground.sync(Script([Fault(misdeed, operation, times=10**6)]), retries=3)
    assert result.error is not None
    tree = ground.tree()
    # An empty file is whole whatever is cut off.
    assert {key: content for key, content in tree.items() if content} == OLD
    assert ground.partial_files() == []
    assert ground.sync().error is None
    assert ground.tree() == NEW


@pytest.mark.parametrize("misdeed", [Misdeed.LIE, Misdeed.SHORT, Misdeed.TEAR, Misdeed.FAIL])
@pytest.mark.parametrize("retries", [1, 3])
def test_a_part_that_is_not_the_one_asked_for(misdeed: Misdeed, retries: int, tmp_path: Path) -> None:
    parts = bytes(range(251)) * 140_000
    for number in (1, 2, 3):
        ground = Ground.make(tmp_path / str(number), "memory", "local")
        ground.side = "source"
        put(ground.open(ground.source), "large", parts, Outgoing(modified=EPOCH + 10**9))
        result = ground.sync(Script([Fault(misdeed, "read", number, key="large", times=10**6)]), retries=retries)
        assert result.error is not None
        assert ground.tree()["large"] == OLD["large"]
        assert set(EXTRA) <= ground.tree().keys()
        # After a passing fault the parts that arrived are kept for the next run.
        assert misdeed in {Misdeed.TEAR, Misdeed.FAIL} or ground.partial_files() == []
        assert ground.sync().error is None
        assert ground.tree() == {**NEW, "large": parts}
        assert ground.partial_files() == []
