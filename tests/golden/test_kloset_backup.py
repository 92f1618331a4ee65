"""A tree backed up again under the same key has the original's own trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.repository.backup.copied import SnapshotSource
from plait.repository.backup.saving import BackupSettings
from plait.repository.repository import Repository

if TYPE_CHECKING:
    from tests.golden.conftest import Golden


def test_the_trees_are_the_originals(golden: Golden, original: Repository) -> None:
    with Repository.open(golden.store("CONFIG"), golden.passphrase) as copy:
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
