"""The conformance suite of stores: every sentence of the contracts in `plait.stores.base`, as tests.

A store's own test file derives from `StoreConformance` and gives the fixture `store`: a fresh, empty, writable store.
What a store declares in its features must work; what it does not declare must be refused.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    PreconditionError,
    SourceChangedError,
)
from plait.model.items import Kind, order_bytes
from plait.stores.abilities import Directories, SetsAttributes
from plait.stores.base import Deleted, Features, Outgoing, Store
from plait.stores.hashes import new_digest
from plait.stores.hashing import Hashes
from plait.stores.parts import Parts
from plait.testing.conformance_optional import OptionalConformance
from plait.testing.generators import (
    NOT_UTF8,
    ODD_NAMES,
    UNSAFE_KEYS,
    Broken,
    BrokenSourceError,
    Dribble,
    as_source,
    content,
)
from plait.testing.store_tools import (
    LATER,
    MOMENT,
    REFUSALS,
    files,
    get,
    holds,
    implied,
    items,
    keys,
    ordered_keys,
    put,
    rounded,
)


class StoreConformance(OptionalConformance):
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

    # Writing

    def test_replaces_as_a_whole(self, store: Store) -> None:
        put(store, "file", content(50_000))
        put(store, "file", b"short")
        assert get(store, "file") == b"short"
        assert files(store) == ["file"]

    def test_writes_content_of_unknown_size(self, store: Store) -> None:
        data = content(100_000)
        if store.features.streaming_writes:
            assert put(store, "file", Dribble(data, 9999)).size == len(data)
            assert get(store, "file") == data
        else:
            with pytest.raises(NotSupportedError):
                put(store, "file", Dribble(data))
            assert not holds(store, "file")

    def test_writes_content_that_comes_slowly(self, store: Store) -> None:
        data = content(5000)
        store.write("file", Dribble(data), len(data))
        assert get(store, "file") == data

    @pytest.mark.parametrize("size", [99_999, 0, 100_001, 3_000_000])
    def test_content_of_another_size_changes_nothing(self, store: Store, size: int) -> None:
        put(store, "dir/old", b"old")
        for key in ("dir/old", "dir/new"):
            with pytest.raises(IntegrityError):
                store.write(key, as_source(content(100_000)), size)
        assert get(store, "dir/old") == b"old"
        assert files(store) == ["dir/old"]

    @pytest.mark.parametrize("after", [0, 10, 2_000_000])
    def test_content_that_breaks_changes_nothing(self, store: Store, after: int) -> None:
        put(store, "dir/old", b"old")
        data = content(3_000_000)
        for key in ("dir/old", "dir/new"):
            with pytest.raises(BrokenSourceError):
                store.write(key, Broken(data, after), len(data))
        assert get(store, "dir/old") == b"old"
        assert files(store) == ["dir/old"]

    def test_checks_hashes_that_it_knows(self, store: Store) -> None:
        put(store, "file", b"old")
        for name in store.features.hashes:
            digest = new_digest(name)
            digest.update(b"new")
            with pytest.raises(IntegrityError):
                put(store, "file", b"bad", Outgoing(hashes={name: digest.hexdigest()}))
            assert get(store, "file") == b"old"
            put(store, "other", b"new", Outgoing(hashes={name: digest.hexdigest()}))
            assert get(store, "other") == b"new"
        put(store, "third", b"new", Outgoing(hashes={"nobody-knows-this": "00"}))

    def test_keeps_modification_times(self, store: Store) -> None:
        features = store.features
        written = put(store, "dir/file", b"x", Outgoing(modified=MOMENT))
        if features.set_times:
            assert features.time_precision is not None
            assert store.stat("dir/file").modified == rounded(MOMENT, store)
            assert written.modified in {None, rounded(MOMENT, store)}
            if features.times_in_listing:
                assert [item.modified for item in items(store)][-1] == rounded(MOMENT, store)
        else:
            assert get(store, "dir/file") == b"x"

    @pytest.mark.parametrize("moment", [0, 1, 999_999_999, -1, 4_102_444_800_000_000_000])
    def test_keeps_far_modification_times(self, store: Store, moment: int) -> None:
        put(store, "file", b"x", Outgoing(modified=moment))
        if store.features.set_times:
            assert store.stat("file").modified == rounded(moment, store)
        else:
            assert holds(store, "file")

    def test_keeps_metadata(self, store: Store) -> None:
        metadata = {"colour": "green", "note": "two words"}
        if store.features.metadata:
            put(store, "file", b"x", Outgoing(metadata=metadata))
            found = store.stat("file").metadata
            assert found is not None
            assert {name: found.get(name) for name in metadata} == metadata
            put(store, "file", b"x")
            assert "colour" not in (store.stat("file").metadata or {})
        else:
            with pytest.raises(NotSupportedError):
                put(store, "file", b"x", Outgoing(metadata=metadata))
            assert not holds(store, "file")

    def test_conditional_on_absence(self, store: Store) -> None:
        how = Outgoing(if_absent=True)
        try:
            put(store, "file", b"first", how)
        except NotSupportedError:
            assert not store.features.conditional_writes
            assert not holds(store, "file")
            return
        with pytest.raises(AlreadyExistsError):
            put(store, "file", b"second", how)
        assert get(store, "file") == b"first"

    def test_only_one_of_many_creates(self, store: Store) -> None:
        def attempt(number: int) -> str:
            try:
                put(store, "lock", str(number).encode(), Outgoing(if_absent=True))
            except AlreadyExistsError:
                return "refused"
            except NotSupportedError:
                return "unsupported"
            return str(number)

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(attempt, range(16)))
        if "unsupported" in results:
            assert not store.features.conditional_writes
            assert set(results) == {"unsupported"}
        else:
            [winner] = [result for result in results if result != "refused"]
            assert get(store, "lock") == winner.encode()

    def test_conditional_on_what_is_stored(self, store: Store) -> None:
        put(store, "file", b"first")
        etag = store.stat("file").etag
        if not store.features.conditional_writes:
            with contextlib.suppress(NotSupportedError), pytest.raises(PreconditionError):
                put(store, "file", b"bad", Outgoing(if_match="another"))
            assert get(store, "file") == b"first"
            return
        assert etag is not None
        put(store, "file", b"second", Outgoing(if_match=etag))
        with pytest.raises(PreconditionError):
            put(store, "file", b"third", Outgoing(if_match=etag))
        with pytest.raises((PreconditionError, ObjectNotFoundError)):
            put(store, "absent", b"x", Outgoing(if_match=etag))
        assert get(store, "file") == b"second"
        assert not holds(store, "absent")

    def test_writes_durably_and_in_place(self, store: Store) -> None:
        for how in (Outgoing(durable=True), Outgoing(in_place=True), Outgoing(durable=True, in_place=True)):
            for data in (content(5000, 1), content(70_000, 2), b"z"):
                put(store, "dir/file", data, how)
                assert get(store, "dir/file") == data
        assert files(store) == ["dir/file"]

    def test_many_threads_write_one_key(self, store: Store) -> None:
        contents = [content(200_000, seed) for seed in range(6)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda data: put(store, "dir/file", data), contents))
        assert get(store, "dir/file") in contents
        assert files(store) == ["dir/file"]

    def test_many_threads_write_below_one_new_directory(self, store: Store) -> None:
        names = [f"new/deep/dir/{number}" for number in range(24)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: put(store, name, name.encode()), names))
        assert files(store) == sorted(names)

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
