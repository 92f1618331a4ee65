"""Whether two repositories are one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from plait.model.errors import UsageError
from plait.repository.files import ArchivedFiles
from plait.stores.local.store import LocalStore
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from plait.repository.repository import Repository


class SameRepositoryError(UsageError):
    """Two repositories of a sync are one and the same, or raw copies of each other."""


def refuse_same(local: Repository, peer: Repository) -> None:
    """Raises SameRepositoryError for one repository in two spellings, and for raw copies."""
    if local.identifier != peer.identifier:
        return
    if _place(local) == _place(peer):
        raise SameRepositoryError("cannot synchronize snapshots to the same store")
    raise SameRepositoryError(
        "cannot synchronize snapshots from cloned stores: both have the same RepositoryID",
        hint=f"{peer.description} is a raw copy of {local.description}, or the same one at another address: make a "
        "repository of its own with `create`, and sync to that",
    )


def _place(repository: Repository) -> object:
    """What two spellings of one place share."""
    store = unwrapped(repository.files.store)
    if isinstance(repository.files, ArchivedFiles):
        return os.path.realpath(repository.description)
    if isinstance(store, LocalStore):
        found = os.fstat(store.root.descriptor())
        return found.st_dev, found.st_ino
    return store.features.identity, repository.description.rstrip("/")
