"""What an S3 store does beyond the contracts of all stores, on a real SeaweedFS."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    PreconditionError,
    SecretError,
    SourceChangedError,
)
from plait.stores.base import Outgoing
from plait.stores.hashing import CombinedHash
from plait.stores.objects import open_s3
from plait.stores.parts import Parts
from plait.stores.wrappers.retry import retrying
from plait.testing.generators import as_source, content
from plait.testing.store_tools import LATER, MOMENT, files, get, holds, items, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.stores.objects.store import S3Store
    from plait.testing.servers import S3Endpoint

PART = 5 << 20


def options(endpoint: S3Endpoint, **more: str) -> dict[str, str]:
    return {
        "provider": "SeaweedFS",
        "endpoint": endpoint.url,
        "access_key_id": endpoint.access_key,
        "secret_access_key": endpoint.secret_key,
        "region": endpoint.region,
        **more,
    }


@pytest.fixture
def store(seaweedfs: S3Endpoint, bucket: str) -> Iterator[S3Store]:
    store = open_s3(options(seaweedfs, copy_cutoff="5Mi", upload_cutoff="5Mi"), bucket, "dir")
    yield store
    store.close()


def test_makes_the_bucket_with_the_first_object(seaweedfs: S3Endpoint, bucket: str) -> None:
    store = open_s3(options(seaweedfs), f"{bucket}-new")
    with pytest.raises(DirectoryNotFoundError):
        list(store.list())
    with pytest.raises(ObjectNotFoundError):
        store.stat("")
    with pytest.raises((ObjectNotFoundError, DirectoryNotFoundError)):
        store.read("key")
    put(store, "key", b"x")
    assert files(store) == ["key"]
    store.close()


def test_makes_no_bucket_where_it_must_not(seaweedfs: S3Endpoint, bucket: str) -> None:
    store = open_s3(options(seaweedfs, no_check_bucket="true"), f"{bucket}-new")
    with pytest.raises(DirectoryNotFoundError):
        put(store, "key", b"x")
    with pytest.raises(DirectoryNotFoundError):
        list(store.list())
    store.close()


def test_strangers_are_refused_without_naming_secrets(seaweedfs: S3Endpoint, bucket: str) -> None:
    wrong = "wrong-secret-that-must-not-show"
    for changes, kinds in (
        ({"secret_access_key": wrong}, (SecretError,)),
        ({"access_key_id": "nobody", "secret_access_key": wrong}, (SecretError, PermissionDeniedError)),
        ({"access_key_id": "", "secret_access_key": ""}, (PermissionDeniedError, SecretError)),
    ):
        store = open_s3({**options(seaweedfs), **changes}, bucket)
        for call in (lambda: list(store.list()), lambda: store.read("key"), lambda: put(store, "key", b"x")):  # noqa: B023  (called before the loop goes on)
            with pytest.raises(kinds) as caught:
                call()
            assert wrong not in f"{caught.value}{caught.value.hint}"
            assert "\n" not in str(caught.value)
        store.close()


def test_copies_large_objects_in_parts(store: S3Store) -> None:
    data = content(2 * PART + 12_345)
    md5 = hashlib.md5(data).hexdigest()
    how = Outgoing(modified=MOMENT, metadata={"colour": "green"}, content_type="a/b", hashes={"md5": md5})
    put(store, "old", data, how)
    [item] = items(store)
    assert store.copy_from(store, item, "new").size == len(data)
    assert get(store, "new") == data
    copied = store.stat("new")
    assert (copied.modified, copied.metadata, copied.content_type) == (MOMENT, {"colour": "green"}, "a/b")
    assert copied.hashes == {"md5": md5}
    store.set_attributes("new", modified=LATER)
    changed = store.stat("new")
    assert (changed.modified, changed.metadata, changed.hashes) == (LATER, {"colour": "green"}, {"md5": md5})
    assert get(store, "new") == data


def test_copies_on_a_condition(store: S3Store) -> None:
    put(store, "old", b"12345", Outgoing(modified=MOMENT))
    [item] = items(store)
    store.copy_from(store, item, "new", Outgoing(if_absent=True))
    assert store.stat("new").modified == MOMENT
    with pytest.raises(AlreadyExistsError):
        store.copy_from(store, item, "new", Outgoing(if_absent=True))
    with pytest.raises(PreconditionError):
        store.copy_from(store, item, "new", Outgoing(if_match="0" * 32))
    assert get(store, "new") == b"12345"


def test_copies_between_stores_of_one_server_only(seaweedfs: S3Endpoint, bucket: str, store: S3Store) -> None:
    same = open_s3(options(seaweedfs), bucket, "other/place")
    stranger = open_s3({**options(seaweedfs), "access_key_id": "another"}, bucket)
    elsewhere = open_s3({**options(seaweedfs), "endpoint": "http://127.0.0.1:9"}, bucket)
    assert store.can_copy_from(same)
    assert store.can_copy_from(retrying(same))
    assert not store.can_copy_from(stranger)
    assert not store.can_copy_from(elsewhere)
    put(same, "a", b"12345", Outgoing(modified=MOMENT))
    [item] = items(same)
    store.copy_from(same, item, "b")
    assert get(store, "b") == b"12345"
    with pytest.raises(NotSupportedError):
        store.copy_from(elsewhere, item, "c")
    for opened in (same, stranger, elsewhere):
        opened.close()


def test_conditions_hold_for_what_is_written_in_parts(store: S3Store) -> None:
    put(store, "taken", b"old")
    data = content(PART + 1)
    for key, kind in (("taken", AlreadyExistsError), ("free", None)):
        try:
            partial = store.begin(key, len(data), Outgoing(if_absent=True))
        except NotSupportedError:
            continue
        for offset in range(0, len(data), partial.part_size):
            part = data[offset : offset + partial.part_size]
            partial.write_part(offset, as_source(part), len(part))
        if kind is None:
            partial.commit()
        else:
            with pytest.raises(kind):
                partial.commit()
        partial.abort()
    assert get(store, "taken") == b"old"
    assert list(store.uploads()) == []


def test_probes_leave_nothing_behind(store: S3Store) -> None:
    put(store, "a", b"x", Outgoing(if_absent=True))
    for key in ("a//b", "x\ny", "back\\slash", "trailing/", "dot/./s"):
        try:
            put(store, key, b"x")
        except NotSupportedError:
            continue
        assert [result.error for result in store.delete([key])] == [None]
    assert files(store) == ["a"]
    assert list(store.uploads()) == []


def test_an_upload_is_taken_up_again(store: S3Store) -> None:
    data = content(3 * PART + 7)
    how = Outgoing(modified=MOMENT, hashes={"md5": hashlib.md5(data).hexdigest()})
    first = store.begin("large", len(data), how)
    for offset in (0, 2 * PART):
        first.write_part(offset, as_source(data[offset : offset + PART]), PART)
    first.write_part(PART, as_source(b"another size"), 12)
    [upload] = list(store.uploads())
    assert upload.key == "large"
    partial, parts = store.resume(upload, len(data), how)
    assert sorted(parts) == [(0, PART), (2 * PART, PART)]
    for offset in (PART, 3 * PART):
        part = data[offset : offset + PART]
        partial.write_part(offset, as_source(part), len(part))
    assert partial.commit().size == len(data)
    assert get(store, "large") == data
    assert store.stat("large").modified == MOMENT
    assert list(store.uploads()) == []


def test_uploads_that_fail_are_forgotten_by_the_server(store: S3Store) -> None:
    data = content(2 * PART)
    wrong = Outgoing(hashes={"md5": "0" * 32})
    for size in (len(data), None):
        with pytest.raises(PlaitError):
            store.write("large", as_source(data + content(20 << 20)), size, wrong)
    partial = store.begin("large", 10)
    assert [upload.key for upload in store.uploads()] == ["large"]
    partial.abort()
    assert list(store.uploads()) == []
    assert not holds(store, "large")


def test_a_source_that_changes_between_two_ranges_is_told(store: S3Store) -> None:
    put(store, "file", content(1000, 1), Outgoing(modified=MOMENT))
    known = store.stat("file")
    assert store.read("file", 0, 500, expected=known).read() == content(1000, 1)[:500]
    put(store, "file", content(1000, 2), Outgoing(modified=MOMENT))
    with pytest.raises(SourceChangedError):
        store.read("file", 500, 500, expected=known).read()


def test_works_through_the_retry_wrapper(store: S3Store) -> None:
    wrapped = retrying(store)
    put(wrapped, "a/b", b"12345", Outgoing(modified=MOMENT))
    assert get(wrapped, "a/b") == b"12345"
    assert files(wrapped) == ["a/b"]
    assert isinstance(wrapped, Parts)
    data = content(PART + 1)
    partial = wrapped.begin("large", len(data))
    for offset in range(0, len(data), partial.part_size):
        part = data[offset : offset + partial.part_size]
        partial.write_part(offset, as_source(part), len(part))
    assert partial.commit().size == len(data)
    assert [result.error for result in wrapped.delete(["a/b", "large"])] == [None, None]
    assert files(wrapped) == []


def test_lists_thousands_in_order_whatever_the_servers_order(store: S3Store) -> None:
    """More than one page, with names for which SeaweedFS has another order than S3."""
    names = [f"{number % 40:02d}{ending}" for number in range(40) for ending in ("/x", "-x", ".x", "/y/z")]
    names += [f"many/{number:04d}" for number in range(1000)]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: put(store, name, b""), names))
    assert files(store) == sorted(names)
    assert [item.key for item in items(store, "", "07.x")] == [name for name in sorted(names) if name > "07.x"]
    results = list(store.delete(names))
    assert len(results) == len(names)
    assert all(result.error is None for result in results)
    assert files(store) == []


def test_tells_the_hash_of_what_came_in_parts(store: S3Store) -> None:
    data = content(2 * PART + 7)
    put(store, "parts", data)
    put(store, "whole", b"x")
    digests = [hashlib.md5(data[start : start + PART]).digest() for start in range(0, len(data), PART)]
    combined = CombinedHash("md5", PART, hashlib.md5(b"".join(digests)).hexdigest())
    assert store.combined_hash("parts", store.stat("parts")) == combined
    assert store.combined_hash("whole", store.stat("whole")) is None
