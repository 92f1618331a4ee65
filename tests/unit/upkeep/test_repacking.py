"""Repacking: what is needed is moved, what is damaged or beyond the limit stays."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from plait.repository.backup.saving import BackupSettings
from plait.repository.backup.stored import StoreSource
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.repository import Repository
from plait.repository.selection import Query
from plait.repository.upkeep.maintenance import MaintenanceSettings, Steps, maintain
from plait.repository.upkeep.repacking import RepackSettings, candidates, repack
from plait.repository.upkeep.survey import Share, survey
from plait.stores.memory import MemoryStore
from plait.testing.repositories import (
    THOROUGH,
    WITHOUT_GRACE,
    contents,
    is_whole,
    lived_in,
    orphan,
    save,
    stored,
    sweep,
    wait_for_the_clock,
)
from plait.testing.store_tools import get, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.items import Stat
    from plait.stores.content import BytesReader


DAY = 24 * 3600 * 10**9


def test_repacking_brings_back_what_lies_between_what_is_needed(repository: Repository) -> None:
    expected = lived_in(repository)
    before = sum(repository.files.packfile_sizes().values())
    done = repack(repository, THOROUGH)
    assert done.packfiles
    assert not done.damaged
    assert contents(repository) == expected
    assert is_whole(repository)
    for _ in range(2):
        wait_for_the_clock()
        maintain(repository, WITHOUT_GRACE)
    assert sum(repository.files.packfile_sizes().values()) < before / 2
    assert contents(repository) == expected
    with Repository.open(repository.writable_files.store) as again:
        assert contents(again) == expected
        assert not repack(again, RepackSettings(threshold=0.5)).packfiles


def test_no_more_is_moved_than_the_limit(repository: Repository) -> None:
    expected = lived_in(repository)
    whole = repack(repository, RepackSettings(threshold=1.0, dry_run=True))
    part = repack(repository, RepackSettings(threshold=1.0, limit=whole.moved // 2))
    assert 0 < part.moved <= whole.moved // 2
    assert part.left
    assert contents(repository) == expected
    assert not repack(repository, RepackSettings(threshold=1.0, limit=1)).packfiles


@pytest.mark.parametrize("with_maintenance", [False, True])
def test_what_is_damaged_is_not_moved(repository: Repository, store: MemoryStore, with_maintenance: bool) -> None:
    lived_in(repository)
    chunks = {place.packfile for key, place in repository.index.locations() if key[32] == Resource.CHUNK}
    found = survey(repository)
    name = next(
        name for name in repack(repository, RepackSettings(threshold=1.0, dry_run=True)).packfiles if name in chunks
    )
    key = repository.writable_files.key(Folder.PACKFILES, name)
    places = [
        place
        for key, place in repository.index.locations()
        if place.packfile == name and found.chosen.get(key) is not None
    ]
    with store.read(key) as reader:
        data = bytearray(reader.read(-1))
    data[16 + places[0].offset + places[0].length // 2] ^= 1
    put(store, key, bytes(data))
    if with_maintenance:
        # A copy of what is damaged may be in a packfile that seems to be needed for nothing.
        before = stored(repository)
        together = maintain(repository, MaintenanceSettings(at_once=True, repack=THOROUGH))
        assert together.repacked is not None
        assert together.steps == Steps()
        assert stored(repository) >= before
        done = together.repacked
    else:
        done = repack(repository, THOROUGH)
    assert done.damaged == [name]
    assert name not in done.packfiles
    assert name in repository.index.readable_packfiles()


class Raced(MemoryStore):
    """A tree; while it is read for the first time, somebody else does something."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = meanwhile

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> BytesReader:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return super().read(key, offset, length, expected=expected)


def test_a_copy_is_carried_along_where_the_one_that_was_chosen_turns_out_damaged(
    repository: Repository, store: MemoryStore
) -> None:
    """Two backups that did not see each other stored the same content; both copies count until one is proven."""
    pick = random.Random(3)
    shared = pick.randbytes(30_000)
    # What is shared lies together with something else that is needed, whichever copy is chosen.
    together = BackupSettings(publish_seconds=3600, workers=1)

    def tree(name: str, meanwhile: Callable[[], object]) -> StoreSource:
        found = Raced(meanwhile)
        for one, content in {name: pick.randbytes(20_000), "shared": shared}.items():
            put(found, one, content)
        return StoreSource(found, "s3", "host", "/")

    with Repository.open(store) as other:
        theirs = tree("theirs", lambda: None)
        repository.backup(tree("ours", lambda: other.backup(theirs, together)), together)
    expected = contents(repository)
    key = repository.codec.mac(shared) + bytes((Resource.CHUNK,))
    places = [place for found, place in repository.index.locations() if found == key]
    assert len(places) == 2
    found = survey(repository)
    chosen = next(place for place in places if place.packfile == found.order[found.chosen[key]])
    file = repository.writable_files.key(Folder.PACKFILES, chosen.packfile)
    data = bytearray(get(store, file))
    data[16 + chosen.offset + chosen.length // 2] ^= 1
    put(store, file, bytes(data))

    other_one = next(place.packfile for place in places if place != chosen)
    done = repack(repository, THOROUGH)
    assert other_one in done.packfiles
    for _ in range(2):
        wait_for_the_clock()
        maintain(repository, WITHOUT_GRACE)
    assert other_one not in stored(repository)
    assert contents(repository) == expected


def test_candidates() -> None:
    def share(needed: int, blobs: int) -> Share:
        return Share(needed, blobs, blobs + 100)

    big = 10 << 20
    shares = {b"a": share(big // 10, big), b"b": share(big // 3, big), b"c": share(big, big), b"d": share(0, big)}
    assert candidates(shares, frozenset(shares), 0.5) == [b"a", b"b"]
    assert candidates(shares, frozenset((b"b", b"c")), 0.5) == [b"b"]
    small = {bytes((number,)): share(100, 100) for number in range(8)}
    assert candidates(small, frozenset(small), 0.5) == sorted(small)
    assert candidates(dict(list(small.items())[:7]), frozenset(small), 0.5) == []


ALL_AT_ONCE = MaintenanceSettings(at_once=True, repack=THOROUGH)


def test_everything_comes_back_in_one_run_where_that_is_asked_for(repository: Repository) -> None:
    expected = lived_in(repository)
    young = orphan(repository, 0)
    planned = maintain(repository, msgspec.structs.replace(ALL_AT_ONCE, dry_run=True))
    before = stored(repository)
    assert young in before
    assert planned.repacked is not None
    assert planned.repacked.packfiles
    assert stored(repository) == before
    done = repository.maintenance(ALL_AT_ONCE)
    assert done.repacked is not None
    assert done.repacked.packfiles == planned.repacked.packfiles
    assert stored(repository).isdisjoint({*done.repacked.packfiles, *planned.steps.colour, young})
    assert done.scheduled == 0
    assert {resource for resource, _ in repository.index.colours()} == {Resource.SNAPSHOT}
    found = survey(repository)
    assert all(found.is_used(name) for name in found.sizes)
    assert contents(repository) == expected
    assert is_whole(repository)


def test_with_a_grace_what_was_repacked_stays_until_it_is_over(repository: Repository) -> None:
    """As everything that this run colours, whatever the grace."""
    expected = lived_in(repository)
    for grace in (DAY, 0):
        done = maintain(repository, MaintenanceSettings(grace=grace, repack=THOROUGH))
        assert done.repacked is not None
        assert stored(repository) >= set(done.repacked.packfiles)
    sweep(repository)
    assert contents(repository) == expected


def test_what_pruning_would_give_is_known_before(repository: Repository) -> None:
    save(repository, {"kept": b"kept"})
    save(repository, {"gone": random.Random(5).randbytes(90_000)})
    kept = min(repository.snapshots(), key=lambda snapshot: snapshot.header.timestamp).identifier
    gone = next(snapshot.identifier for snapshot in repository.snapshots() if snapshot.identifier != kept)
    settings = MaintenanceSettings(dry_run=True)
    assert not maintain(repository, settings).steps.colour
    planned = maintain(repository, settings, without=[gone])
    assert planned.scheduled > 90_000
    assert [judged.header.identifier for judged in repository.prune(Query(prefixes=(gone.hex(),)))] == [gone]
    assert maintain(repository, settings).steps == planned.steps
    assert repository.reader.snapshots() == [kept]
