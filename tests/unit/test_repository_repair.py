"""Repair: what is lost comes back from wherever it still is, and nothing refers to damage afterwards."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import pytest

from plait.engine.workers import Cancellation
from plait.model.errors import NotSupportedError
from plait.repository.backup.saving import BackupSettings
from plait.repository.format.packfiles import file_offset
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.copying import SnapshotCopy
from plait.repository.syncing.settings import Direction, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.damage import damaged_packfiles
from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
from plait.repository.upkeep.repairing import Repaired, RepairSettings, repair
from plait.repository.upkeep.sampling import check_sample, pick
from plait.stores.content import BytesReader
from plait.stores.memory import MemoryStore
from plait.testing.repositories import contents, is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from plait.repository.backup.saving import BackupResult
    from plait.repository.format.merging import Place

APPLY = RepairSettings(apply=True)
ALONE = RepairSettings(apply=True, from_files=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pick_bytes = random.Random(3)
    root = tmp_path / "source"
    for number in range(9):
        path = root / f"d{number % 3}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pick_bytes.randbytes(40_000 + number))
    return root


@pytest.fixture
def place() -> MemoryStore:
    """Where the repository is."""
    return MemoryStore()


@pytest.fixture
def repository(place: MemoryStore, tmp_path: Path) -> Iterator[Repository]:
    settings = NewRepository(packfile_size=100_000)
    with Repository.create(place, None, settings, cache=tmp_path / "cache") as repository:
        yield repository


def save(repository: Repository, source: Path) -> BackupResult:
    return repository.backup([source], BackupSettings(publish_seconds=0, workers=1))


def put(place: MemoryStore, key: str, data: bytes) -> None:
    place.write(key, BytesReader(data, place.stat("")), len(data))


def get(place: MemoryStore, key: str) -> bytes:
    with place.read(key) as reader:
        return reader.read(-1)


def everything(place: MemoryStore) -> dict[str, bytes]:
    return {page.prefix + name: get(place, page.prefix + name) for page in place.list("") for name in page.names}


def copied(place: MemoryStore) -> MemoryStore:
    copy = MemoryStore()
    for key, data in everything(place).items():
        put(copy, key, data)
    return copy


def damage(place: MemoryStore, repository: Repository, found: Place) -> None:
    """Flips a bit of a blob."""
    key = repository.writable_files.key(Folder.PACKFILES, found.packfile)
    data = bytearray(get(place, key))
    data[file_offset(found.offset) + found.length // 2] ^= 4
    put(place, key, bytes(data))


def flip(place: MemoryStore, repository: Repository, resource: Resource) -> None:
    """Flips a bit in the first blob of a kind, in every packfile that has it."""
    mac = min(key[:32] for key, _ in repository.index.locations() if key[32] == resource)
    for found in repository.index.places(resource, mac):
        damage(place, repository, found)


def remove(place: MemoryStore, repository: Repository, names: Iterable[bytes]) -> None:
    list(place.delete([repository.writable_files.key(Folder.PACKFILES, name) for name in names]))


def reopened(place: MemoryStore) -> Repository:
    return Repository.open(place)


def swept(repository: Repository) -> None:
    maintain(repository, MaintenanceSettings(grace=0))
    maintain(repository, MaintenanceSettings(grace=0))


def test_nothing_is_repaired_that_is_whole(repository: Repository, source: Path) -> None:
    save(repository, source)
    states = repository.files.keys(Folder.STATES)
    assert repair(repository, APPLY) == Repaired(left=[])
    assert repository.files.keys(Folder.STATES) == states


def test_a_dry_run_names_what_is_hit_and_changes_nothing(
    repository: Repository, source: Path, place: MemoryStore
) -> None:
    first, second = save(repository, source).snapshot, save(repository, source / "d0").snapshot
    expected = contents(repository)
    damaged = next(path for path in sorted(expected[second]) if path.endswith("f0"))
    entry = repository.snapshot(first).entry(damaged)
    chunk = (repository.reader.blobs.object(entry.object).chunks or ())[0].content_mac
    (found,) = repository.index.places(Resource.CHUNK, chunk)
    damage(place, repository, found)
    files = everything(place)
    result = repair(repository, RepairSettings())
    assert result.is_needed
    assert result.left is None
    assert {(hit.snapshot, hit.path) for hit in result.hit} == {(first, damaged), (second, damaged)}
    assert [packfile.lost for packfile in result.packfiles] == [(chunk + bytes((Resource.CHUNK,)),)]
    assert files == everything(place)


@pytest.mark.parametrize("resource", [Resource.CHUNK, Resource.OBJECT])
def test_contents_come_back_from_the_files_that_were_saved(
    repository: Repository, source: Path, place: MemoryStore, resource: Resource
) -> None:
    save(repository, source)
    expected = contents(repository)
    # Of entries and trees files know nothing: an object of one of them is not among those taken here.
    entry = next(entry for entry in repository.snapshots()[0].walk() if entry.path.endswith("f4"))
    mac = entry.object
    if resource is Resource.CHUNK:
        mac = (repository.reader.blobs.object(mac).chunks or ())[0].content_mac
    (found,) = repository.index.places(resource, mac)
    damage(place, repository, found)
    assert not is_whole(repository)
    assert repair(repository, APPLY).left == []
    assert contents(repository) == expected
    with reopened(place) as again:
        assert contents(again) == expected
        swept(again)
        assert is_whole(again)
        assert contents(again) == expected


def test_a_file_that_has_changed_gives_nothing(repository: Repository, source: Path, place: MemoryStore) -> None:
    save(repository, source)
    for path in source.rglob("f*"):
        path.write_bytes(b"something else, of other length")
    expected = contents(repository)
    before = set(repository.index.blobs())
    names = {found.packfile for key, found in repository.index.locations() if key[32] == Resource.CHUNK}
    for name in sorted(names):
        key = repository.writable_files.key(Folder.PACKFILES, name)
        data = bytearray(get(place, key))
        data[30_000] ^= 1
        put(place, key, bytes(data))
    result = repair(repository, APPLY)
    assert result.left
    assert {hit.path for hit in result.left} <= {str(path) for path in source.rglob("*")}
    assert set(repository.index.blobs()) < before
    assert maintain(repository, MaintenanceSettings(dry_run=True)).lost
    # What is lost is stored again by the next backup of the same content: that mends the old snapshot.
    pick_bytes = random.Random(3)
    for number in range(9):
        (source / f"d{number % 3}" / f"f{number}").write_bytes(pick_bytes.randbytes(40_000 + number))
    made = save(repository, source).snapshot
    found = contents(repository)
    del found[made]
    assert found == expected


@pytest.mark.parametrize(
    "resource",
    [
        Resource.CHUNK,
        Resource.OBJECT,
        Resource.VFS_NODE,
        Resource.VFS_ENTRY,
        Resource.VFS_BTREE,
        Resource.VFS_SUMMARY,
        Resource.BTREE_NODE,
        Resource.BTREE_ROOT,
        Resource.ERROR_BTREE,
        Resource.XATTR_NODE,
        Resource.SNAPSHOT,
    ],
)
def test_everything_comes_back_from_a_peer(
    repository: Repository, source: Path, place: MemoryStore, resource: Resource
) -> None:
    save(repository, source)
    save(repository, source / "d1")
    expected = contents(repository)
    with Repository.create(MemoryStore(), None, NewRepository(hashing="SHA256", compression=None)) as peer:
        Sync(repository, peer, ("here", "there"), SyncSettings(), lambda _: None).run(Direction.TO, Query())
        flip(place, repository, resource)
        assert not is_whole(repository)
        result = repair(repository, ALONE, [peer])
        assert result.packfiles
        assert result.left == []
    assert contents(repository) == expected
    with reopened(place) as again:
        swept(again)
        assert contents(again) == expected
        assert is_whole(again)


def test_a_missing_packfile_is_made_up_for(repository: Repository, source: Path, place: MemoryStore) -> None:
    save(repository, source)
    expected = contents(repository)
    names = {found.packfile for key, found in repository.index.locations() if key[32] == Resource.CHUNK}
    remove(place, repository, names)
    assert repair(repository, RepairSettings()).hit
    result = repair(repository, APPLY)
    assert {packfile.name for packfile in result.packfiles} == names
    # The lists of directories were among what is gone: they are made again of the entries.
    assert result.left == []
    assert contents(repository) == expected


@pytest.mark.parametrize("how", ["damaged", "missing", "empty"])
def test_states_are_made_again_from_what_packfiles_say(
    repository: Repository, source: Path, place: MemoryStore, how: str
) -> None:
    save(repository, source / "d0")
    save(repository, source)
    expected = contents(repository)
    for key, data in everything(place).items():
        if key.startswith("states/"):
            list(place.delete([key]))
            if how != "missing":
                put(place, key, b"" if how == "empty" else data[:-40] + bytes(40))
    with reopened(place) as victim:
        result = repair(victim, RepairSettings())
        assert result.named
        assert bool(result.states) is (how != "missing")
        assert repair(victim, APPLY).left == []
        assert not victim.index.damaged_states
        assert contents(victim) == expected
    with reopened(place) as again:
        assert not again.reader.damaged_states
        assert contents(again) == expected
        assert not repair(again, RepairSettings()).is_needed


def test_a_state_that_can_be_read_again_is_kept(repository: Repository, source: Path, place: MemoryStore) -> None:
    save(repository, source)
    key = next(key for key in everything(place) if key.startswith("states/"))
    data = get(place, key)
    put(place, key, data[:-1])
    with reopened(place) as victim:
        assert key in victim.index.damaged_states
        put(place, key, data)
        repair(victim, RepairSettings(apply=True))
    assert get(place, key) == data


def test_a_snapshot_that_would_come_back_in_pieces_stays_removed(
    repository: Repository, source: Path, place: MemoryStore
) -> None:
    save(repository, source / "d1")
    expected = contents(repository)
    gone = save(repository, source).snapshot
    entry = repository.snapshot(gone).entry(str(source / "d0" / "f0"))
    chunk = (repository.reader.blobs.object(entry.object).chunks or ())[0].content_mac
    (found,) = repository.index.places(Resource.CHUNK, chunk)
    list(place.delete([key for key in everything(place) if key.startswith("states/")]))
    # A part of it went with a maintenance of which nothing is known any more.
    remove(place, repository, [found.packfile])
    with reopened(place) as victim:
        result = repair(victim, ALONE)
        assert result.hidden == [gone]
        assert contents(victim) == expected
        assert is_whole(victim)


def test_a_snapshot_of_a_lost_state_with_one_damaged_file_stays_listed(
    repository: Repository, source: Path, place: MemoryStore
) -> None:
    kept = save(repository, source).snapshot
    path = str(source / "d0" / "f0")
    chunk = (repository.reader.blobs.object(repository.snapshot(kept).entry(path).object).chunks or ())[0].content_mac
    damage(place, repository, *repository.index.places(Resource.CHUNK, chunk))
    list(place.delete([key for key in everything(place) if key.startswith("states/")]))
    with reopened(place) as victim:
        result = repair(victim, ALONE)
        assert result.hidden == []
        assert [(hit.snapshot, hit.path) for hit in result.left or ()] == [(kept, path)]
        assert victim.reader.snapshots() == [kept]


def test_a_snapshot_of_a_newer_kind_at_the_peer_does_not_end_the_repair(
    repository: Repository, source: Path, place: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def refuse(*_: object) -> None:
        refused.append(True)
        raise NotSupportedError("the snapshot has an index that is not known")

    save(repository, source)
    # One of a file: those of directories are made again without a peer.
    damage(place, repository, max((found for _, found in repository.index.locations()), key=lambda found: found.length))
    with Repository.open(copied(place)) as peer:
        monkeypatch.setattr(SnapshotCopy, "_tree", refuse)
        result = repair(repository, ALONE, [peer])
    assert refused
    assert result.left


def test_left_overs_of_a_backup_that_died_are_no_lost_state(
    repository: Repository, source: Path, place: MemoryStore
) -> None:
    save(repository, source / "d0")
    other = copied(place)
    with reopened(other) as elsewhere:
        save(elsewhere, source / "d1")
        headers = {found.packfile.hex() for key, found in elsewhere.index.locations() if key[32] == Resource.SNAPSHOT}
    for key, data in everything(other).items():
        if key.startswith("packfiles/") and key[-64:] not in headers:
            put(place, key, data)
    assert not repair(repository, RepairSettings()).is_needed


def test_samples_cover_everything_in_turn(repository: Repository, source: Path) -> None:
    save(repository, source)
    covered = [0]
    found = check_sample(repository, 0.0)
    for _ in range(40):
        found = check_sample(repository, 0.2)
        assert found.checked.is_whole
        assert covered[-1] < found.covered <= found.total
        covered.append(found.covered)
        if found.oldest is not None:
            break
    assert covered[-1] == found.total
    assert len(covered) <= 7


def test_a_sample_names_what_a_flipped_bit_hits(repository: Repository, source: Path, place: MemoryStore) -> None:
    snapshot = save(repository, source).snapshot
    flip(place, repository, Resource.CHUNK)
    found = check_sample(repository, 1.0)
    assert not found.checked.is_whole
    assert len(found.checked.files) == 1
    whole = repository.check()
    assert [(failure.snapshot, failure.path) for failure in found.checked.failures] == [
        (failure.snapshot, failure.path) for failure in whole.failures
    ]
    assert found.checked.failures[0].snapshot == snapshot
    # What is damaged comes first the next time, whatever the share.
    assert not check_sample(repository, 0.01).checked.is_whole


def test_a_sample_that_was_cancelled_takes_no_damage_for_whole(
    repository: Repository, source: Path, place: MemoryStore
) -> None:
    save(repository, source)
    flip(place, repository, Resource.CHUNK)
    names = sorted(repository.index.readable_packfiles())
    whole: list[bytes] = []
    # What has been told so far is remembered when the reading ends early, before the damage is looked into.
    (damaged,) = damaged_packfiles(repository, names, whole.append, Cancellation())
    assert damaged.name not in whole
    assert {*whole, damaged.name} == set(names)


def test_picking() -> None:
    order = random.Random(1)
    sizes = {bytes((number,)): 100 for number in range(10)}
    assert len(pick(sizes, {}, 0.25, order)) == 3
    assert len(pick(sizes, {}, 0.0001, order)) == 1
    assert pick({}, {}, 0.5, order) == []
    seen = {name: index for index, name in enumerate(sorted(sizes), 1)}
    assert pick(sizes, seen, 0.2, order) == [b"\0", b"\1"]
    del seen[b"\5"]
    assert pick(sizes, seen, 0.2, order) == [b"\5", b"\0"]


def test_the_origin_is_this_machine(repository: Repository, source: Path) -> None:
    save(repository, source)
    assert repository.snapshots()[0].source.importer.origin == socket.gethostname()
