"""Whatever a repository lives through, what is listed is whole, and what nothing needs goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.repository.backup.saving import BackupSettings
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
from plait.repository.upkeep.repacking import RepackSettings, repack
from plait.repository.upkeep.repairing import RepairSettings, repair
from plait.repository.upkeep.survey import survey
from plait.stores.memory import MemoryStore
from plait.testing.repositories import WITHOUT_GRACE, contents, save

if TYPE_CHECKING:
    from plait.repository.syncing.settings import SyncEvent

NAMES = st.sampled_from(["a", "b/c", "b/d", "e/f/g", "\u00e9"])
CONTENTS = st.one_of(st.binary(max_size=40), st.sampled_from([b"same", b"\0" * 300_000, bytes(range(256)) * 600]))
STEP = st.one_of(
    st.tuples(st.just("save"), st.dictionaries(NAMES, CONTENTS, max_size=4)),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("sync"), st.sampled_from(list(Direction))),
    st.tuples(st.just("maintain"), st.sampled_from([0, 3600 * 10**9])),
    st.tuples(st.just("repack"), st.sampled_from([0.0, 0.5, 1.0])),
    st.tuples(st.just("repair"), st.booleans()),
    st.tuples(st.just("reopen"), st.none()),
)


class Life:
    """A repository, what it should hold, and a peer that helps it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.repository = Repository.create(self.store, None, NewRepository(packfile_size=50_000))
        self.peer = Repository.create(MemoryStore(), None, NewRepository(hashing="SHA256", compression=None))
        self.known: dict[bytes, dict[str, bytes]] = {}
        self.listed: set[bytes] = set()

    def save(self, files: dict[str, bytes]) -> None:
        self.repository.refresh()
        snapshot = save(self.repository, files, BackupSettings())
        self.known[snapshot] = contents(self.repository)[snapshot]
        self.listed.add(snapshot)

    def remove(self, number: int) -> None:
        names = sorted(self.listed)[number : number + 1]
        self.repository.refresh()
        self.repository.remove(names)
        self.listed.difference_update(names)

    def sync(self, direction: Direction) -> None:
        events: list[SyncEvent] = []
        work = Sync(self.repository, self.peer, ("here", "there"), SyncSettings(), events.append)
        assert not work.run(direction, Query()).count(Outcome.FAILED), events
        if direction is not Direction.TO:
            self.peer.refresh()
            self.listed.update(self.peer.reader.snapshots())

    def maintain(self, grace: int) -> None:
        maintain(self.repository, MaintenanceSettings(grace=grace))

    def repack(self, threshold: float) -> None:
        assert not repack(self.repository, RepackSettings(threshold=threshold)).damaged

    def repair(self, apply: bool) -> None:
        assert not repair(self.repository, RepairSettings(apply=apply), [self.peer]).is_needed

    def reopen(self, _: None) -> None:
        self.repository.close()
        self.repository = Repository.open(self.store)

    def verify(self) -> None:
        found = contents(self.repository)
        assert found.keys() == self.listed
        assert all(found[snapshot] == self.known[snapshot] for snapshot in found)

    def end(self) -> None:
        assert self.repository.check().is_whole
        for _ in range(2):
            maintain(self.repository, WITHOUT_GRACE)
        self.verify()
        left = survey(self.repository)
        assert left.sizes.keys() == {name for name in left.shares if left.is_used(name)}
        assert self.repository.check().is_whole
        self.repository.close()
        self.peer.close()


@given(st.lists(STEP, max_size=10))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_life_leaves_what_is_listed_whole(steps: list[tuple[str, object]]) -> None:
    life = Life()
    for what, argument in steps:
        getattr(life, what)(argument)
        life.verify()
    life.end()
