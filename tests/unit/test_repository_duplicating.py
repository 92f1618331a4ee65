"""A duplicate says what its original says, and lives on without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from plait.model.errors import DirectoryNotFoundError
from plait.repository.backup.saving import BackupSettings
from plait.repository.duplicating import duplicate
from plait.repository.repository import Repository
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path


def test_a_duplicate_is_equal_but_for_identifier_and_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with Repository.create(MemoryStore(), None) as repository:
        settings = BackupSettings(name="n", tags=("a", "b"), context={"CommandLine": "x"}, timestamp=10**18)
        first = repository.backup([str(tmp_path)], settings).header
        made = duplicate(repository, first.identifier)
        assert made.timestamp > first.timestamp
        # The original loses what it says of the run that made it.
        assert first.context
        alike = {"identifier": first.identifier, "timestamp": first.timestamp, "duration": first.duration}
        assert msgspec.structs.replace(made, **alike) == first

        repository.remove([first.identifier])
        repository.refresh()
        assert [found.header for found in repository.snapshots()] == [made]
        (snapshot,) = repository.snapshots()
        assert b"".join(snapshot.content(snapshot.entry(f"{tmp_path}/file"))) == b"content"


def test_what_is_not_there_cannot_be_duplicated() -> None:
    with Repository.create(MemoryStore(), None) as repository:
        with pytest.raises(DirectoryNotFoundError):
            duplicate(repository, bytes(32))
        assert not repository.snapshots()
