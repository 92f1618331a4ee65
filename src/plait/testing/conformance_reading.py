"""The part of the stores' conformance suite that is about listing, stat and reading."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait.model.errors import (
    DirectoryNotFoundError,
    ObjectNotFoundError,
    PlaitError,
    SourceChangedError,
)
from plait.model.items import Kind, order_bytes
from plait.stores.base import Outgoing, Store
from plait.testing.generators import (
    content,
)
from plait.testing.store_tools import (
    LATER,
    MOMENT,
    files,
    get,
    implied,
    items,
    keys,
    ordered_keys,
    put,
)


class ReadingConformance:
    """What is stored is listed in order, and read as it is; part of `StoreConformance`."""

    # Listing

    def test_an_empty_store_lists_nothing(self, store: Store) -> None:
        assert keys(store) == []

    def test_lists_in_the_total_order(self, store: Store) -> None:
        names = ordered_keys(store)
        for key in reversed(names):
            put(store, key, b"x")
        expected = implied(names) if store.features.directories else names
        assert expected == sorted(expected, key=order_bytes)
        assert keys(store) == expected

    def test_a_directory_ends_its_page_and_precedes_what_is_below(self, store: Store) -> None:
        for key in ("a", "b/c", "b/d/e", "f"):
            put(store, key, b"x")
        for page in store.list():
            assert all(kind != Kind.DIRECTORY for kind in page.kinds[:-1])
            assert len(page.names) == len(page.kinds) == len(page.sizes) // 8 == len(page.modified) // 8
        expected = ["a", "b/", "b/c", "b/d/", "b/d/e", "f"]
        assert keys(store) == (expected if store.features.directories else ["a", "b/c", "b/d/e", "f"])

    def test_lists_below_a_prefix(self, store: Store) -> None:
        for key in ("a", "b/c", "b/d/e", "b-x", "bc"):
            put(store, key, b"x")
        expected = ["b/c", "b/d/", "b/d/e"] if store.features.directories else ["b/c", "b/d/e"]
        assert keys(store, "b/") == expected
        assert keys(store, "b/d/") == ["b/d/e"]

    def test_a_prefix_without_slash_where_there_are_no_directories(self, store: Store) -> None:
        for key in ("a", "ab/c", "abc", "b"):
            put(store, key, b"x")
        if not store.features.directories:
            assert keys(store, "ab") == ["ab/c", "abc"]
        assert keys(store, "ab/") == ["ab/c"]

    def test_a_missing_prefix(self, store: Store) -> None:
        put(store, "a", b"x")
        listing = store.list("nothing/here/")
        if store.features.directories:
            with pytest.raises(DirectoryNotFoundError):
                next(listing)
        else:
            assert [len(page) for page in listing if len(page)] == []

    def test_lists_after_any_key(self, store: Store) -> None:
        for key in ordered_keys(store):
            put(store, key, b"x")
        whole = keys(store)
        for index, key in enumerate(whole):
            assert keys(store, "", key) == whole[index + 1 :]
        assert keys(store, "", "a/c/") == [key for key in whole if order_bytes(key) > b"a/c/"]
        assert keys(store, "", "a/zz") == [key for key in whole if order_bytes(key) > b"a/zz"]
        assert keys(store, "", "absent/x") == [key for key in whole if order_bytes(key) > b"absent/x"]
        assert keys(store, "b/", "a0") == [key for key in whole if key.startswith("b/") and key != "b/"]
        assert keys(store, "b/", "b/a/a") == ["b/a0"]
        assert keys(store, "b/", "z") == []

    def test_asks_before_it_enters_a_directory(self, store: Store) -> None:
        for key in ("a/b/c", "a/d", "e/f"):
            put(store, key, b"x")
        asked: list[str] = []

        def descend(key: str) -> bool:
            asked.append(key)
            return key != "a/b"

        found = [item.order_key for page in store.list(descend=descend) for item in page.items()]
        if store.features.directories:
            assert sorted(asked) == ["a", "a/b", "e"]
            assert found == ["a/", "a/b/", "a/d", "e/", "e/f"]
        else:
            assert asked == []
            assert found == ["a/b/c", "a/d", "e/f"]

    def test_lists_many_keys(self, store: Store) -> None:
        names = sorted(f"{number % 3}/{number}" for number in range(1100))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: put(store, name, b""), names))
        assert files(store) == names
        assert [key for key in keys(store, "", names[1050]) if not key.endswith("/")] == names[1051:]

    def test_listing_and_stat_agree(self, store: Store) -> None:
        features = store.features
        written = put(store, "dir/file", b"12345", Outgoing(modified=MOMENT if features.set_times else None))
        [item] = [item for item in items(store) if item.kind is Kind.FILE]
        stat = store.stat("dir/file")
        assert item.size == stat.size == written.size == 5
        assert stat.kind is item.kind is Kind.FILE
        if features.time_precision is not None:
            assert stat.modified is not None
        if features.times_in_listing:
            assert item.modified == stat.modified
        if features.hashes_in_listing:
            assert any(name in item.stat.hashes for name in features.hashes)
            assert {**stat.hashes, **item.stat.hashes} == stat.hashes

    def test_listing_tells_a_changed_item_from_the_one_before(self, store: Store) -> None:
        put(store, "a", b"1", Outgoing(modified=MOMENT) if store.features.set_times else None)
        [before] = items(store)
        put(store, "a", b"22", Outgoing(modified=LATER) if store.features.set_times else None)
        [after] = items(store)
        assert before.stat != after.stat
        assert after.size == 2

    # Stat

    def test_stat_of_the_root(self, store: Store) -> None:
        assert store.stat("").kind is Kind.DIRECTORY

    @pytest.mark.parametrize("key", ["missing", "dir/missing", "missing/missing", "file/below"])
    def test_what_is_not_there_is_not_found(self, store: Store, key: str) -> None:
        put(store, "file", b"x")
        put(store, "dir/file", b"x")
        with pytest.raises(ObjectNotFoundError):
            store.stat(key)
        with pytest.raises(ObjectNotFoundError):
            store.read(key).read()

    def test_stat_of_a_directory(self, store: Store) -> None:
        put(store, "dir/file", b"x")
        if store.features.directories:
            assert store.stat("dir").kind is Kind.DIRECTORY
        else:
            with pytest.raises(ObjectNotFoundError):
                store.stat("dir")

    # Reading

    @pytest.mark.parametrize("size", [0, 1, 4096, 65_537, 3_000_001])
    def test_gives_back_what_was_written(self, store: Store, size: int) -> None:
        data = content(size)
        assert put(store, "a/file", data).size == size
        assert get(store, "a/file") == data

    def test_reads_in_blocks(self, store: Store) -> None:
        data = content(300_000)
        put(store, "file", data)
        with store.read("file") as reader:
            found = []
            while block := reader.read(70_001):
                assert len(block) <= 70_001
                found.append(block)
            assert reader.read(10) == b""
            assert reader.read() == b""
        assert b"".join(found) == data

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, 10), (5, None), (5, 0), (99_990, 100), (99_999, 1), (100_000, None), (100_001, 5), (0, None), (1, 99_998)],
    )
    def test_reads_ranges(self, store: Store, offset: int, length: int | None) -> None:
        data = content(100_000)
        put(store, "file", data)
        with store.read("file", offset, length) as reader:
            assert reader.read() == data[offset : None if length is None else offset + length]

    def test_a_reader_knows_its_item(self, store: Store) -> None:
        put(store, "file", b"12345")
        with store.read("file", 1, 2) as reader:
            assert reader.stat.size == 5
            assert reader.stat.kind is Kind.FILE
            reader.close()
        reader.close()

    def test_reads_what_is_expected_only(self, store: Store) -> None:
        put(store, "file", b"12345", Outgoing(modified=MOMENT) if store.features.set_times else None)
        listed = items(store)[0].stat
        for known in (listed, store.stat("file")):
            with store.read("file", expected=known) as reader:
                assert reader.read() == b"12345"
        put(store, "file", b"123456", Outgoing(modified=LATER) if store.features.set_times else None)
        for known in (listed,):
            with pytest.raises(SourceChangedError):
                store.read("file", expected=known).read()

    def test_notices_a_change_of_equal_size(self, store: Store) -> None:
        put(store, "file", b"12345", Outgoing(modified=MOMENT) if store.features.set_times else None)
        known = store.stat("file")
        put(store, "file", b"54321", Outgoing(modified=LATER) if store.features.set_times else None)
        if known.etag is not None or store.features.time_precision is not None:
            with pytest.raises(SourceChangedError):
                store.read("file", expected=known).read()
        else:
            assert get(store, "file") == b"54321"

    def test_a_replacement_is_never_mixed_into_what_is_read(self, store: Store) -> None:
        size = 4_000_000
        put(store, "file", b"a" * size)
        with store.read("file") as reader:
            found = reader.read(1000)
            put(store, "file", b"b" * size)
            with contextlib.suppress(SourceChangedError):
                while block := reader.read(500_000):
                    found += block
                assert len(found) == size
        assert set(found) == {ord("a")}

    def test_a_directory_has_no_content(self, store: Store) -> None:
        put(store, "dir/file", b"x")
        with pytest.raises(PlaitError):
            store.read("dir").read()
