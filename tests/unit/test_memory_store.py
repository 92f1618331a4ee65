from __future__ import annotations

import pytest

from plait.model.errors import IntegrityError
from plait.model.items import Kind
from plait.stores.abilities import SetsAttributes
from plait.stores.base import Outgoing
from plait.stores.copies import Copies
from plait.stores.memory import MemorySpace, MemoryStore
from plait.stores.parts import Parts
from plait.testing.conformance import StoreConformance
from plait.testing.generators import as_source
from plait.testing.store_tools import get, items, keys, put


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore(part_size=100_000, part_cutoff=250_000)


class TestMemoryStoreBelowARoot(StoreConformance):
    @pytest.fixture
    def store(self) -> MemoryStore:
        space = MemorySpace()
        put(MemoryStore(space), "bucket", b"not below the root")
        put(MemoryStore(space), "bucket0/x", b"not below the root")
        return MemoryStore(space, "bucket/path", part_size=100_000, part_cutoff=250_000)


def test_stores_of_one_space_share_their_objects() -> None:
    space = MemorySpace()
    put(MemoryStore(space, "a"), "x", b"1")
    assert keys(MemoryStore(space)) == ["a/x"]
    assert get(MemoryStore(space), "a/x") == b"1"
    assert MemoryStore(space, "a").features.identity == MemoryStore(space, "b").features.identity
    assert MemoryStore().features.identity != MemoryStore().features.identity


def test_copies_between_roots_of_one_space_only() -> None:
    space = MemorySpace()
    one, other = MemoryStore(space, "a"), MemoryStore(space, "b")
    put(one, "x", b"1")
    assert other.can_copy_from(one)
    assert not other.can_copy_from(MemoryStore())
    other.copy_from(one, items(one)[0], "y")
    assert keys(MemoryStore(space)) == ["a/x", "b/y"]


def test_offers_what_an_object_store_offers() -> None:
    store = MemoryStore()
    assert isinstance(store, Copies)
    assert isinstance(store, Parts)
    assert isinstance(store, SetsAttributes)
    assert store.stat("").kind is Kind.DIRECTORY


def test_parts_are_checked_against_the_expected_hash() -> None:
    store = MemoryStore(part_size=10)
    partial = store.begin("x", 5, Outgoing(hashes={"md5": "0" * 32}))
    partial.write_part(0, as_source(b"12345"), 5)
    with pytest.raises(IntegrityError):
        partial.commit()
    assert keys(store) == []
