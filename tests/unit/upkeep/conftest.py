"""A repository of small packfiles in memory, which upkeep is done on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.repository.repository import NewRepository, Repository
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKFILE = 100_000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repository(store: MemoryStore) -> Iterator[Repository]:
    with Repository.create(store, None, NewRepository(packfile_size=PACKFILE)) as repository:
        yield repository
