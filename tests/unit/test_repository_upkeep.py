"""Maintenance and repacking: what is used stays, what is not goes in time, and a crash at any write loses nothing."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from plait.model.errors import BusyError, IntegrityError, StoreError
from plait.repository.backup.saving import BackupSettings
from plait.repository.backup.stored import StoreSource
from plait.repository.format import entries, locks, packfiles
from plait.repository.format.locks import Lock
from plait.repository.format.resources import Resource
from plait.repository.format.states import Coloured, Delete
from plait.repository.layout import Folder
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.reviving import revive
from plait.repository.syncing.settings import Direction, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.maintenance import MaintenanceSettings, Steps, decide, maintain
from plait.repository.upkeep.publishing import publish
from plait.repository.upkeep.repacking import RepackSettings, candidates, repack
from plait.repository.upkeep.repairing import RepairSettings, repair
from plait.repository.upkeep.survey import Share, Survey, exclusive, survey
from plait.stores.content import BytesReader
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.wrappers.fault import Crash, faulty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.model.items import Stat

DAY = 24 * 3600 * 10**9
NOW = MaintenanceSettings(grace=0)
THOROUGH = RepackSettings(threshold=1.0)
PACKFILE = 100_000


def save(repository: Repository, files: dict[str, bytes]) -> bytes:
    tree = MemoryStore()
    for name, content in files.items():
        tree.write(name, BytesReader(content, tree.stat("")), len(content))
    settings = BackupSettings(publish_seconds=0, workers=1)
    return repository.backup(StoreSource(tree, "s3", "host", "/bucket"), settings).snapshot


def contents(repository: Repository) -> dict[bytes, dict[str, bytes]]:
    repository.refresh()
    return {
        snapshot.identifier: {
            entry.path: b"".join(snapshot.content(entry)) if entry.has_content else b"" for entry in snapshot.walk("/")
        }
        for snapshot in repository.snapshots()
    }


def is_whole(repository: Repository) -> bool:
    repository.refresh()
    return repository.check().is_whole


def wait_for_the_clock() -> None:
    """The grace is over when time has passed, if only a little."""
    then = time.time_ns()
    while time.time_ns() <= then:
        pass


def unlock(store: MemoryStore) -> None:
    """Ten minutes later."""
    files = [page.prefix + name for page in store.list("locks/") for name in page.names]
    list(store.delete(files))


def stored(repository: Repository) -> set[bytes]:
    return set(repository.files.packfile_sizes())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repository(store: MemoryStore) -> Iterator[Repository]:
    with Repository.create(store, None, NewRepository(packfile_size=PACKFILE)) as repository:
        yield repository


def lived_in(repository: Repository) -> dict[bytes, dict[str, bytes]]:
    """A repository half of whose contents only removed snapshots need, mixed with what others need."""
    pick = random.Random(7)
    files = {f"d{number % 3}/f{number}": pick.randbytes(30_000) for number in range(12)}
    gone = [save(repository, files)]
    gone.append(save(repository, files | {"extra": pick.randbytes(90_000)}))
    save(repository, dict(list(files.items())[::2]))
    save(repository, dict(list(files.items())[::3]) | {"new": b"new"})
    repository.remove(gone)
    return contents(repository)


def test_what_nothing_needs_is_coloured_then_swept(repository: Repository) -> None:
    expected = lived_in(repository)
    before = stored(repository)
    first = maintain(repository, NOW)
    assert first.steps.colour
    assert not first.freed
    assert stored(repository) == before
    assert contents(repository) == expected
    wait_for_the_clock()
    second = maintain(repository, NOW)
    assert second.steps == Steps(sweep=first.steps.colour)
    assert second.freed == first.scheduled > 0
    assert stored(repository) == before - set(first.steps.colour)
    assert contents(repository) == expected
    assert is_whole(repository)
    assert maintain(repository, NOW).steps == Steps()


def test_the_grace_counts_from_the_colouring(repository: Repository) -> None:
    lived_in(repository)
    maintain(repository, NOW)
    wait_for_the_clock()
    waiting = maintain(repository, MaintenanceSettings(grace=DAY))
    assert waiting.steps == Steps()
    assert waiting.scheduled > 0


def test_a_dry_run_changes_nothing_and_says_what_would_be_freed(repository: Repository, store: MemoryStore) -> None:
    lived_in(repository)
    before = {page.prefix + name for page in store.list("") for name in page.names}
    plan = maintain(repository, MaintenanceSettings(grace=0, dry_run=True))
    assert plan.steps.colour
    assert plan.scheduled == sum(plan.sizes[name] for name in plan.steps.colour)
    assert repack(repository, RepackSettings(threshold=1.0, dry_run=True)).moved
    assert {page.prefix + name for page in store.list("") for name in page.names} == before


def test_files_are_kept_where_that_is_asked_for_and_go_the_next_time(repository: Repository) -> None:
    expected = lived_in(repository)
    before = stored(repository)
    maintain(repository, NOW)
    wait_for_the_clock()
    kept = maintain(repository, MaintenanceSettings(grace=0, deletes=False))
    assert kept.steps.sweep
    assert not kept.freed
    assert stored(repository) == before
    assert maintain(repository, NOW).steps == Steps(finish=kept.steps.sweep)
    assert stored(repository) == before - set(kept.steps.sweep)
    assert contents(repository) == expected


def test_a_coloured_packfile_that_is_needed_again_is_taken_back(repository: Repository) -> None:
    expected = lived_in(repository)
    found = survey(repository)
    name = next(name for name in found.shares if found.is_used(name))
    with exclusive(repository, print) as lock:
        publish(repository, [Coloured(Resource.PACKFILE, name, 1)], lock)
    assert maintain(repository, MaintenanceSettings(grace=DAY)).steps.uncolour == (name,)
    assert contents(repository) == expected
    with Repository.open(repository.writable_files.store) as again:
        assert contents(again) == expected


def test_a_removed_snapshot_takes_nothing_with_it_that_others_need(repository: Repository) -> None:
    save(repository, {"a": b"a" * 50_000, "b": os.urandom(50_000)})
    save(repository, {"a": b"a" * 50_000})
    expected = contents(repository)
    repository.remove([save(repository, {"a": b"a" * 50_000, "c": os.urandom(50_000)})])
    for _ in range(3):
        maintain(repository, NOW)
        wait_for_the_clock()
    assert contents(repository) == expected
    assert is_whole(repository)


def test_extended_attributes_and_lists_are_needed(tmp_path: Path) -> None:
    """The original does not count the values of attributes, and sweeps a packfile that holds nothing else."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content")
    os.setxattr(source / "file", "user.note", b"a value" * 500)
    with Repository.create(LocalStore(tmp_path / "repository"), None) as repository:
        snapshot = repository.snapshot(repository.backup([source]).snapshot)
        maintain(repository, NOW)
        needed = survey(repository).chosen
        attribute = next(iter(snapshot.xattrs()))
        assert attribute.object + bytes((Resource.OBJECT,)) in needed
        assert set(survey(repository).chosen) == {
            mac + bytes((resource,)) for resource, mac in set(repository.index.blobs())
        }


def orphan(repository: Repository, age: int) -> bytes:
    """A packfile that no state names, made so long ago by what it says itself."""
    writer = packfiles.Writer(repository.codec, time.time_ns() - age)
    writer.pad(70_000, os.urandom)
    name, data, _ = writer.finish()
    repository.writable_files.put(Folder.PACKFILES, name, data)
    return name


def test_packfiles_of_dead_runs_go_and_those_of_running_ones_stay(repository: Repository) -> None:
    expected = lived_in(repository)
    maintain(repository, MaintenanceSettings(grace=DAY))
    old, young = orphan(repository, 2 * DAY), orphan(repository, DAY // 2)
    steps = maintain(repository, MaintenanceSettings(grace=DAY)).steps
    assert (steps.orphans, steps.young) == ((old,), (young,))
    wait_for_the_clock()
    swept = maintain(repository, NOW).steps
    assert old in swept.sweep
    assert swept.orphans == (young,)
    assert old not in stored(repository)
    assert contents(repository) == expected


def test_a_packfile_that_cannot_be_read_stops_nothing(repository: Repository) -> None:
    """The original gives up where a packfile that no state names is damaged."""
    lived_in(repository)
    repository.writable_files.put(Folder.PACKFILES, b"\x07" * 32, b"no packfile")
    steps = maintain(repository, MaintenanceSettings(grace=DAY)).steps
    assert steps.colour
    assert steps.young == (b"\x07" * 32,)


def test_temporary_files_and_locks_are_named(tmp_path: Path) -> None:
    place = tmp_path / "repository"
    names = ["tmp.1", "packfiles/tmp.123", "states/tmp.9", f"locks/{'ab' * 32}.tmp.x1", f"states/ab/{'ab' * 32}.tmp.77"]
    with Repository.create(LocalStore(place), None) as repository:
        for name in names:
            (place / name).write_bytes(b"half")
            os.utime(place / name, (1, 1))
        (place / "tmp.2").write_bytes(b"being written")
        (place / "packfiles" / "notes.txt").write_bytes(b"somebody's")
        stale = Lock(timestamp=time.time_ns() - 3600 * 10**9, host="gone", exclusive=True)
        files = repository.writable_files
        files.put(Folder.LOCKS, b"\x01" * 32, locks.write(stale, repository.codec))
        plan = maintain(repository, MaintenanceSettings(dry_run=True))
        assert {file.key for file in plan.temporary} == {*names, "tmp.2"}
        assert [(lock.host, lock.is_stale) for lock in plan.locks] == [("gone", True)]
        os.utime(place / files.key(Folder.LOCKS, b"\x01" * 32), (1, 1))
        maintain(repository, MaintenanceSettings())
        left = {path.name for path in place.rglob("*") if path.is_file()}
        assert left == {"CONFIG", "tmp.2", "notes.txt"}


def test_a_writer_elsewhere_keeps_maintenance_out(repository: Repository) -> None:
    lived_in(repository)
    lock = Lock(timestamp=time.time_ns(), host="elsewhere", exclusive=False)
    repository.writable_files.put(Folder.LOCKS, b"\x02" * 32, locks.write(lock, repository.codec))
    works: list[Callable[[], object]] = [lambda: maintain(repository, NOW), lambda: repack(repository, THOROUGH)]
    for work in works:
        with pytest.raises(BusyError, match="elsewhere"):
            work()
    assert not [mac for kind, mac in repository.index.colours() if kind == Resource.PACKFILE]


def test_nothing_is_removed_while_it_is_not_known_what_is_needed(repository: Repository) -> None:
    lived_in(repository)
    found = survey(repository)
    used = next(name for name in found.shares if found.is_used(name))
    repository.writable_files.remove(Folder.PACKFILES, [used])
    works: list[Callable[[], object]] = [lambda: maintain(repository, NOW), lambda: repack(repository, THOROUGH)]
    for work in works:
        with pytest.raises(IntegrityError) as caught:
            work()
        assert "repair" in (caught.value.hint or "")


def test_decisions() -> None:
    share = {bytes((number,)): Share(number % 2, 10, 100) for number in range(6)}
    found = Survey(tuple(share), {}, share, dict.fromkeys([*share, b"s", b"o", b"y", b"w"], 100))
    steps = decide(
        found,
        {b"\0": 5, b"\1": 5, b"\2": 50, b"s": 5, b"g": 5},
        frozenset((b"w", b"g")),
        {b"o": 5, b"y": 50},
        [],
        cutoff=10,
    )
    assert steps == Steps(
        colour=(b"\4",), orphans=(b"o",), young=(b"y",), uncolour=(b"\1",), sweep=(b"\0", b"s"), finish=(b"w",)
    )


def test_what_no_state_names_stays_while_something_is_lost() -> None:
    """What is lost may be in it, whether a maintenance coloured it already or not."""
    shares = {b"n": Share(0, 10, 100)}
    found = Survey((b"n",), {}, shares, dict.fromkeys((b"n", b"c", b"o"), 100), lost=1)
    steps = decide(found, {b"n": 5, b"c": 5}, frozenset(), {b"o": 5}, [], cutoff=10)
    assert steps == Steps(sweep=(b"n",), young=(b"o",))
    nothing_lost = Survey((b"n",), {}, shares, found.sizes)
    assert decide(nothing_lost, {b"n": 5, b"c": 5}, frozenset(), {b"o": 5}, [], cutoff=10) == Steps(
        sweep=(b"c", b"n"), orphans=(b"o",)
    )


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
        maintain(repository, NOW)
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
    store.write(key, BytesReader(bytes(data), store.stat(key)), len(data))
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
            found.write(one, BytesReader(content, found.stat("")), len(content))
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
    data = bytearray(_bytes(store, file))
    data[16 + chosen.offset + chosen.length // 2] ^= 1
    store.write(file, BytesReader(bytes(data), store.stat(file)), len(data))

    other_one = next(place.packfile for place in places if place != chosen)
    done = repack(repository, THOROUGH)
    assert other_one in done.packfiles
    for _ in range(2):
        wait_for_the_clock()
        maintain(repository, NOW)
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
    backup = {page.prefix + name: _bytes(store, page.prefix + name) for page in store.list("") for name in page.names}
    number = 0
    while True:
        number += 1
        copied = MemoryStore()
        for key, data in backup.items():
            copied.write(key, BytesReader(data, copied.stat("")), len(data))
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


def _bytes(store: MemoryStore, key: str) -> bytes:
    with store.read(key) as reader:
        return reader.read(-1)


def swept(repository: Repository) -> None:
    wait_for_the_clock()
    maintain(repository, NOW)
    wait_for_the_clock()
    maintain(repository, NOW)
    found = survey(repository)
    assert found.sizes.keys() == found.shares.keys()
    assert all(found.is_used(name) for name in found.shares)


def test_maintenance_that_crashes_at_any_write(repository: Repository, store: MemoryStore) -> None:
    lived_in(repository)
    assert crashed_everywhere(repository, store, lambda victim: maintain(victim, NOW), swept) > 3
    maintain(repository, NOW)
    wait_for_the_clock()
    assert crashed_everywhere(repository, store, lambda victim: maintain(victim, NOW), swept) > 4


def test_repacking_that_crashes_at_any_write(
    repository: Repository, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait.repository.upkeep.repacking._PUBLISHED", 50_000)
    lived_in(repository)
    assert crashed_everywhere(repository, store, lambda victim: repack(victim, THOROUGH), swept) > 8


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
    swept(repository)
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


def test_all_of_it_in_one_run_that_crashes_at_any_write(
    repository: Repository, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plait.repository.upkeep.repacking._PUBLISHED", 50_000)
    lived_in(repository)
    assert crashed_everywhere(repository, store, lambda victim: maintain(victim, ALL_AT_ONCE), swept) > 10


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
                data = bytearray(_bytes(store, key))
                data[packfiles.file_offset(place.offset) + place.length // 2] ^= 1
                store.write(key, BytesReader(bytes(data), store.stat(key)), len(data))
        name = min(repository.writable_files.keys(Folder.STATES).values())
        store.write(name, BytesReader(b"damaged", store.stat(name)), 7)

        def between(after: Repository, expected: dict[bytes, dict[str, bytes]]) -> None:
            assert {snapshot.identifier for snapshot in after.snapshots()} >= expected.keys()

        def all_there(after: Repository) -> None:
            swept(after)
            gone = [identifier for identifier in contents(after) if identifier not in expected]
            # The lost state may have been the one that removed them.
            after.remove(gone)

        settings = RepairSettings(apply=True, from_files=False)
        crashes = crashed_everywhere(
            repository, store, lambda victim: repair(victim, settings, [peer]), all_there, between, expected
        )
        assert crashes > 6


def test_a_colour_is_taken_back_by_a_state_below_the_one_that_gave_it(repository: Repository) -> None:
    """The original applies parents first, and else in any order."""
    lived_in(repository)
    found = survey(repository)
    name = next(name for name in found.shares if found.is_used(name))
    with exclusive(repository, print) as lock:
        colouring = publish(repository, [Coloured(Resource.PACKFILE, name, 1)], lock)
        publish(repository, [Delete.colour(Resource.SNAPSHOT, b"\x09" * 32)], lock)
    maintain(repository, NOW)
    names = repository.writable_files.keys(Folder.STATES)
    parents = {
        repository.codec.decode(repository.codec.unwrap(repository.files.read(key), Resource.STATE, 1 << 30)[1])[:32]
        for key in names.values()
    }
    assert colouring in parents


def test_a_snapshot_keeps_its_header_where_the_new_one_does_not_read_back(repository: Repository) -> None:
    expected = lived_in(repository)
    (snapshot, *_) = expected
    states = repository.writable_files.keys(Folder.STATES)
    with exclusive(repository, lambda _: None) as lock, pytest.raises(IntegrityError, match="does not read back"):
        revive(repository, snapshot, b"another header, which is not stored", lock)
    assert repository.writable_files.keys(Folder.STATES) == states
    assert contents(repository) == expected


def test_an_entry_that_cannot_be_understood_keeps_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    read = entries.read

    def understood(plain: bytes) -> entries.Entry:
        if b"strange" in plain:
            raise IntegrityError("an entry of a snapshot has an impossible name")
        return read(plain)

    with Repository.create(MemoryStore(), None) as repository:
        save(repository, {"strange": b"a content of its own", "usual": b"another"})
        monkeypatch.setattr(entries, "read", understood)
        with pytest.raises(IntegrityError, match="impossible name"):
            survey(repository)
