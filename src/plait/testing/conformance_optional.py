"""The part of the stores' conformance suite that is about the optional protocols."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    PreconditionError,
    SourceChangedError,
    StoreError,
)
from plait.model.items import Kind
from plait.stores.abilities import Directories, Leftovers, Renames, SetsAttributes
from plait.stores.base import Deleted, Outgoing, Store
from plait.stores.copies import Copies, CopiesBatches, CopyRequest, MovesBatches
from plait.stores.hashes import new_digest
from plait.stores.hashing import Hashes
from plait.stores.parts import Parts
from plait.testing.generators import (
    Broken,
    BrokenSourceError,
    Dribble,
    as_source,
    content,
)
from plait.testing.store_tools import LATER, MOMENT, REFUSALS, files, get, holds, items, keys, put, rounded


def overtaken(store: Store) -> list[CopyRequest]:
    """A batch whose files have changed, gone, or found another in their place since it was planned; but `fine`."""
    for name in ("changed", "gone", "obstructed", "fine", "moved"):
        put(store, f"from/{name}", name.encode(), Outgoing(modified=MOMENT))
    listed = {item.key: item for item in items(store, "from/")}
    put(store, "to/moved", b"as planned")
    planned = store.stat("to/moved")
    put(store, "to/moved", b"another since", Outgoing(modified=LATER))
    put(store, "to/obstructed", b"in the way")
    put(store, "from/changed", b"changed since", Outgoing(modified=LATER))
    assert list(store.delete(["from/gone"])) == [Deleted("from/gone")]
    return [
        CopyRequest(item, key.replace("from", "to"), planned if key.endswith("moved") else None)
        for key, item in listed.items()
    ]


class OptionalConformance:
    """What a store offers beyond the core works as its protocol says; part of `StoreConformance`."""

    def test_renames(self, store: Store) -> None:
        if not isinstance(store, Renames):
            return
        data = content(10_000)
        put(store, "old", data, Outgoing(modified=MOMENT))
        before = store.stat("old")
        store.rename("old", "new/deep/name")
        assert not holds(store, "old")
        assert get(store, "new/deep/name") == data
        assert store.stat("new/deep/name").modified == before.modified
        put(store, "other", b"other")
        with pytest.raises(AlreadyExistsError):
            store.rename("other", "new/deep/name")
        assert get(store, "new/deep/name") == data
        store.rename("other", "new/deep/name", replace=True, durable=True)
        assert get(store, "new/deep/name") == b"other"
        for replace in (False, True):
            with pytest.raises(ObjectNotFoundError):
                store.rename("missing", "x", replace=replace)
        for key in ("../escape", "/x"):
            with pytest.raises(REFUSALS):
                store.rename("new/deep/name", key)
        assert files(store) == ["new/deep/name"]

    def test_copies(self, store: Store) -> None:
        if not isinstance(store, Copies):
            return
        assert store.can_copy_from(store)
        metadata = {"colour": "green"} if store.features.metadata else None
        put(store, "dir/old", b"12345", Outgoing(modified=MOMENT, metadata=metadata))
        [item] = [item for item in items(store) if item.kind is Kind.FILE]
        stat = store.copy_from(store, item, "dir/new")
        assert stat.size == 5
        assert get(store, "dir/new") == b"12345"
        copied = store.stat("dir/new")
        assert copied.modified == store.stat("dir/old").modified
        if metadata:
            assert (copied.metadata or {}).get("colour") == "green"
        if store.features.set_times:
            store.copy_from(store, item, "dir/later", Outgoing(modified=LATER))
            assert store.stat("dir/later").modified == rounded(LATER, store)
        assert list(store.delete(["dir/old"])) == [Deleted("dir/old")]
        with pytest.raises((ObjectNotFoundError, SourceChangedError)):
            store.copy_from(store, item, "dir/third")
        assert get(store, "dir/new") == b"12345"
        assert not holds(store, "dir/third")

    def test_copies_only_what_is_expected(self, store: Store) -> None:
        if not isinstance(store, Copies):
            return
        put(store, "old", b"12345", Outgoing(modified=MOMENT))
        [item] = items(store)
        put(store, "old", b"changed", Outgoing(modified=LATER))
        with pytest.raises(SourceChangedError):
            store.copy_from(store, item, "new")
        assert not holds(store, "new")

    def test_sets_times(self, store: Store) -> None:
        put(store, "dir/file", b"12345", Outgoing(modified=MOMENT))
        if not isinstance(store, SetsAttributes) or not store.features.set_times:
            if isinstance(store, SetsAttributes):
                with pytest.raises(NotSupportedError):
                    store.set_attributes("dir/file", modified=LATER)
            return
        store.set_attributes("dir/file", modified=LATER)
        assert store.stat("dir/file").modified == rounded(LATER, store)
        assert get(store, "dir/file") == b"12345"
        with pytest.raises(ObjectNotFoundError):
            store.set_attributes("missing", modified=LATER)
        assert files(store) == ["dir/file"]

    def test_sets_metadata(self, store: Store) -> None:
        if not isinstance(store, SetsAttributes):
            return
        put(store, "file", b"12345", Outgoing(modified=MOMENT))
        if not store.features.metadata:
            with pytest.raises(NotSupportedError):
                store.set_attributes("file", metadata={"colour": "green"})
            return
        store.set_attributes("file", metadata={"colour": "green"})
        stat = store.stat("file")
        assert (stat.metadata or {}).get("colour") == "green"
        if store.features.set_times:
            assert stat.modified == rounded(MOMENT, store)
        assert get(store, "file") == b"12345"

    def test_sets_times_of_directories(self, store: Store) -> None:
        put(store, "dir/file", b"x")
        if store.features.directory_times:
            assert isinstance(store, SetsAttributes)
            store.set_attributes("dir", modified=LATER)
            assert store.stat("dir").modified == rounded(LATER, store)
        elif isinstance(store, SetsAttributes):
            with pytest.raises((NotSupportedError, ObjectNotFoundError)):
                store.set_attributes("dir", modified=LATER)

    def test_makes_and_removes_directories(self, store: Store) -> None:
        if not isinstance(store, Directories):
            return
        store.make_directory("")
        store.make_directory("a/b/c")
        store.make_directory("a/b/c")
        assert keys(store) == ["a/", "a/b/", "a/b/c/"]
        store.remove_directory("a/b/c")
        store.remove_directory("a/b/c")
        store.remove_directory("missing/deep")
        with pytest.raises(StoreError):
            store.remove_directory("a")
        put(store, "a/file", b"x")
        with pytest.raises(PlaitError):
            store.make_directory("a/file")
        with pytest.raises(PlaitError):
            store.remove_directory("a/file")
        with pytest.raises(PlaitError):
            put(store, "a/file/below", b"x")
        with pytest.raises(PlaitError):
            put(store, "a/b", b"x")
        for key in ("../escape", "/x", "a/../.."):
            with pytest.raises(REFUSALS):
                store.make_directory(key)
        assert keys(store) == ["a/", "a/b/", "a/file"]
        assert get(store, "a/file") == b"x"

    def test_hashes(self, store: Store) -> None:
        data = content(2_500_000)
        put(store, "file", data)
        stat = store.stat("file")
        for name in store.features.hashes:
            digest = new_digest(name)
            digest.update(data)
            if isinstance(store, Hashes):
                assert store.hash("file", name) in {digest.hexdigest(), None}
                assert store.hash("file", name, expected=stat) == store.hash("file", name)
            if name in stat.hashes:
                assert stat.hashes[name] == digest.hexdigest()
        if not isinstance(store, Hashes):
            return
        first = next(iter(store.features.hashes), "md5")
        with pytest.raises(NotSupportedError):
            store.hash("file", "nobody-knows-this")
        with pytest.raises(ObjectNotFoundError):
            store.hash("missing", first)
        put(store, "file", b"changed", Outgoing(modified=LATER) if store.features.set_times else None)
        with pytest.raises(SourceChangedError):
            store.hash("file", first, expected=stat)

    def test_md5_is_right(self, store: Store) -> None:
        put(store, "file", b"hello world")
        expected = hashlib.md5(b"hello world", usedforsecurity=False).hexdigest()
        assert store.stat("file").hashes.get("md5", expected) == expected

    def test_writes_parts_in_any_order(self, store: Store) -> None:
        if not isinstance(store, Parts):
            return
        put(store, "dir/file", b"old")
        partial = store.begin("dir/file", 1, Outgoing())
        size = 2 * partial.part_size + 12_345
        partial.abort()
        data = content(size)
        partial = store.begin("dir/file", size, Outgoing(modified=MOMENT))
        step = partial.part_size

        def one(offset: int) -> None:
            part = data[offset : offset + step]
            partial.write_part(offset, Dribble(part, 1_000_003), len(part))

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(one, reversed(range(0, size, step))))
        one(step)
        assert get(store, "dir/file") == b"old"
        assert files(store) == ["dir/file"]
        stat = partial.commit()
        assert stat.size == size
        assert get(store, "dir/file") == data
        if store.features.set_times:
            assert store.stat("dir/file").modified == rounded(MOMENT, store)
        partial.abort()
        assert files(store) == ["dir/file"]

    def test_parts_given_up_leave_nothing(self, store: Store) -> None:
        if not isinstance(store, Parts):
            return
        put(store, "dir/old", b"old")
        for key in ("dir/old", "dir/new"):
            partial = store.begin(key, 100, Outgoing())
            partial.write_part(0, as_source(b"x" * 100), 100)
            partial.abort()
            partial.abort()
            incomplete = store.begin(key, 100, Outgoing())
            with pytest.raises(IntegrityError):
                incomplete.commit()
            incomplete.abort()
            broken = store.begin(key, 100, Outgoing())
            with pytest.raises(BrokenSourceError):
                broken.write_part(0, Broken(b"x" * 100, 50), 100)
            with pytest.raises(IntegrityError):
                broken.write_part(0, as_source(b"x" * 50), 100)
            broken.abort()
        assert get(store, "dir/old") == b"old"
        assert files(store) == ["dir/old"]
        for key in ("../escape", ""):
            with contextlib.suppress(*REFUSALS):
                store.begin(key, 1, Outgoing()).abort()
        assert files(store) == ["dir/old"]

    def test_copies_batches(self, store: Store) -> None:
        if not isinstance(store, CopiesBatches):
            return
        assert store.can_copy_batches_from(store)
        sizes = {"empty": 0, "small": 10, "page": 4096, "large": 20_000_001}
        for name, size in sizes.items():
            put(store, f"from/{name}", content(size, size), Outgoing(modified=MOMENT + size))
        put(store, "to/page", b"old")
        replaced = store.stat("to/page")
        told: dict[str, int] = {}

        def carried(request: CopyRequest, size: int) -> None:
            told[request.key] = told.get(request.key, 0) + size

        listed = [item for item in items(store, "from/") if item.kind is Kind.FILE]
        requests = [
            CopyRequest(item, item.key.replace("from", "to"), replaced if item.key.endswith("page") else None)
            for item in listed
        ]
        results = store.copy_batch(store, requests, Outgoing(modified=LATER), lambda: False, carried)
        assert [result.request for result in results] == requests
        assert [result.error for result in results] == [None] * len(requests)
        for name, size in sizes.items():
            assert get(store, f"to/{name}") == content(size, size)
            assert store.stat(f"to/{name}").modified == rounded(MOMENT + size, store)
        assert told.get("to/large") == sizes["large"]
        assert [item.key for item in items(store, "to/")] == sorted(f"to/{name}" for name in sizes)

    def test_a_batch_copies_only_what_is_expected(self, store: Store) -> None:
        if not isinstance(store, CopiesBatches):
            return
        requests = overtaken(store)
        results = store.copy_batch(store, requests, Outgoing(), lambda: False)
        errors = {result.request.item.key.removeprefix("from/"): result.error for result in results}
        assert errors.pop("fine") is None
        assert isinstance(errors["changed"], SourceChangedError)
        assert isinstance(errors["gone"], (ObjectNotFoundError, SourceChangedError))
        assert isinstance(errors["obstructed"], (AlreadyExistsError, PreconditionError))
        assert isinstance(errors["moved"], PreconditionError)
        assert [item.key for item in items(store, "to/")] == ["to/fine", "to/moved", "to/obstructed"]
        assert get(store, "to/moved") == b"another since"
        assert get(store, "to/obstructed") == b"in the way"

    def test_a_cancelled_batch_leaves_nothing(self, store: Store) -> None:
        if not isinstance(store, CopiesBatches):
            return
        for name in ("a", "b", "c"):
            put(store, f"from/{name}", content(1000), Outgoing(modified=MOMENT))
        requests = [CopyRequest(item, item.key.replace("from", "to")) for item in items(store, "from/")]
        results = store.copy_batch(store, requests, Outgoing(), lambda: True)
        assert all(isinstance(result.error, CancelledError) for result in results)
        assert len(results) == 3
        put(store, "from/large", content(40_000_000), Outgoing(modified=MOMENT))
        [large] = [item for item in items(store, "from/") if item.key.endswith("large")]
        calls = itertools.count()
        [result] = store.copy_batch(store, [CopyRequest(large, "to/large")], Outgoing(), lambda: next(calls) > 1)
        assert isinstance(result.error, CancelledError)
        assert [item.key for item in items(store) if item.key.startswith("to/")] == []

    def test_moves_batches(self, store: Store) -> None:
        if not isinstance(store, MovesBatches):
            return
        assert store.can_move_from(store)
        for name in ("new", "over"):
            put(store, f"from/{name}", name.encode(), Outgoing(modified=MOMENT))
        put(store, "to/over", b"old")
        replaced = store.stat("to/over")
        requests = [
            CopyRequest(item, item.key.replace("from", "to"), replaced if item.key.endswith("over") else None)
            for item in items(store, "from/")
        ]
        assert store.move_batch(store, requests, Outgoing(), lambda: True) == [None, None]
        assert get(store, "to/over") == b"old"
        results = store.move_batch(store, requests, Outgoing(durable=True), lambda: False)
        assert [result and (result.request, result.error, result.moved) for result in results] == [
            (request, None, True) for request in requests
        ]
        assert files(store) == ["to/new", "to/over"]
        for name in ("new", "over"):
            assert get(store, f"to/{name}") == name.encode()
            assert store.stat(f"to/{name}").modified == rounded(MOMENT, store)

    def test_moves_only_what_is_expected(self, store: Store) -> None:
        if not isinstance(store, MovesBatches):
            return
        requests = overtaken(store)
        results = store.move_batch(store, requests, Outgoing(), lambda: False)
        done = [request.key for request, result in zip(requests, results, strict=True) if result is not None]
        assert done == ["to/fine"]
        assert files(store) == [
            *("from/changed", "from/moved", "from/obstructed"),
            *("to/fine", "to/moved", "to/obstructed"),
        ]
        assert get(store, "to/moved") == b"another since"
        assert get(store, "to/obstructed") == b"in the way"

    def test_leaves_no_partial_files_to_remove(self, store: Store) -> None:
        if not isinstance(store, Leftovers):
            return
        put(store, "file", b"x")
        with pytest.raises(BrokenSourceError):
            store.write("file", Broken(b"x" * 10, 5), 10)
        keys(store)
        assert list(store.remove_leftovers()) == []
        assert files(store) == ["file"]
