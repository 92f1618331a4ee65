"""A tree backed up again under the same key has the original's own trees."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.repository.backup.copied import SnapshotSource
from plait.repository.backup.saving import BackupSettings
from plait.repository.repository import Repository
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from tests.golden.conftest import Golden


def store_of(files: dict[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in files.items():
        store.write(key, io.BytesIO(data), len(data))
    return store


def passphrase(golden: Golden) -> bytes | None:
    found = golden.story["passphrase"]
    return None if found is None else str(found).encode()


@pytest.fixture
def original(golden: Golden) -> Repository:
    if golden.is_archive:
        data = (Path(__file__).parent / "kloset" / golden.name).read_bytes()
        return Repository.open_archive(store_of({"a.ptar": data}), "a.ptar", passphrase(golden))
    return Repository.open(store_of(golden.files), passphrase(golden))


def test_the_trees_are_the_originals(golden: Golden, original: Repository) -> None:
    with original, Repository.open(store_of({"CONFIG": golden.files["CONFIG"]}), passphrase(golden)) as copy:
        for snapshot in original.snapshots():
            saved = copy.backup(SnapshotSource(snapshot), BackupSettings(incremental=False))
            assert saved.header.sources is not None
            (source,) = saved.header.sources
            assert source.summary == snapshot.source.summary
            assert source.importer == snapshot.source.importer
            assert source.root == snapshot.source.root
            if golden.name == "xattr-change" and snapshot.header.name == "after":
                # The original left the entry of before in one index.
                assert source.indexes is not None
                assert source.indexes[1:] == (snapshot.source.indexes or ())[1:]
            else:
                assert source.indexes == snapshot.source.indexes
