"""Whatever was saved, removed and synced before, a sync makes the peer complete, and leaves nothing broken."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.repository.backup.saving import BackupSettings
from plait.repository.checking.checking import check
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.stores.memory import MemoryStore
from plait.testing.repositories import contents, save

if TYPE_CHECKING:
    from plait.repository.syncing.settings import SyncEvent, SyncResult

NAMES = st.sampled_from(["a", "b/c", "b/d", "e/f/g", "\u00e9"])
CONTENTS = st.one_of(st.binary(max_size=40), st.sampled_from([b"same", b"\0" * 300_000, bytes(range(256)) * 600]))
SIDES = st.integers(0, 1)
STEP = st.one_of(
    st.tuples(st.just("save"), SIDES, st.dictionaries(NAMES, CONTENTS, max_size=4)),
    st.tuples(st.just("remove"), SIDES, st.integers(0, 5)),
    st.tuples(st.just("sync"), SIDES, st.sampled_from(list(Direction))),
)


def sync(local: Repository, peer: Repository, direction: Direction) -> SyncResult:
    events: list[SyncEvent] = []
    result = Sync(local, peer, ("here", "there"), SyncSettings(), events.append).run(direction, Query())
    assert not result.count(Outcome.FAILED), events
    return result


def whole(repository: Repository) -> bool:
    snapshots = [(snapshot, "/") for snapshot in repository.snapshots()]
    checked = check(repository.reader, repository.files, snapshots)
    return not any(found.failed for found in checked.snapshots)


@given(st.lists(STEP, max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_history_ends_in_two_equal_repositories(steps: list[tuple[str, int, object]]) -> None:
    with (
        Repository.create(MemoryStore(), None) as left,
        Repository.create(MemoryStore(), None, NewRepository(hashing="SHA256", compression=None)) as right,
    ):
        sides = (left, right)
        expected: dict[bytes, dict[str, bytes]] = {}
        for what, side, argument in steps:
            mine, other = sides[side], sides[1 - side]
            if what == "save":
                assert isinstance(argument, dict)
                snapshot = save(mine, argument, BackupSettings())
                expected[snapshot] = contents(mine)[snapshot]
            elif what == "remove":
                assert isinstance(argument, int)
                mine.refresh()
                mine.remove(mine.reader.snapshots()[argument : argument + 1])
            else:
                assert isinstance(argument, Direction)
                sync(mine, other, argument)
        sync(left, right, Direction.WITH)
        found = contents(left)
        assert found == contents(right)
        assert all(found[snapshot] == expected[snapshot] for snapshot in found)
        assert whole(left)
        assert whole(right)
        assert not sync(left, right, Direction.WITH).count(Outcome.COPIED)


@given(st.lists(st.dictionaries(NAMES, CONTENTS, max_size=3), min_size=1, max_size=3), st.booleans())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_syncs_that_cross_lose_nothing(trees: list[dict[str, bytes]], opposite: bool) -> None:
    stores = MemoryStore(), MemoryStore()
    for store in stores:
        with Repository.create(store, None) as repository:
            for tree in trees:
                save(repository, tree, BackupSettings())
    errors: list[BaseException] = []

    def run(first: int) -> None:
        try:
            with Repository.open(stores[first]) as local, Repository.open(stores[1 - first]) as peer:
                sync(local, peer, Direction.WITH)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [Thread(target=run, args=(index if opposite else 0,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with Repository.open(stores[0]) as left, Repository.open(stores[1]) as right:
        assert contents(left) == contents(right)
        assert len(left.reader.snapshots()) == 2 * len(trees)
        assert whole(left)
        assert whole(right)
