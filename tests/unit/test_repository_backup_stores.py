"""Backups of what stores hold."""

from __future__ import annotations

import io
import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import PlaitError, StoreError, UsageError
from plait.repository.backup.excludes import Excludes
from plait.repository.backup.piped import PipedSource
from plait.repository.backup.saving import BackupSettings
from plait.repository.backup.stored import StoreSource
from plait.repository.repository import Repository
from plait.stores.base import Outgoing
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.wrappers.fault import Fault, Misdeed, Script, faulty

if TYPE_CHECKING:
    from pathlib import Path

    from plait.repository.snapshots import SnapshotReader
    from plait.stores.base import Store

KEYS = {"a.txt": b"one", "d-e": b"", "d/e/f": b"two", "d/g": b"\0" * 600_000, "\u00e9/x": b"three", "z/skip/y": b"four"}


def filled(store: Store) -> Store:
    for key, content in KEYS.items():
        store.write(key, io.BytesIO(content), len(content), Outgoing(modified=10**18))
    return store


def contents(snapshot: SnapshotReader) -> dict[str, bytes]:
    return {entry.path: b"".join(snapshot.content(entry)) for entry in snapshot.walk() if entry.has_content}


def test_objects_become_a_tree() -> None:
    with Repository.create(MemoryStore(), None) as repository:
        source = StoreSource(filled(MemoryStore()), "s3", "host", "/bucket/in", excludes=Excludes(["skip"]))
        saved = repository.backup(source)
        snapshot = repository.snapshot(saved.snapshot)
        assert snapshot.source.importer == source.importer
        assert contents(snapshot) == {f"/bucket/in/{key}": data for key, data in KEYS.items() if "skip" not in key}
        assert [entry.path for entry in snapshot.children("/bucket/in")] == [
            f"/bucket/in/{name}" for name in ("a.txt", "d", "d-e", "z", "\u00e9")
        ]
        assert list(snapshot.children("/bucket/in/z")) == []
        assert {entry.file_info.mod_time for entry in snapshot.walk() if entry.has_content} == {10**18}
        again = repository.backup(source)
        assert again.unchanged == 5 + 6
        assert repository.snapshot(again.snapshot).source.root == snapshot.source.root


def test_a_directory_through_its_store(tmp_path: Path) -> None:
    with closing(LocalStore(tmp_path)) as store, Repository.create(MemoryStore(), None) as repository:
        filled(store)
        (tmp_path / "empty").mkdir()
        (tmp_path / "a.txt").chmod(0o4751)
        snapshot = repository.snapshot(repository.backup(StoreSource(store, "fs", "here", str(tmp_path))).snapshot)
        assert contents(snapshot) == {f"{tmp_path}/{key}": data for key, data in KEYS.items()}
        entry = snapshot.entry(f"{tmp_path}/a.txt")
        assert entry.file_info.mode & 0o777 == 0o751
        assert entry.file_info.uid == os.getuid()
        assert snapshot.entry(f"{tmp_path}/empty").file_info.is_directory
        assert list(snapshot.children(f"{tmp_path}/empty")) == []


def test_an_object_that_cannot_be_read_is_an_error_of_the_snapshot() -> None:
    broken: PlaitError = StoreError("it is broken")
    store = faulty(filled(MemoryStore()), Script([Fault(Misdeed.FAIL, "read", key="d/e/f", error=broken)]))
    with Repository.create(MemoryStore(), None) as repository:
        saved = repository.backup(StoreSource(store, "s3", "host"), BackupSettings(name="x"))
        assert dict(saved.errors) == {"/d/e/f": "open /d/e/f: it is broken"}
        snapshot = repository.snapshot(saved.snapshot)
        assert [(error.path, error.error) for error in snapshot.errors()] == [("/d/e/f", "open /d/e/f: it is broken")]
        assert "/d/e/f" not in contents(snapshot)
        summary = snapshot.summary("/d/e")
        assert summary is not None
        assert summary.below.errors == 1
        # What failed is read again, although nothing there has changed.
        assert repository.backup(StoreSource(filled(MemoryStore()), "s3", "host")).errors == {}


@pytest.mark.parametrize(("name", "path"), [("dump.sql", "/dump.sql"), ("/db/dump.sql", "/db/dump.sql")])
def test_what_a_pipe_gives_is_a_file(name: str, path: str) -> None:
    data = os.urandom(3_000_000)
    with Repository.create(MemoryStore(), None) as repository:
        result = repository.backup(PipedSource(io.BytesIO(data), name, "here"))
        snapshot = repository.snapshot(result.snapshot)
        entry = snapshot.entry(path)
        assert b"".join(snapshot.content(entry)) == data
        assert entry.file_info.size == len(data)
        assert snapshot.source.importer.type == "stdin"
        assert not repository.check().failures


@pytest.mark.parametrize("name", ["", "/", "..", "a//b"])
def test_a_pipe_needs_a_name(name: str) -> None:
    with pytest.raises(UsageError):
        PipedSource(io.BytesIO(), name, "here")
