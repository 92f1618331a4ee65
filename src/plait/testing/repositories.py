"""Fills repositories and says what they hold: what tests of several parts of a repository need alike."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError
from plait.repository.backup.saving import BackupSettings
from plait.repository.backup.stored import StoreSource
from plait.repository.format import packfiles
from plait.repository.layout import Folder
from plait.repository.upkeep.maintenance import MaintenanceSettings, maintain
from plait.repository.upkeep.repacking import RepackSettings
from plait.repository.upkeep.survey import survey
from plait.stores.memory import MemoryStore
from plait.testing.store_tools import put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.repository.repository import Repository

AT_ONCE: Final = BackupSettings(publish_seconds=0, workers=1)
"""One worker, so that the packfiles are the same each time, and a state for each of them."""
WITHOUT_GRACE: Final = MaintenanceSettings(grace=0)
THOROUGH: Final = RepackSettings(threshold=1.0)
"""Moves whatever lies beside a byte that nothing needs."""


def save(repository: Repository, files: Mapping[str, bytes], settings: BackupSettings = AT_ONCE) -> bytes:
    """Takes a snapshot of files, of which a path and a content each are given; returns its identifier."""
    tree = MemoryStore()
    for name, content in files.items():
        put(tree, name, content)
    return repository.backup(StoreSource(tree, "s3", "host", "/bucket"), settings).snapshot


def contents(repository: Repository) -> dict[bytes, dict[str, bytes]]:
    """Every path with its content, of every snapshot that the store holds now; b"" for what has no content."""
    repository.refresh()
    return {
        snapshot.identifier: {
            entry.path: b"".join(snapshot.content(entry)) if entry.has_content else b"" for entry in snapshot.walk("/")
        }
        for snapshot in repository.snapshots()
    }


def lived_in(repository: Repository) -> dict[bytes, dict[str, bytes]]:
    """Saves, and removes: half of the contents only removed snapshots need, mixed with what others need.

    Returns what the repository holds then.
    """
    pick = random.Random(7)
    files = {f"d{number % 3}/f{number}": pick.randbytes(30_000) for number in range(12)}
    gone = [save(repository, files)]
    gone.append(save(repository, files | {"extra": pick.randbytes(90_000)}))
    save(repository, dict(list(files.items())[::2]))
    save(repository, dict(list(files.items())[::3]) | {"new": b"new"})
    repository.remove(gone)
    return contents(repository)


def wait_for_the_clock() -> None:
    """Lets some time pass, if only a little: a grace of nothing is over then."""
    then = time.time_ns()
    while time.time_ns() <= then:
        pass


def is_whole(repository: Repository) -> bool:
    """Says whether a check of all that the store holds now finds nothing wrong."""
    repository.refresh()
    try:
        return repository.check().is_whole
    except IntegrityError:
        return False


def stored(repository: Repository) -> set[bytes]:
    """The names of the packfiles that the store holds now."""
    return set(repository.files.packfile_sizes())


def orphan(repository: Repository, age: int) -> bytes:
    """Stores a packfile that no state names, made `age` nanoseconds ago by what it says itself; returns its name."""
    writer = packfiles.Writer(repository.codec, time.time_ns() - age)
    writer.pad(70_000, os.urandom)
    name, data, _ = writer.finish()
    repository.writable_files.put(Folder.PACKFILES, name, data)
    return name


def sweep(repository: Repository) -> None:
    """Colours and sweeps what nothing needs, and holds what is left to the survey."""
    for _ in range(2):
        wait_for_the_clock()
        maintain(repository, WITHOUT_GRACE)
    found = survey(repository)
    assert found.sizes.keys() == found.shares.keys()
    assert all(found.is_used(name) for name in found.shares)
