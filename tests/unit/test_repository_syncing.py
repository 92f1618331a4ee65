"""Syncs between repositories that cut contents differently, and what is known of two repositories together."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest

from plait.engine.workers import Cancellation
from plait.model.errors import BusyError, StoreError, UsageError
from plait.repository.backup.saving import BackupSettings
from plait.repository.checking.checking import check
from plait.repository.events import Done, Ended, Event, Expected
from plait.repository.files import StoredFiles
from plait.repository.format import configuration as configurations
from plait.repository.format.configuration import Chunking, Configuration, Hashing
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.locking import HeldLock
from plait.repository.repository import Repository
from plait.repository.selection import Query
from plait.repository.syncing import estimating
from plait.repository.syncing.hands import Chunk, Hands, Wanted
from plait.repository.syncing.learning import Lesson, learn
from plait.repository.syncing.pairs import Pairs
from plait.repository.syncing.settings import Copied, Copying, Direction, Outcome, Planned, SyncSettings
from plait.repository.syncing.small import LARGEST
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
from plait.repository.writing import Writer
from plait.stores.base import PLAIN, Outgoing
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from plait.model.items import Stat
    from plait.repository.syncing.settings import SyncEvent
    from plait.stores.base import Features, Source

OTHER = Chunking(min_size=2048, normal_size=8192, max_size=65536)


def other_kind() -> Repository:
    """A repository that cuts contents into small pieces."""
    store = MemoryStore()
    config = Configuration(
        timestamp=0, repository=os.urandom(16), hashing=Hashing("BLAKE3"), compression=None, chunking=OTHER
    )
    StoredFiles(store).create(configurations.write(config, None))
    return Repository.open(store)


def sync(local: Repository, peer: Repository, settings: SyncSettings | None = None) -> int:
    events: list[SyncEvent] = []
    result = Sync(local, peer, ("here", "there"), settings or SyncSettings(), events.append).run(Direction.TO, Query())
    assert not result.count(Outcome.FAILED), events
    return result.count(Outcome.COPIED)


class FarStore(MemoryStore):
    """One that seems to be behind a network."""

    @property
    def features(self) -> Features:
        return msgspec.structs.replace(super().features, depends_on_network=True)


class FailingStore(MemoryStore):
    """One that takes so many files, and then no more."""

    left = 10_000

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        if not self.left:
            raise StoreError("the store takes no more")
        self.left -= 1
        return super().write(key, content, size, how)


def lay_tree(root: Path) -> None:
    noise = random.Random(3)
    (root / "sub").mkdir()
    (root / "small").write_bytes(b"small")
    (root / "empty").touch()
    (root / "middle").write_bytes(noise.randbytes(50_000))
    (root / "sub/large").write_bytes(noise.randbytes(5_000_000))


@pytest.mark.parametrize("backwards", [False, True])
def test_contents_are_cut_as_the_peer_cuts_them(tmp_path: Path, backwards: bool) -> None:
    lay_tree(tmp_path)
    with Repository.create(MemoryStore(), None) as usual, other_kind() as other:
        source, peer = (other, usual) if backwards else (usual, other)
        source.backup([str(tmp_path)])
        peer.backup([str(tmp_path)])
        held = set(peer.index.blobs())
        sync(source, peer)
        new = set(peer.index.blobs()) - held
        # What the peer has of its own was cut alike and is used; but for the lists of directories.
        directories = len(tmp_path.parts) + 1
        assert sum(resource == Resource.CHUNK for resource, _ in new) <= directories
        saved = source.snapshots()[0]
        (copied,) = [snapshot for snapshot in peer.snapshots() if snapshot.identifier == saved.identifier]
        for name in ("small", "empty", "middle", "sub/large"):
            path = f"{tmp_path}/{name}"
            before, after = saved.entry(path), copied.entry(path)
            assert b"".join(copied.content(after)) == (tmp_path / name).read_bytes()
            assert after.file_info == before.file_info
            assert after.chunks == len(peer.reader.blobs.object(after.object).chunks or ())
        checked = check(peer.reader, peer.files, [(copied, "/")])
        assert not any(found.failed for found in checked.snapshots)


def test_a_second_snapshot_of_cut_contents_uses_what_is_known(tmp_path: Path) -> None:
    lay_tree(tmp_path)
    with Repository.create(MemoryStore(), None) as source, other_kind() as peer:
        source.backup([str(tmp_path)])
        sync(source, peer)
        (tmp_path / "middle").rename(tmp_path / "renamed")
        source.backup([str(tmp_path)])
        assert sync(source, peer) == 1
        checked = check(peer.reader, peer.files, [(snapshot, "/") for snapshot in peer.snapshots()])
        assert not any(found.failed for found in checked.snapshots)


def test_pairs_are_forgotten_once_a_packfile_is_gone(tmp_path: Path) -> None:
    packfiles = {b"a" * 32, b"b" * 32}
    pairs = Pairs(tmp_path, b"source", b"peer")
    pairs.verify(packfiles)
    pairs.set(Resource.OBJECT, b"1" * 32, b"2" * 32)
    pairs.keep(packfiles)
    pairs.set(Resource.OBJECT, b"3" * 32, b"4" * 32)
    pairs.discard()
    pairs.close()
    again = Pairs(tmp_path, b"source", b"peer")
    again.verify(packfiles | {b"c" * 32})
    assert again.get(Resource.OBJECT, b"1" * 32) == b"2" * 32
    assert again.get(Resource.VFS_ENTRY, b"1" * 32) is None
    assert again.get(Resource.OBJECT, b"3" * 32) is None
    again.verify({b"a" * 32})
    assert again.get(Resource.OBJECT, b"1" * 32) is None
    again.close()


def test_a_damaged_file_of_pairs_is_made_again(tmp_path: Path) -> None:
    for damage in (b"nothing of the kind", b""):
        pairs = Pairs(tmp_path, b"source", b"peer")
        pairs.set(Resource.OBJECT, b"1" * 32, b"2" * 32)
        pairs.keep(())
        pairs.close()
        (path,) = [found for found in (tmp_path / "pairs").iterdir() if "-" not in found.name]
        path.write_bytes(damage)
        again = Pairs(tmp_path, b"source", b"peer")
        again.verify(())
        assert again.get(Resource.OBJECT, b"1" * 32) is None
        again.close()


def test_what_was_learned_is_used_by_the_next_run(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    lay_tree(tree)
    with (
        Repository.create(MemoryStore(), None, cache=tmp_path / "cache") as source,
        Repository.create(MemoryStore(), None, cache=tmp_path / "cache") as peer,
    ):
        source.backup([str(tree)])
        sync(source, peer)
        (tree / "small").write_bytes(b"other")
        source.backup([str(tree)])
        source.refresh()
        before = source.reader.blobs.received
        sync(source, peer)
        assert source.reader.blobs.received - before < 3_000_000
        assert msgspec.structs.asdict(source.snapshots()[0].header)["identifier"] in peer.reader.snapshots()


def test_contents_of_a_common_snapshot_are_not_read_again(tmp_path: Path) -> None:
    lay_tree(tmp_path)
    with Repository.create(MemoryStore(), None) as source, Repository.create(MemoryStore(), None) as peer:
        source.backup([str(tmp_path)])
        # Nothing is remembered of this run, as where another program made the copy.
        sync(source, peer)
        (tmp_path / "small").write_bytes(b"other")
        source.backup([str(tmp_path)])
        before = source.reader.blobs.received
        assert sync(source, peer) == 1
        assert source.reader.blobs.received - before < 1_000_000
        checked = check(peer.reader, peer.files, [(snapshot, "/") for snapshot in peer.snapshots()])
        assert not any(found.failed for found in checked.snapshots)
        (copied,) = [one for one in peer.snapshots() if one.identifier == source.snapshots()[0].identifier]
        for path in ("small", "middle", "sub/large"):
            found = b"".join(copied.content(copied.entry(f"{tmp_path}/{path}")))
            assert found == (tmp_path / path).read_bytes()


def test_defect_what_an_earlier_copy_got_wrong_is_not_learned(tmp_path: Path) -> None:
    name = tmp_path / "file"
    with Repository.create(MemoryStore(), None) as source, Repository.create(MemoryStore(), None) as peer:
        name.write_bytes(b"A" * 5000)
        source.backup([str(tmp_path)])
        first = source.snapshots()[0].identifier
        sync(source, peer)
        # As if the copy had another content of the same length under the same identifier.
        name.write_bytes(b"B" * 5000)
        peer.backup([str(tmp_path)])
        (wrong,) = [one.header for one in peer.snapshots() if one.identifier != first]
        header = msgspec.structs.replace(wrong, identifier=first)
        pairs = Pairs(None, b"source", b"peer")
        lesson = Lesson(source.snapshot(first).header, (first,))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(peer.reader, "header", lambda _: header)
            learn(source.reader, peer, pairs, lesson, Cancellation())
        entry = source.snapshot(first).entry(str(name))
        assert pairs.get(Resource.OBJECT, entry.object) is None
        assert pairs.has(first)
        pairs.close()


def test_where_nothing_is_new_nothing_is_read(tmp_path: Path) -> None:
    lay_tree(tmp_path)
    store, space = MemoryStore(), MemoryStore()
    with Repository.create(store, None) as source, Repository.create(space, None) as peer:
        source.backup([str(tmp_path)])
        sync(source, peer)
    with Repository.open(store) as source, Repository.open(space) as peer:
        result = Sync(source, peer, ("here", "there"), SyncSettings(), lambda _: None).run(Direction.WITH, Query())
        assert result.count(Outcome.PRESENT) == 1
        assert not source.reader.blobs.received + peer.reader.blobs.received


def test_a_dry_run_reads_a_sample_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "_MOST", 250)
    monkeypatch.setattr(estimating, "_RANGE", 16 << 10)
    noise = random.Random(5)
    for half in ("shared", "new"):
        (tmp_path / half).mkdir()
        for number in range(500):
            (tmp_path / half / str(number)).write_bytes(noise.randbytes(20_000))
    planned: list[SyncEvent] = []
    with Repository.create(FarStore(), None) as source, Repository.create(MemoryStore(), None) as peer:
        source.backup([str(tmp_path)])
        # The peer has half of it from elsewhere, which only its contents tell.
        peer.backup([str(tmp_path / "shared")])
        before = source.reader.blobs.received
        Sync(source, peer, ("here", "there"), SyncSettings(dry_run=True), planned.append).run(Direction.TO, Query())
        assert source.reader.blobs.received - before < 15_000_000
        held = sum(peer.files.packfile_sizes().values())
        sync(source, peer)
        grown = sum(peer.files.packfile_sizes().values()) - held
        (plan,) = [event for event in planned if isinstance(event, Planned)]
        # Six standard deviations of so small a sample.
        assert abs(plan.size - grown) < grown / 3


def test_it_is_told_how_much_there_is_to_do(tmp_path: Path) -> None:
    lay_tree(tmp_path)
    events: list[Event] = []
    with Repository.create(MemoryStore(), None) as source, Repository.create(MemoryStore(), None) as peer:
        source.backup([str(tmp_path)])
        (tmp_path / "small").unlink()
        peer.backup([str(tmp_path)])
        work = Sync(source, peer, ("here", "there"), SyncSettings(), lambda _: None, events.append)
        work.run(Direction.WITH, Query())
    there, back = [event for event in events if isinstance(event, Expected)]
    done = [event for event in events if isinstance(event, Done)]
    assert there.items == sum(len(event.names) for event in done[: len(tmp_path.parts) + 1])
    assert there.size == 5 + 50_000 + 5_000_000
    # What came before counts along.
    assert back.size == there.size + 5_050_000
    assert back.items == sum(len(event.names) for event in done)


def test_whenever_the_peer_fails_what_it_lists_is_whole(tmp_path: Path) -> None:
    lay_tree(tmp_path)
    (tmp_path / "sub/large").unlink()
    at_once = SyncSettings(publish_seconds=0)
    with Repository.create(MemoryStore(), None) as source:
        source.backup([str(tmp_path)])
        (tmp_path / "other").write_bytes(b"other" * 1000)
        source.backup([str(tmp_path)])
        listed = []
        for writes in (*range(36), 10_000):
            store = FailingStore()
            with Repository.create(store, None) as peer:
                store.left = writes
                with suppress(StoreError):
                    sync(source, peer, at_once)
            store.left = 10_000
            with Repository.open(store) as peer:
                snapshots = peer.snapshots()
                checked = check(peer.reader, peer.files, [(snapshot, "/") for snapshot in snapshots])
                assert not any(found.failed for found in checked.snapshots), writes
                listed.append(len(snapshots))
    assert (listed[0], listed[-1]) == (0, 2)


def test_what_was_read_is_told_whoever_read_it(tmp_path: Path) -> None:
    tree, own = tmp_path / "tree", tmp_path / "own"
    for directory in (tree, own):
        directory.mkdir()
    lay_tree(tree)
    (tree / "sub/large").unlink()
    events: list[Event] = []
    with Repository.create(LocalStore(own), None) as source, Repository.create(MemoryStore(), None) as peer:
        source.backup([str(tree)])
        Sync(source, peer, ("here", "there"), SyncSettings(), lambda _: None, events.append).run(Direction.TO, Query())
    (ended,) = [event for event in events if isinstance(event, Ended)]
    assert 50_000 < ended.read < 1_000_000


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_coloured_after_the_processes_began_is_carried_all_the_same(tmp_path: Path, whole: bool) -> None:
    tree, own, other = tmp_path / "tree", tmp_path / "own", tmp_path / "other"
    for directory in (tree, own, other):
        directory.mkdir()
    lay_tree(tree)
    with Repository.create(LocalStore(own), None) as source, Repository.create(LocalStore(other), None) as peer:
        saved = source.backup([str(tree)]).snapshot
        removed = peer.backup([str(tree)]).snapshot
        mac = source.snapshot(saved).entry(f"{tree}/middle").object
        chunk = (source.reader.blobs.object(mac).chunks or ())[0]
        features = source.files.store.features
        with Hands(source.reader.blobs, features, peer.codec, peer.index, Cancellation()) as hands:
            hands.start()
            peer.remove([removed])
            maintain(peer, MaintenanceSettings())
            with (
                HeldLock(peer.writable_files, peer.codec, os.urandom(32)) as lock,
                Writer(peer.writable_files, peer.codec, peer.index, lock) as writer,
            ):
                hands.sink = writer
                if whole:
                    (content,) = hands.contents([Wanted(mac, 50_000)], LARGEST)
                    assert [own for own, _ in content.carried] == [mac]
                else:
                    (carried,) = hands.carry([Wanted(chunk.content_mac, chunk.length)])
                    assert isinstance(carried, Chunk)
                hands.finish()
                writer.publish()
        data = source.reader.blobs.chunk(chunk.content_mac, chunk.length)
        assert peer.index.holds(Resource.CHUNK, peer.codec.mac(data))
        assert peer.reader.blobs.chunk(peer.codec.mac(data), chunk.length) == data


def test_what_keeps_one_direction_from_being_done_does_not_keep_the_other(tmp_path: Path) -> None:
    lay_tree(tmp_path)
    store = FailingStore()
    with Repository.create(MemoryStore(), None) as local, Repository.create(store, None) as peer:
        own = local.backup([str(tmp_path / "sub")]).snapshot
        other = peer.backup([str(tmp_path / "small")]).snapshot
        store.left = 0
        work = Sync(local, peer, ("here", "there"), SyncSettings(), lambda _: None)
        with pytest.raises(StoreError, match="takes no more"):
            work.run(Direction.WITH, Query())
        assert work.result().outcomes == {own: Outcome.FAILED, other: Outcome.COPIED}
        assert set(local.reader.snapshots()) == {own, other}


def two_snapshots(root: Path, store: MemoryStore, *common: str) -> tuple[bytes, bytes]:
    """A repository with two snapshots that have these files in common."""
    lay_tree(root)
    shared = [str(root / name) for name in common]
    with Repository.create(store, None) as source:
        first = source.backup([str(root / "sub"), *shared]).snapshot
        return first, source.backup([str(root / "middle"), *shared]).snapshot


@pytest.mark.parametrize("swept", [False, True])
def test_a_snapshot_that_is_removed_from_the_source_meanwhile(tmp_path: Path, swept: bool) -> None:
    """As long as its contents are there it is copied; it is never copied in part, and the others are copied."""
    store, other = MemoryStore(), MemoryStore()
    first, second = two_snapshots(tmp_path, store)

    def removing(event: SyncEvent) -> None:
        if isinstance(event, Copied) and event.snapshot == second:
            with Repository.open(store) as found:
                found.remove([first])
                large = [name for name, size in found.files.packfile_sizes().items() if size > 1 << 20]
                found.writable_files.remove(Folder.PACKFILES, large if swept else [])

    with Repository.open(store) as source, Repository.create(other, None) as peer:
        result = Sync(source, peer, ("here", "there"), SyncSettings(), removing).run(Direction.TO, Query())
    assert result.outcomes == {first: Outcome.FAILED if swept else Outcome.COPIED, second: Outcome.COPIED}
    whole(other, [second] if swept else [first, second])


@pytest.mark.parametrize("maintained", [False, True])
def test_a_snapshot_that_is_removed_from_the_peer_meanwhile(tmp_path: Path, maintained: bool) -> None:
    """What it shares with the one that is being copied stays; maintenance waits for the end of the sync."""
    store, other = MemoryStore(), MemoryStore()
    first, second = two_snapshots(tmp_path, store, "small", "empty")
    busy: list[bool] = []

    def removing(event: SyncEvent) -> None:
        if isinstance(event, Copying):
            with Repository.open(other) as found:
                found.remove([second])
                if maintained:
                    with pytest.raises(BusyError):
                        maintain(found, MaintenanceSettings(grace=0))
                    busy.append(True)

    with Repository.open(store) as source, Repository.create(other, None) as peer:
        Sync(source, peer, ("here", "there"), SyncSettings(), lambda _: None).run(
            Direction.TO, Query(prefixes=(second.hex(),))
        )
        result = Sync(source, peer, ("here", "there"), SyncSettings(), removing).run(
            Direction.TO, Query(prefixes=(first.hex(),))
        )
    assert result.outcomes == {first: Outcome.COPIED}
    assert busy == [True] * maintained
    with Repository.open(other) as found:
        for _ in range(2):
            maintain(found, MaintenanceSettings(grace=0))
    whole(other, [first])


def whole(store: MemoryStore, snapshots: list[bytes]) -> None:
    """Asserts that a repository has these snapshots, each of them whole."""
    with Repository.open(store) as found:
        assert found.reader.snapshots() == sorted(snapshots)
        checked = check(found.reader, found.files, [(snapshot, "/") for snapshot in found.snapshots()])
        assert not any(one.failed for one in checked.snapshots)


def test_a_sync_from_python(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with Repository.create(MemoryStore(), None) as local, Repository.create(MemoryStore(), None) as peer:
        snapshot = local.backup([str(tmp_path)], BackupSettings(tags=["a"])).snapshot
        other = peer.backup([str(tmp_path)]).snapshot
        in_one_process = SyncSettings(remembers=False, processes=False)
        assert local.sync(peer, "to", Query(tags=("b",)), in_one_process).outcomes == {}
        rehearsed = local.sync(peer, settings=SyncSettings(dry_run=True, processes=False))
        assert rehearsed.outcomes == {snapshot: Outcome.COPIED}
        assert [found.identifier for found in peer.snapshots()] == [other]
        assert local.sync(peer, Direction.WITH, settings=in_one_process).count(Outcome.COPIED) == 2
        for repository in (local, peer):
            assert repository.check().is_whole
            assert {found.identifier for found in repository.snapshots()} == {snapshot, other}
        with pytest.raises(UsageError, match="to, from or with a peer, not sideways"):
            local.sync(peer, "sideways")
        with pytest.raises(UsageError):
            local.sync(local)
