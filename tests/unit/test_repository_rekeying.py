"""A repository gets another key: whenever that ends, one whole repository stands at its place."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from plait.cli.main import main
from plait.model.errors import (
    AlreadyExistsError,
    BusyError,
    DirectoryNotFoundError,
    PlaitError,
    PreconditionError,
    SecretError,
)
from plait.repository import rekeying
from plait.repository.format import locks
from plait.repository.format.locks import Lock
from plait.repository.layout import Folder
from plait.repository.locking import HeldLock
from plait.repository.repository import Repository
from plait.repository.syncing.settings import SyncSettings
from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """The process ends here."""


class Model(NamedTuple):
    """A repository of two snapshots, to be copied."""

    place: Path
    snapshots: list[bytes]

    def lay(self, place: Path) -> list[bytes]:
        shutil.copytree(self.place, place)
        return self.snapshots


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    top = tmp_path_factory.mktemp("model")
    tree, place = top / "tree", top / "repository"
    tree.mkdir()
    place.mkdir()
    with Repository.create(LocalStore(place), None) as repository:
        (tree / "file").write_bytes(b"one")
        first = repository.backup([str(tree)]).snapshot
        (tree / "file").write_bytes(b"two")
        second = repository.backup([str(tree)]).snapshot
    return Model(place, sorted((first, second)))


@pytest.fixture(autouse=True)
def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is little to copy here, and starting them takes longer."""
    monkeypatch.setattr(rekeying, "SyncSettings", partial(SyncSettings, processes=False))


def change(place: Path) -> None:
    """What the command does, without passphrases, which take long."""
    rekeying.resume(str(place))
    grown = Path(rekeying.new_place(str(place)))
    with Repository.open(LocalStore(place)) as old:
        if rekeying.was_switched(str(place), old):
            return
        grown.mkdir(exist_ok=True)
        made = (grown / "CONFIG").exists()
        store = LocalStore(grown)
        opened = Repository.open(store) if made else Repository.create(store, None)
        with opened as new, rekeying.copied(old, new, told=lambda _: None):
            rekeying.switch(str(place), new)


def contents(place: Path) -> tuple[bytes, list[bytes]]:
    """The RepositoryID and the snapshots, every file of which can be read."""
    with Repository.open(LocalStore(place)) as repository:
        for snapshot in repository.snapshots():
            for entry in snapshot.walk("/"):
                if entry.file_info.is_regular:
                    assert b"".join(snapshot.content(entry)) in {b"one", b"two"}
        return repository.identifier, repository.reader.snapshots()


@pytest.mark.parametrize("exchanges", [True, False])
def test_everything_is_in_the_new_one_and_the_old_is_kept(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(rekeying, "_exchange", lambda _, __: False)
    place = tmp_path / "repository"
    snapshots = model.lay(place)
    before, _ = contents(place)
    grown = Path(rekeying.new_place(str(place)))
    grown.mkdir()
    with Repository.create(LocalStore(grown), None) as killed:
        # What a killed run has left.
        left = locks.write(Lock(timestamp=time.time_ns(), host="here", exclusive=False), killed.codec)
        killed.writable_files.put(Folder.LOCKS, os.urandom(32), left)
    change(place)
    assert not list((place / "locks").iterdir())
    after, found = contents(place)
    assert (after != before, found) == (True, snapshots)
    kept = Path(rekeying.old_place(str(place)))
    assert contents(kept) == (before, snapshots)
    assert not list((kept / "locks").iterdir())

    with Repository.open(LocalStore(place)) as repository:
        rekeying.discard(str(place), repository)
        assert not kept.exists()
        with pytest.raises(DirectoryNotFoundError):
            rekeying.discard(str(place), repository)


def test_locks_of_others_stay_where_the_new_one_is_a_repository_of_long_ago(tmp_path: Path, model: Model) -> None:
    place, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    model.lay(place)
    elsewhere.mkdir()
    with (
        Repository.open(LocalStore(place)) as old,
        Repository.create(LocalStore(elsewhere), None) as new,
        HeldLock(new.writable_files, new.codec, os.urandom(32)) as lock,
    ):
        with rekeying.copied(old, new, told=lambda _: None):
            pass
        lock.check()


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("step", range(6))
def test_interrupted_anywhere_one_of_the_two_is_whole_and_a_rerun_ends_it(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, exchanges: bool, step: int
) -> None:
    """At the steps of the switch; what comes before it is a sync, and changes nothing at the place."""
    place = tmp_path / "repository"
    snapshots = model.lay(place)
    before, _ = contents(place)
    calls = 0
    exchange, rename, write = rekeying._exchange, rekeying._rename, rekeying._write_durably

    def killed_here() -> None:
        nonlocal calls
        calls += 1
        if calls == step + 1:
            raise Killed

    def exchanging(first: str, second: str) -> bool:
        killed_here()
        done = exchanges and exchange(first, second)
        killed_here()
        return done

    def renaming(first: str, second: str) -> None:
        killed_here()
        rename(first, second)
        killed_here()

    def writing(path: str, text: str) -> None:
        write(path, text)
        killed_here()

    with monkeypatch.context() as patched:
        patched.setattr(rekeying, "_exchange", exchanging)
        patched.setattr(rekeying, "_rename", renaming)
        patched.setattr(rekeying, "_write_durably", writing)
        try:
            change(place)
        except Killed:
            there = [path for path in (place, *map(Path, names(place))) if (path / "CONFIG").exists()]
            for path in there:
                assert contents(path)[1] == snapshots
            assert place.exists() or len(there) == 2
    with monkeypatch.context() as patched:
        if not exchanges:
            patched.setattr(rekeying, "_exchange", lambda _, __: False)
        change(place)
    after, found = contents(place)
    assert (after != before, found) == (True, snapshots)
    assert contents(Path(rekeying.old_place(str(place)))) == (before, snapshots)


def names(place: Path) -> tuple[str, str]:
    return rekeying.new_place(str(place)), rekeying.old_place(str(place))


def test_nothing_is_switched_while_somebody_writes(tmp_path: Path, model: Model) -> None:
    place = tmp_path / "repository"
    model.lay(place)
    before = contents(place)
    with Repository.open(LocalStore(place)) as repository:
        lock = HeldLock(repository.writable_files, repository.codec, os.urandom(32))
        try:
            with pytest.raises(BusyError):
                change(place)
        finally:
            lock.release()
    assert contents(place) == before


@pytest.mark.parametrize("exchanges", [True, False])
def test_who_opened_the_old_one_writes_nothing_to_it_any_more(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(rekeying, "_exchange", lambda _, __: False)
    place, tree = tmp_path / "repository", tmp_path / "tree"
    snapshots = model.lay(place)
    tree.mkdir()
    with Repository.open(LocalStore(place)) as early:
        change(place)
        kept = Path(rekeying.old_place(str(place)))
        before = sorted(path for path in kept.rglob("*") if path.is_file())
        writes: list[Callable[[], object]] = [
            lambda: early.backup([str(tree)]),
            lambda: early.remove(snapshots),
            lambda: maintain(early, MaintenanceSettings()),
        ]
        for write in writes:
            with pytest.raises(PreconditionError, match="passphrase was changed"):
                write()
        assert sorted(path for path in kept.rglob("*") if path.is_file()) == before
    # Where it is meant, it is a repository as any other.
    with Repository.open(LocalStore(kept)) as meant:
        meant.remove(snapshots[:1])
    with Repository.open(LocalStore(place)) as current:
        assert current.reader.snapshots() == snapshots
        current.backup([str(tree)])


def test_who_was_interrupted_before_the_switch_goes_on_with_the_old_one(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed_here(*_: object) -> bool:
        raise Killed

    place = tmp_path / "repository"
    snapshots = model.lay(place)
    with monkeypatch.context() as patch:
        patch.setattr(rekeying, "_exchange", killed_here)
        with pytest.raises(Killed):
            change(place)
    assert (place / "REPLACED").exists()
    with Repository.open(LocalStore(place)) as repository:
        repository.remove(snapshots[:1])
        assert repository.reader.snapshots() == snapshots[1:]


def test_nothing_is_switched_where_something_is_damaged(tmp_path: Path, model: Model) -> None:
    place = tmp_path / "repository"
    model.lay(place)
    # All of them: what one holds may be little but padding, or needed by no snapshot.
    for packfile in [path for path in (place / "packfiles").rglob("*") if path.is_file()]:
        data = packfile.read_bytes()
        half = len(data) // 2
        packfile.write_bytes(bytes(half) + data[half:])
    with Repository.open(LocalStore(place)) as repository:
        before = repository.identifier
    with pytest.raises(PlaitError):
        change(place)
    with Repository.open(LocalStore(place)) as repository:
        assert repository.identifier == before
    assert not Path(rekeying.old_place(str(place))).exists()


def test_an_old_one_that_is_kept_is_not_lost(tmp_path: Path, model: Model) -> None:
    place = tmp_path / "repository"
    model.lay(place)
    change(place)
    with Repository.open(LocalStore(place)) as repository, pytest.raises(AlreadyExistsError):
        rekeying.switch(str(place), repository)


def test_the_command_encrypts_and_says_where_the_old_one_is(
    tmp_path: Path, model: Model, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "repository"
    model.lay(place)
    own = ["at", str(place), "passphrase"]
    cache = ["--cachedir", str(tmp_path / "cache"), "--configdir", str(tmp_path / "configuration")]
    monkeypatch.setenv("PLAIT_NEW_PASSPHRASE", "correct horse")
    assert main([*own, "change", *cache]) == 0
    assert rekeying.old_place(str(place)) in capsys.readouterr().out
    with pytest.raises(SecretError):
        Repository.open(LocalStore(place))
    monkeypatch.setenv("PLAKAR_PASSPHRASE", "correct horse")
    assert main([*own, "discard", "--apply", *cache]) == 0
    assert not Path(rekeying.old_place(str(place))).exists()
    assert (place / "CONFIG").exists()
