"""Locks: who may write, whose lock counts by the store's clock, and that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from plait.model.errors import BusyError, PermissionDeniedError, PlaitError, StoreError
from plait.model.items import Stat
from plait.repository.events import Done
from plait.repository.format import locks
from plait.repository.format.locks import Lock
from plait.repository.layout import Folder
from plait.repository.locking import HeldLock, LockLostError
from plait.repository.repository import Repository
from plait.repository.upkeep.leftovers import seen_locks
from plait.stores.base import PLAIN, Outgoing
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.wrappers.fault import Fault, Misdeed, Script, faulty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.repository.events import Event
    from plait.stores.base import Source

MINUTE = 60 * 10**9
FOREIGN = b"\xab" * 32


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.fixture
def repository(place: Path, request: pytest.FixtureRequest) -> Iterator[Repository]:
    """Encrypted where a test gives a passphrase, which costs a second."""
    with Repository.create(LocalStore(place), getattr(request, "param", None)) as repository:
        yield repository


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    return tmp_path / "source"


def put(
    repository: Repository, *, exclusive: bool, age: int = 0, says: int | None = None, name: bytes = FOREIGN
) -> None:
    """A lock of somebody else, so old by the store's clock, whatever time it says itself."""
    lock = Lock(timestamp=time.time_ns() if says is None else says, host="other", exclusive=exclusive)
    files = repository.writable_files
    files.put(Folder.LOCKS, name, locks.write(lock, repository.codec))
    assert isinstance(files.store, LocalStore)
    files.store.set_attributes(files.key(Folder.LOCKS, name), modified=time.time_ns() - age)


def held(repository: Repository) -> set[bytes]:
    return set(repository.files.keys(Folder.LOCKS))


def hold(
    repository: Repository, *, exclusive: bool = False, refresh: float = 300, name: bytes = b"\x01" * 32
) -> HeldLock:
    return HeldLock(repository.writable_files, repository.codec, name, exclusive=exclusive, refresh=refresh)


@pytest.mark.parametrize("repository", [None, b"secret"], indirect=True, ids=["plain", "encrypted"])
def test_a_lock_is_the_originals(repository: Repository) -> None:
    with hold(repository) as lock:
        data = repository.files.read(repository.writable_files.key(Folder.LOCKS, lock.name))
        found = locks.read(data, repository.codec)
        assert not found.exclusive
        assert abs(found.timestamp - time.time_ns()) < MINUTE
        lock.check()
    assert held(repository) == set()
    lock.release()


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("theirs", [False, True])
def test_who_shuts_out_whom(repository: Repository, ours: bool, theirs: bool) -> None:
    put(repository, exclusive=theirs)
    if ours or theirs:
        with pytest.raises(BusyError, match="other"):
            hold(repository, exclusive=ours)
        assert held(repository) == {FOREIGN}
    else:
        with hold(repository):
            assert len(held(repository)) == 2


@pytest.mark.parametrize(("age", "live"), [(9 * MINUTE, True), (10 * MINUTE + 10**9, False)])
@pytest.mark.parametrize("says", [0, 10**19 // 2])
def test_age_is_taken_by_the_stores_clock(repository: Repository, age: int, live: bool, says: int) -> None:
    """A writer whose clock is wrong looks stale to the original while it is at work, or for ever alive."""
    put(repository, exclusive=True, age=age, says=says)
    if live:
        with pytest.raises(BusyError):
            hold(repository)
        assert held(repository) == {FOREIGN}
    else:
        with hold(repository):
            assert FOREIGN not in held(repository)


def test_the_lock_of_a_finished_snapshot_protects_nothing(repository: Repository, source: Path) -> None:
    """The original leaves them behind after nearly every backup, and waits for ten minutes then."""
    snapshot = repository.backup([source]).snapshot
    put(repository, exclusive=False, name=snapshot)
    listed = repository.reader.snapshots()
    with HeldLock(
        repository.writable_files, repository.codec, b"\x02" * 32, exclusive=True, is_listed=lambda name: name in listed
    ):
        assert held(repository) == {b"\x02" * 32}


def test_a_lock_that_cannot_be_read_stands_in_the_way_until_it_is_stale(repository: Repository) -> None:
    files = repository.writable_files
    files.put(Folder.LOCKS, FOREIGN, os.urandom(100))
    with pytest.raises(BusyError, match=FOREIGN.hex()):
        hold(repository)
    assert isinstance(files.store, LocalStore)
    files.store.set_attributes(files.key(Folder.LOCKS, FOREIGN), modified=time.time_ns() - 11 * MINUTE)
    with hold(repository):
        assert FOREIGN not in held(repository)


def test_it_is_refreshed(repository: Repository) -> None:
    with hold(repository, refresh=0.02) as lock:
        first = repository.writable_files.stat(Folder.LOCKS, lock.name)
        until = time.monotonic() + 30
        while repository.writable_files.stat(Folder.LOCKS, lock.name).modified == first.modified:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_writer_that_lost_its_lock_publishes_nothing(repository: Repository, source: Path) -> None:
    def steal(event: Event) -> None:
        if isinstance(event, Done):
            repository.writable_files.remove(Folder.LOCKS, held(repository))

    with pytest.raises(LockLostError):
        repository.backup([source], listener=steal)
    assert repository.files.keys(Folder.STATES) == {}
    assert held(repository) == set()


def test_one_that_slept_looks_round_again(repository: Repository) -> None:
    with hold(repository, refresh=0.0) as lock:
        lock.check()
        put(repository, exclusive=True)
        with pytest.raises(BusyError):
            lock.check()


def test_backups_leave_no_lock_behind(repository: Repository, source: Path) -> None:
    for _ in range(3):
        repository.backup([source])
        assert held(repository) == set()
    put(repository, exclusive=True)
    with pytest.raises(BusyError):
        repository.backup([source])
    assert held(repository) == {FOREIGN}
    # Readers never wait.
    with Repository.open(LocalStore(repository.description), None) as other:
        assert len(other.snapshots()) == 3


def test_a_backup_that_fails_leaves_no_lock_behind(source: Path) -> None:
    full: PlaitError = StoreError("the disk is full")
    store = MemoryStore()
    Repository.create(store, None).close()
    with Repository.open(
        faulty(store, Script([Fault(Misdeed.FAIL, "write", number=2, times=99, error=full)]))
    ) as broken:
        with pytest.raises(StoreError, match="full"):
            broken.backup([source])
        assert held(broken) == set()
        assert broken.files.keys(Folder.STATES) == {}


def test_a_lock_of_which_no_age_can_be_had_is_not_left_behind() -> None:
    class Timeless(MemoryStore):
        def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
            stored = super().write(key, content, size, how)
            return Stat(stored.kind, stored.size)

        def stat(self, key: str) -> Stat:
            if key.startswith("locks/"):
                raise StoreError("nobody answers")
            return super().stat(key)

    with Repository.create(Timeless(), None) as repository:
        files = repository.writable_files
        with pytest.raises(StoreError, match="nobody answers"):
            HeldLock(files, repository.codec, FOREIGN)
        assert not files.keys(Folder.LOCKS)


def test_where_nothing_may_be_deleted_the_lock_ages(source: Path) -> None:
    refused: PlaitError = PermissionDeniedError("not allowed to delete")
    store = MemoryStore()
    Repository.create(store, None).close()
    told: list[Event] = []
    with Repository.open(faulty(store, Script([Fault(Misdeed.FAIL, "delete", times=99, error=refused)]))) as peer:
        result = peer.backup([source], listener=told.append)
        assert held(peer) == {result.snapshot}
        assert any("could not be removed" in str(msgspec.structs.asdict(event)) for event in told)
        # It is that of a finished snapshot now, and stands in nobody's way.
        peer.backup([source])
        assert len(peer.snapshots()) == 2


def test_without_locks_nothing_is_locked_and_nobody_waited_for(repository: Repository, source: Path) -> None:
    put(repository, exclusive=True)
    repository.go_without_locks()
    names = []

    def listen(_: Event) -> None:
        names.append(set(repository.files.keys(Folder.LOCKS)))

    result = repository.backup([source], listener=listen)
    assert [snapshot.header.identifier for snapshot in repository.snapshots()] == [result.snapshot]
    assert names
    assert all(found == {FOREIGN} for found in names)


_HOLDER = """
import os, sys
from pathlib import Path
from plait.repository.locking import HeldLock
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore
place, cache, name = sys.argv[1:]
with Repository.open(LocalStore(place), cache=Path(cache)) as repository:
    lock = HeldLock(repository.writable_files, repository.codec, bytes.fromhex(name), exclusive=True)
    print("held", flush=True)
    sys.stdin.read()
    lock.release()
"""


@pytest.fixture
def holder(repository: Repository, place: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the exclusive lock."""
    words = [sys.executable, "-c", _HOLDER, str(place), str(tmp_path / "cache"), FOREIGN.hex()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert held(repository) == {FOREIGN}
        yield process
        process.kill()


def test_the_lock_of_a_run_that_was_killed_on_this_machine_is_nobodys(
    place: Path, tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with Repository.open(LocalStore(place), cache=tmp_path / "cache") as repository:
        with pytest.raises(BusyError, match="locked for maintenance"):
            hold(repository, exclusive=True)
        [seen] = seen_locks(repository.writable_files, repository.codec)
        assert not seen.is_stale
        holder.send_signal(signal.SIGKILL)
        holder.wait(60)
        [seen] = seen_locks(repository.writable_files, repository.codec)
        assert seen.is_stale
        with hold(repository, exclusive=True) as lock:
            assert held(repository) == {lock.name}
        assert held(repository) == set()
    assert list((tmp_path / "cache" / "signs").iterdir()) == []


def test_nothing_is_known_of_a_killed_run_from_another_cache_or_another_start_of_the_machine(
    repository: Repository, place: Path, tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(60)
    with pytest.raises(BusyError):
        hold(repository, exclusive=True)
    with Repository.open(LocalStore(place), cache=tmp_path / "other") as elsewhere, pytest.raises(BusyError):
        hold(elsewhere, exclusive=True)
    (tmp_path / "cache" / "signs" / FOREIGN.hex()).write_bytes(b"another start")
    with Repository.open(LocalStore(place), cache=tmp_path / "cache") as later, pytest.raises(BusyError):
        hold(later, exclusive=True)


def test_a_lock_that_cannot_be_removed_is_known_to_have_no_holder(tmp_path: Path) -> None:
    refused: PlaitError = PermissionDeniedError("not allowed to delete")
    store = MemoryStore()
    Repository.create(store, None).close()
    script = Script([Fault(Misdeed.FAIL, "delete", times=99, error=refused)])
    with Repository.open(faulty(store, script), cache=tmp_path / "cache") as peer:
        hold(peer, exclusive=True).release()
        assert len(held(peer)) == 1
        hold(peer, exclusive=True, name=FOREIGN).release()
        assert len(held(peer)) == 2
