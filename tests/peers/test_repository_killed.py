"""A backup that is killed at any write leaves a repository that opens, and the next run finishes the work."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from plait.repository.backup.saving import BackupSettings
from plait.repository.repository import NewRepository, Repository
from plait.stores.local.store import LocalStore
from plait.stores.wrappers.fault import Fault, Misdeed, Script, faulty

if TYPE_CHECKING:
    from pathlib import Path

    from plait.repository.snapshots import SnapshotReader

PACKFILE = 300_000
AT_ONCE = BackupSettings(publish_seconds=0, workers=1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pick = random.Random(5)
    root = tmp_path / "source"
    for number in range(12):
        path = root / f"d{number % 3}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pick.randbytes(180_000 + number))
    return root


def whole(snapshot: SnapshotReader, root: Path) -> None:
    found = {
        entry.path: b"".join(snapshot.content(entry))
        for entry in snapshot.walk()
        if entry.has_content and entry.path.startswith(f"{root}/")
    }
    assert found == {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def in_child(work: object) -> int:
    """Runs something in a process of its own; the signal that ended it, 0 for none."""
    assert callable(work)
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:  # noqa: BLE001  (told, and the parent sees the status)
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_killed_at_every_write(tmp_path: Path, source: Path) -> None:
    place = tmp_path / "repository"
    Repository.create(LocalStore(place), None, NewRepository(packfile_size=PACKFILE)).close()
    (source / "d0" / "extra").write_text("in the first snapshot only")
    with Repository.open(LocalStore(place)) as repository:
        first = repository.backup([source / "d0"], AT_ONCE).snapshot
    (source / "d0" / "extra").unlink()
    written = []
    for number in range(1, 100):
        store = LocalStore(place)
        script = Script([Fault(Misdeed.KILL, "write", number=number)])

        def run(store: LocalStore = store, script: Script = script) -> None:
            with Repository.open(faulty(store, script)) as repository:
                result = repository.backup([source], AT_ONCE)
                (tmp_path / "written").write_text(str(result.written))

        ended = in_child(run)
        with Repository.open(LocalStore(place)) as repository:
            snapshots = repository.snapshots()
            old = repository.snapshot(first)
            assert sum(entry.has_content for entry in old.walk()) == 5
            for entry in old.walk():
                if entry.has_content:
                    b"".join(old.content(entry))
            if not ended:
                written.append(int((tmp_path / "written").read_text()))
                break
            assert ended == signal.SIGKILL
            assert [snapshot.identifier for snapshot in snapshots] == [first]
    assert number > 6
    with Repository.open(LocalStore(place)) as repository:
        newest = repository.snapshots()[0]
        whole(newest, source)
    # Part of it had arrived in the runs that were killed, each a little further than the one before: how much goes by
    # how many packfiles there were. All of it is 2,200,000 bytes with padding, at the least.
    assert written[0] < 2_000_000


def test_two_at_once(tmp_path: Path, source: Path) -> None:
    place = tmp_path / "repository"
    Repository.create(LocalStore(place), None, NewRepository(packfile_size=PACKFILE), cache=tmp_path / "cache").close()
    made: list[bytes] = []

    def run() -> None:
        with Repository.open(LocalStore(place), cache=tmp_path / "cache") as repository:
            made.append(repository.backup([source], AT_ONCE).snapshot)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Repository.open(LocalStore(place), cache=tmp_path / "cache") as repository:
        assert {snapshot.identifier for snapshot in repository.snapshots()} == set(made)
        assert len(made) == 3
        for snapshot in repository.snapshots():
            whole(snapshot, source)
        assert list((place / "locks").iterdir()) == []


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_killed_at_any_moment_with_helpers(tmp_path: Path, source: Path) -> None:
    """As people's backups are: several processes, one cache, states in between by the clock."""
    place = tmp_path / "repository"
    Repository.create(LocalStore(place), None, NewRepository(packfile_size=PACKFILE)).close()
    for moment in (0.05, 0.1, 0.2, 0.4):

        def run(moment: float = moment) -> None:
            threading.Timer(moment, os.kill, (os.getpid(), signal.SIGKILL)).start()
            with Repository.open(LocalStore(place), cache=tmp_path / "cache") as repository:
                while True:
                    repository.backup([source], BackupSettings(publish_seconds=0.01))

        assert in_child(run) == signal.SIGKILL
        with Repository.open(LocalStore(place), cache=tmp_path / "cache") as repository:
            for snapshot in repository.snapshots():
                whole(snapshot, source)
    with Repository.open(LocalStore(place), cache=tmp_path / "cache") as repository:
        whole(repository.snapshot(repository.backup([source]).snapshot), source)
