"""Upkeep that crashes at any write loses nothing, and the same work ends well afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.errors import StoreError
from plait.repository.format import packfiles
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.repository import Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
from plait.repository.upkeep.repacking import repack
from plait.repository.upkeep.repairing import RepairSettings, repair
from plait.repository.upkeep.survey import survey
from plait.stores.memory import MemoryStore
from plait.stores.wrappers.fault import Crash, faulty
from plait.testing.repositories import THOROUGH, WITHOUT_GRACE, contents, lived_in, sweep, wait_for_the_clock
from plait.testing.store_tools import get, put

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def unlock(store: MemoryStore) -> None:
    """Ten minutes later."""
    files = [page.prefix + name for page in store.list("locks/") for name in page.names]
    list(store.delete(files))


def as_before(repository: Repository, expected: dict[bytes, dict[str, bytes]]) -> None:
    assert contents(repository) == expected
    assert repository.check().is_whole


def crashed_everywhere(
    repository: Repository,
    store: MemoryStore,
    work: Callable[[Repository], object],
    settle: Callable[[Repository], object],
    between: Callable[[Repository, dict[bytes, dict[str, bytes]]], object] = as_before,
    expected: dict[bytes, dict[str, bytes]] | None = None,
) -> int:
    """Crashes some work at each change of the store in turn; after each, all is whole, and the same work ends well."""
    expected = contents(repository) if expected is None else expected
    backup = {page.prefix + name: get(store, page.prefix + name) for page in store.list("") for name in page.names}
    number = 0
    while True:
        number += 1
        copied = MemoryStore()
        for key, data in backup.items():
            put(copied, key, data)
        crash = Crash(number)
        with Repository.open(faulty(copied, crash)) as victim:
            try:
                work(victim)
            except StoreError:
                assert crash.happened
        if not crash.happened:
            return number
        with Repository.open(copied) as after:
            between(after, expected)
            unlock(copied)
            work(after)
            settle(after)
            assert contents(after) == expected
            assert after.check().is_whole


def test_maintenance_that_crashes_at_any_write(repository: Repository, store: MemoryStore) -> None:
    lived_in(repository)
    assert crashed_everywhere(repository, store, lambda victim: maintain(victim, WITHOUT_GRACE), sweep) > 3
    maintain(repository, WITHOUT_GRACE)
    wait_for_the_clock()
    assert crashed_everywhere(repository, store, lambda victim: maintain(victim, WITHOUT_GRACE), sweep) > 4


def test_repacking_that_crashes_at_any_write(
    repository: Repository, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait.repository.upkeep.repacking._PUBLISHED", 50_000)
    lived_in(repository)
    assert crashed_everywhere(repository, store, lambda victim: repack(victim, THOROUGH), sweep) > 8


ALL_AT_ONCE = MaintenanceSettings(at_once=True, repack=THOROUGH)


def test_all_of_it_in_one_run_that_crashes_at_any_write(
    repository: Repository, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait.repository.upkeep.repacking._PUBLISHED", 50_000)
    lived_in(repository)
    assert crashed_everywhere(repository, store, lambda victim: maintain(victim, ALL_AT_ONCE), sweep) > 10


def test_a_repair_that_crashes_at_any_write(repository: Repository, store: MemoryStore) -> None:
    """Damaged are a state, an entry that its directory's list has, and contents that a peer has."""
    expected = lived_in(repository)
    with Repository.create(MemoryStore(), None) as peer:
        Sync(repository, peer, ("here", "there"), SyncSettings(), lambda _: None).run(Direction.TO, Query())
        spoilt: set[bytes] = set()
        chosen = survey(repository).chosen
        for resource in (Resource.CHUNK, Resource.VFS_NODE, Resource.VFS_ENTRY):
            mac = min(key[:32] for key in chosen if key[32] == resource)
            spoilt.add(mac)
            for place in repository.index.places(resource, mac):
                key = repository.writable_files.key(Folder.PACKFILES, place.packfile)
                data = bytearray(get(store, key))
                data[packfiles.file_offset(place.offset) + place.length // 2] ^= 1
                put(store, key, bytes(data))
        name = min(repository.writable_files.keys(Folder.STATES).values())
        put(store, name, b"damaged")

        def between(after: Repository, expected: dict[bytes, dict[str, bytes]]) -> None:
            assert {snapshot.identifier for snapshot in after.snapshots()} >= expected.keys()

        def all_there(after: Repository) -> None:
            sweep(after)
            gone = [identifier for identifier in contents(after) if identifier not in expected]
            # The lost state may have been the one that removed them.
            after.remove(gone)

        settings = RepairSettings(apply=True, from_files=False)
        crashes = crashed_everywhere(
            repository, store, lambda victim: repair(victim, settings, [peer]), all_there, between, expected
        )
        assert crashes > 6
