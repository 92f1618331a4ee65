"""The part of the stores' conformance suite that is about writing."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PreconditionError,
)
from plait.stores.base import Outgoing, Store
from plait.stores.hashes import new_digest
from plait.testing.generators import (
    Broken,
    BrokenSourceError,
    Dribble,
    as_source,
    content,
)
from plait.testing.store_tools import (
    MOMENT,
    files,
    get,
    holds,
    items,
    put,
    rounded,
)


class WritingConformance:
    """A write is done as a whole or not at all; part of `StoreConformance`."""

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
