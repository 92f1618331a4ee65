"""Hashes that are looked up for many pairs together, before the planner asks for them one by one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from plait.engine.steps import Leave, Pair, Step
from plait.mirror.comparison import ComparisonSettings
from plait.mirror.hashing import TOGETHER, hashes_ahead
from plait.mirror.planner import MirrorPlanner, PlannerSettings
from plait.model.actions import Action, Verb
from plait.model.items import Item, Kind, Stat
from plait.stores.hashes import new_digest
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

    from plait.engine.events import Event

CHECKSUM = ComparisonSettings(checksum=True, common_hash="md5")


class NoLookups:
    """Fails the test where anything is asked."""

    def times(self, source: Item, destination: Item) -> tuple[Stat, Stat]:
        raise AssertionError((source, destination))

    def hashes(self, source: Item, destination: Item) -> None:
        raise AssertionError((source, destination))


def listed(key: str, content: bytes) -> Item:
    """A file as an object store lists it."""
    digest = new_digest("md5")
    digest.update(content)
    return Item(key, Stat(Kind.FILE, len(content), hashes={"md5": digest.hexdigest()}))


def laid(root: Path, contents: dict[str, bytes]) -> dict[str, Item]:
    """Files of a local tree, as its listing has them."""
    for key, content in contents.items():
        (root / key).parent.mkdir(exist_ok=True)
        (root / key).write_bytes(content)
    with closing(LocalStore(root)) as store:
        return {item.key: item for page in store.list("") for item in page.items()}


def test_equal_files_get_their_hashes_and_steps_keep_their_order(tmp_path: Path) -> None:
    contents = {f"d{number % 3}/f{number:04}": b"%d" % number for number in range(2 * TOGETHER + 5)}
    found = laid(tmp_path, contents)
    end = Leave(Pair(Item("d0", Stat(Kind.DIRECTORY)), None), True)
    steps: list[Step] = [end]
    for key in sorted(contents):
        steps += [Pair(found[key], listed(key, contents[key])), end]
    events: list[Event] = []
    with closing(LocalStore(tmp_path)) as store:
        ahead = hashes_ahead(CHECKSUM, store, store, events.append, lambda: False)
        assert ahead is not None
        given = list(ahead.steps(steps))
    assert [type(step) for step in given] == [type(step) for step in steps]
    pairs = [step for step in given if isinstance(step, Pair)]
    assert [pair.source.key for pair in pairs if pair.source] == sorted(contents)
    assert all(pair.source and pair.destination and pair.source.stat.hashes for pair in pairs)
    planner = MirrorPlanner(PlannerSettings(comparison=CHECKSUM), NoLookups(), events.append)  # type: ignore[arg-type]  # by its protocol, as far as it is used
    assert [action for pair in pairs for action in planner.plan(pair)] == []


def test_what_differs_or_cannot_be_read_is_left_to_the_planner(tmp_path: Path) -> None:
    found = laid(tmp_path, {"changed": b"one", "gone": b"two", "other size": b"three"})
    (tmp_path / "gone").unlink()
    steps = [
        Pair(found["changed"], listed("changed", b"uno")),
        Pair(found["gone"], listed("gone", b"two")),
        Pair(found["other size"], listed("other size", b"3")),
        Pair(found["changed"], None),
    ]
    with closing(LocalStore(tmp_path)) as store:
        ahead = hashes_ahead(CHECKSUM, store, store, lambda _: None, lambda: False)
        assert ahead is not None
        assert list(ahead.steps(steps)) == steps


def test_hashes_that_both_listings_have_are_not_asked_for() -> None:
    planner = MirrorPlanner(PlannerSettings(comparison=CHECKSUM), NoLookups(), lambda _: None)  # type: ignore[arg-type]  # by its protocol, as far as it is used
    assert list(planner.plan(Pair(listed("a", b"1"), listed("a", b"1")))) == []
    (replaced,) = planner.plan(Pair(listed("a", b"1"), listed("a", b"2")))
    assert isinstance(replaced, Action)
    assert replaced.verb is Verb.REPLACE


def test_nothing_is_hashed_where_something_else_decides(tmp_path: Path) -> None:
    with closing(LocalStore(tmp_path)) as store:
        for other in (
            ComparisonSettings(common_hash="md5"),
            ComparisonSettings(checksum=True),
            ComparisonSettings(checksum=True, common_hash="md5", size_only=True),
            ComparisonSettings(checksum=True, common_hash="md5", update=True),
        ):
            assert hashes_ahead(other, store, store, lambda _: None, lambda: False) is None
