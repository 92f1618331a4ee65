"""SQLite databases in use, in a tree that is backed up: images instead of torn files."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from plait.engine.workers import Cancellation
from plait.model.errors import CancelledError, StoreError
from plait.repository.backup.databases import FACT
from plait.repository.backup.local import LocalSource
from plait.repository.events import Noted, Warned
from plait.repository.repository import Repository
from plait.stores.memory import MemoryStore
from plait.stores.sqlite_image import Imager, in_use, is_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.repository.events import Event
    from plait.repository.snapshots import SnapshotReader


@pytest.fixture
def database(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A database with a log that holds what the file itself does not."""
    (tmp_path / "tree").mkdir()
    connection = apsw.Connection(str(tmp_path / "tree/app.db"))
    connection.execute("pragma journal_mode=wal").fetchall()
    connection.execute("pragma wal_autocheckpoint=0").fetchall()
    connection.execute("create table t(x); insert into t values(1)").fetchall()
    yield connection
    connection.close()


@pytest.fixture
def repository() -> Iterator[Repository]:
    with Repository.create(MemoryStore(), None) as repository:
        yield repository


def names(snapshot: SnapshotReader, directory: Path) -> list[str]:
    return [entry.file_info.name for entry in snapshot.children(str(directory))]


def rows(repository: Repository, snapshot: bytes, target: Path) -> list[int]:
    repository.restore(snapshot, target)
    connection = apsw.Connection(str(target / "app.db"))
    try:
        assert connection.pragma("integrity_check") == "ok"
        return [x for (x,) in connection.execute("select x from t order by x")]
    finally:
        connection.close()


def test_what_is_only_in_the_log_is_saved_and_the_log_is_not(
    database: apsw.Connection, repository: Repository, tmp_path: Path
) -> None:
    told: list[Event] = []
    before = {name: (tmp_path / "tree" / name).read_bytes() for name in ("app.db", "app.db-wal")}
    result = repository.backup([tmp_path / "tree"], listener=told.append)
    snapshot = repository.snapshot(result.snapshot)
    assert names(snapshot, tmp_path / "tree") == ["app.db"]
    assert rows(repository, result.snapshot, tmp_path / "target") == [1]
    path = str(tmp_path / "tree/app.db")
    assert [event.path for event in told if isinstance(event, Noted)] == [path]
    assert {pair.key: pair.value for pair in snapshot.header.context or ()}[FACT] == path
    assert {name: (tmp_path / "tree" / name).read_bytes() for name in before} == before
    database.execute("insert into t values(2)").fetchall()
    assert rows(repository, repository.backup([tmp_path / "tree"]).snapshot, tmp_path / "second") == [1, 2]


def test_a_transaction_that_is_under_way_is_not_part_of_the_image(
    database: apsw.Connection, repository: Repository, tmp_path: Path
) -> None:
    database.execute("pragma cache_size=2; begin immediate").fetchall()
    database.executemany("insert into t values(?)", ((number,) for number in range(2, 5000)))
    result = repository.backup([tmp_path / "tree"])
    database.execute("commit").fetchall()
    assert rows(repository, result.snapshot, tmp_path / "target") == [1]


def test_a_database_with_a_rollback_journal(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    database = apsw.Connection(str(tmp_path / "tree/app.db"))
    database.execute("create table t(x); insert into t values(1); begin immediate; insert into t values(2)").fetchall()
    assert (tmp_path / "tree/app.db-journal").exists()
    result = repository.backup([tmp_path / "tree"])
    database.execute("rollback").fetchall()
    database.close()
    assert names(repository.snapshot(result.snapshot), tmp_path / "tree") == ["app.db"]
    assert rows(repository, result.snapshot, tmp_path / "target") == [1]


def test_a_single_database_as_the_place(database: apsw.Connection, repository: Repository, tmp_path: Path) -> None:
    result = repository.backup([tmp_path / "tree/app.db"])
    assert rows(repository, result.snapshot, tmp_path / "target") == [1]
    assert database.pragma("journal_mode") == "wal"


def test_one_that_another_program_holds_alone_is_saved_as_it_is(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/app.db").write_bytes(b"SQLite format 3\0" + b"torn" * 300)
    (tmp_path / "tree/app.db-wal").write_bytes(b"log")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    told: list[Event] = []
    result = repository.backup([tmp_path / "tree"], listener=told.append)
    (warning,) = [event for event in told if isinstance(event, Warned)]
    assert warning.path == str(tmp_path / "tree/app.db")
    assert names(repository.snapshot(result.snapshot), tmp_path / "tree") == ["app.db", "app.db-wal"]


def test_without_images_files_are_files(database: apsw.Connection, repository: Repository, tmp_path: Path) -> None:
    result = repository.backup(LocalSource([str(tmp_path / "tree")]))
    assert names(repository.snapshot(result.snapshot), tmp_path / "tree") == ["app.db", "app.db-shm", "app.db-wal"]
    assert database.pragma("journal_mode") == "wal"


def test_what_only_looks_like_a_database_is_a_file(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    (tmp_path / "notes-wal").write_text("about walls")
    (tmp_path / "-wal").write_text("x")
    snapshot = repository.snapshot(repository.backup([tmp_path]).snapshot)
    assert names(snapshot, tmp_path) == ["-wal", "notes", "notes-wal"]
    assert not is_database(str(tmp_path / "notes"))
    assert list(in_use(["a-wal", "a-journal", "b", "-wal"])) == ["a"]


def test_an_image_leaves_no_file_behind(
    database: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Imager() as imager:
        image = imager.image(str(tmp_path / "tree/app.db"), lambda: False)
        assert os.pread(image.descriptor, 16, 0) == b"SQLite format 3\0"
        assert image.modified == (tmp_path / "tree/app.db-wal").stat().st_mtime_ns
        with pytest.raises(StoreError):
            imager.image(str(tmp_path / "tree/app.db-wal"), lambda: False)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]
    assert database.pragma("journal_mode") == "wal"


def test_more_images_are_held_than_files_may_usually_be_open(database: apsw.Connection, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(int(path.name) for path in Path("/dev/fd").iterdir()) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        with Imager() as imager:
            images = [imager.image(str(tmp_path / "tree/app.db"), lambda: False) for _ in range(40)]
        assert {image.size for image in images} == {images[0].size}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert database.pragma("journal_mode") == "wal"


def test_a_database_that_goes_away_takes_nothing_else_of_its_folder_with_it(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone.db", "gone.db-journal", "kept"):
        (tmp_path / name).write_text("content")

    def vanishing(path: str) -> bool:
        Path(path).unlink()
        return True

    monkeypatch.setattr("plait.repository.backup.databases.is_database", vanishing)
    told: list[Event] = []
    snapshot = repository.snapshot(repository.backup([tmp_path], listener=told.append).snapshot)
    assert "kept" in names(snapshot, tmp_path)
    assert [event.path for event in told if isinstance(event, Warned)][:1] == [str(tmp_path / "gone.db")]


def test_nothing_is_run_from_the_tree_that_is_backed_up(
    database: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "tree")
    (tmp_path / "tree/apsw.py").write_text("raise SystemExit")
    with Imager() as imager:
        assert imager.image(str(tmp_path / "tree/app.db"), lambda: False).size
    assert database.pragma("journal_mode") == "wal"


def test_after_the_process_that_takes_images_was_killed_another_one_does(
    database: apsw.Connection, tmp_path: Path
) -> None:
    path = str(tmp_path / "tree/app.db")
    with Imager() as imager:
        imager.image(path, lambda: False)
        helper = imager._helper
        assert helper is not None
        helper.kill()
        helper.wait()
        with pytest.raises(StoreError, match="ended early"):
            imager.image(path, lambda: False)
        assert imager.image(path, lambda: False).size
    assert database.pragma("journal_mode") == "wal"


def test_nobody_waits_for_an_image_once_the_backup_is_cancelled(
    database: apsw.Connection, repository: Repository, tmp_path: Path
) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(CancelledError):
        repository.backup([tmp_path / "tree"], cancellation=cancellation)
    with Imager() as imager, pytest.raises(CancelledError):
        imager.image(str(tmp_path / "tree/app.db"), lambda: True)
    assert database.pragma("journal_mode") == "wal"
