"""The conformance suite of stores: every sentence of the contracts in `plait.stores.base`, as tests.

A store's own test file derives from `StoreConformance` and gives the fixture `store`: a fresh, empty, writable store.
What a store declares in its features must work; what it does not declare must be refused.
"""

from __future__ import annotations

import pytest

from plait.model.errors import (
    ObjectNotFoundError,
)
from plait.stores.abilities import Directories, SetsAttributes
from plait.stores.base import Deleted, Features, Store
from plait.stores.hashing import Hashes
from plait.stores.parts import Parts
from plait.testing.conformance_optional import OptionalConformance
from plait.testing.conformance_reading import ReadingConformance
from plait.testing.conformance_writing import WritingConformance
from plait.testing.generators import (
    NOT_UTF8,
    ODD_NAMES,
    UNSAFE_KEYS,
)
from plait.testing.store_tools import (
    REFUSALS,
    files,
    get,
    holds,
    keys,
    put,
)


class StoreConformance(ReadingConformance, WritingConformance, OptionalConformance):
    """Derive, and give the fixture `store`."""

    @pytest.fixture
    def store(self) -> Store:
        """A fresh, empty, writable store."""
        raise NotImplementedError

    # What it is

    def test_is_a_store_with_fixed_features(self, store: Store) -> None:
        assert isinstance(store, Store)
        assert isinstance(store.features, Features)
        assert store.features == store.features
        assert store.features.scheme
        assert store.features.identity
        assert store.description

    def test_offers_what_it_declares(self, store: Store) -> None:
        features = store.features
        assert isinstance(store, Directories) == features.makes_directories
        assert isinstance(store, SetsAttributes) or not (features.set_times or features.directory_times)
        assert isinstance(store, Parts) == (features.part_cutoff > 0)
        assert (features.part_size > 0) == (features.part_cutoff > 0)
        assert isinstance(store, Hashes) or not features.hashes or features.hashes_in_listing
        assert features.time_precision is None or features.time_precision > 0
        assert features.concurrency > 0

    # Names

    @pytest.mark.parametrize("name", [*ODD_NAMES, NOT_UTF8])
    def test_an_odd_name_is_kept_exactly_or_refused(self, store: Store, name: str) -> None:
        key = f"dir/{name}"
        try:
            put(store, key, b"odd")
        except REFUSALS:
            assert files(store) == []
            return
        if store.features.keeps_unicode:
            assert files(store) == [key]
        assert get(store, key) == b"odd"
        assert store.stat(key).size == 3
        assert [result.error for result in store.delete([key])] == [None]
        assert files(store) == []

    @pytest.mark.parametrize("key", UNSAFE_KEYS)
    def test_an_unsafe_key_is_kept_exactly_or_refused(self, store: Store, key: str) -> None:
        try:
            put(store, key, b"unsafe")
        except REFUSALS:
            assert files(store) == []
            with pytest.raises((ObjectNotFoundError, *REFUSALS)):
                store.read(key).read()
            return
        assert not store.features.directories
        assert files(store) == [key]
        assert get(store, key) == b"unsafe"
        assert [result.error for result in store.delete([key])] == [None]

    def test_case(self, store: Store) -> None:
        put(store, "Name", b"upper")
        put(store, "name", b"lower")
        if store.features.case_sensitive:
            assert files(store) == ["Name", "name"]
            assert get(store, "Name") == b"upper"
        else:
            assert len(files(store)) == 1

    def test_unicode_forms(self, store: Store) -> None:
        composed, decomposed = "caf\u00e9", "cafe\u0301"
        put(store, composed, b"composed")
        if store.features.keeps_unicode:
            put(store, decomposed, b"decomposed")
            assert files(store) == [decomposed, composed]
            assert get(store, composed) == b"composed"
        else:
            assert len(files(store)) == 1

    # Deleting

    def test_deletes_files_and_says_so(self, store: Store) -> None:
        for key in ("a", "b/c", "d"):
            put(store, key, b"x")
        results = list(store.delete(["a", "missing", "b/c", "missing/too"]))
        assert sorted(results, key=lambda result: result.key) == [
            Deleted("a"),
            Deleted("b/c"),
            Deleted("missing"),
            Deleted("missing/too"),
        ]
        assert files(store) == ["d"]
        assert list(store.delete(["a"])) == [Deleted("a")]
        assert list(store.delete([])) == []

    def test_deletes_lazily(self, store: Store) -> None:
        put(store, "a", b"x")
        results = store.delete(["a"])
        assert holds(store, "a")
        assert next(iter(results)) == Deleted("a")
        assert not holds(store, "a")

    def test_never_deletes_a_directory(self, store: Store) -> None:
        put(store, "dir/file", b"x")
        if isinstance(store, Directories):
            store.make_directory("empty")
            results = list(store.delete(["dir", "empty"]))
            assert all(result.error is not None for result in results)
            assert keys(store) == ["dir/", "dir/file", "empty/"]
        else:
            assert list(store.delete(["dir"])) == [Deleted("dir")]
            assert keys(store) == ["dir/file"]

    def test_can_be_closed_twice(self, store: Store) -> None:
        put(store, "file", b"x")
        store.close()
        store.close()
