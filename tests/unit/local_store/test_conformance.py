from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.stores.local import Links, LocalOptions, LocalStore
from plait.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from pathlib import Path


class TestLocalStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        (tmp_path / "root").mkdir()
        return LocalStore(tmp_path / "root")


class TestLocalStoreWithMetadata(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        (tmp_path / "root").mkdir()
        return LocalStore(tmp_path / "root", LocalOptions(metadata=True, durable=True, no_preallocate=True))


class TestLocalStoreThatTranslatesLinks(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        (tmp_path / "root").mkdir()
        return LocalStore(tmp_path / "root", LocalOptions(links=Links.TRANSLATE))


class TestLocalStoreThatFollowsLinks(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        (tmp_path / "root").mkdir()
        return LocalStore(tmp_path / "root", LocalOptions(links=Links.FOLLOW))
