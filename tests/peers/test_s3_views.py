"""What options of an S3 remote show or keep otherwise: versions, compressed objects, markers, another place to read."""

from __future__ import annotations

import gzip
import subprocess
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from plait.cli.main import main
from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, StoreError, TemporaryError
from plait.stores.base import Outgoing
from plait.stores.objects import open_s3
from plait.stores.objects.opening import open_s3_location
from plait.stores.objects.versioning import set_state, state
from plait.stores.registry import Opening
from plait.testing.generators import as_source
from plait.testing.mirrors import NoRemotes
from plait.testing.s3_memory import Held, MemoryS3
from plait.testing.s3_stub import keys as keys_of
from plait.testing.store_tools import files, get, items, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.stores.base import Store
    from plait.stores.objects.store import S3Store
    from plait.testing.servers import S3Endpoint

LINES = b"".join(b"%d\n" % number for number in range(100_000))


@pytest.fixture
def server() -> Iterator[MemoryS3]:
    server = MemoryS3()
    server.put("bucket", {})
    yield server
    server.close()


@pytest.fixture
def opened(server: MemoryS3) -> Iterator[Callable[..., Any]]:
    with ExitStack() as stack:

        def open_with(path: str = "bucket", **more: str) -> Store:
            keys = {"provider": "Minio", "endpoint": server.url, "access_key_id": "a", "secret_access_key": "b"}
            store, _ = open_s3_location(path, {**keys, **more}, Opening(NoRemotes()))
            return stack.enter_context(closing(store))

        yield open_with


@pytest.fixture
def versioned(seaweedfs: S3Endpoint, bucket: str) -> Iterator[Callable[..., S3Store]]:
    with ExitStack() as stack:

        def open_with(**more: str) -> S3Store:
            keys = {"access_key_id": seaweedfs.access_key, "secret_access_key": seaweedfs.secret_key}
            options = {"provider": "SeaweedFS", "endpoint": seaweedfs.url, **keys, **more}
            return stack.enter_context(closing(open_s3(options, bucket)))

        yield open_with


def test_versions_beside_the_original(
    rclone: Path, seaweedfs: S3Endpoint, bucket: str, versioned: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = versioned()
    assert state(plain.client) == "Unversioned"
    set_state(plain.client, "Enabled")
    assert state(plain.client) == "Enabled"
    store = versioned(versions="true")
    for _ in range(1000):
        # The server takes a moment to keep to it.
        put(plain, "first", b"x")
        if len(keys_of(store)) > 1:
            break
    list(store.delete(keys_of(store)))
    for text in (b"old", b"newer"):
        put(plain, "d/notes.txt", text)
    put(plain, "gone", b"away")
    list(plain.delete(["gone"]))
    for name, value in seaweedfs.rclone_environment("sw").items():
        monkeypatch.setenv(name, value)
    line = [str(rclone), "--config=", "lsf", "-R", "--files-only", "--s3-versions", f"sw:{bucket}"]
    shown = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    store = versioned(versions="true")
    assert keys_of(store) == sorted(shown)
    [old] = [name for name in shown if name.startswith("d/notes-v")]
    assert get(store, old) == b"old"
    assert get(store, "d/notes.txt") == b"newer"
    assert store.stat(old).size == 3
    [item] = items(store, old)
    store.copy_from(store, item, "back.txt")
    assert get(plain, "back.txt") == b"old"
    list(store.delete([old]))
    assert keys_of(versioned(versions="true"), "d/") == ["d/notes.txt"]
    every = plain.every_version()
    assert every is not None
    assert [deleted.error for deleted in every.delete([found.key for found in items(every)])].count(None) >= 4
    assert keys_of(versioned(versions="true", version_deleted="true")) == []


def test_all_that_is_hidden_goes_where_nothing_denies_it(versioned: Callable[..., S3Store]) -> None:
    plain = versioned()
    set_state(plain.client, "Enabled")
    store = versioned(versions="true", version_deleted="true")
    for _ in range(1000):
        put(plain, "first", b"x")
        if len(keys_of(store)) > 1:
            break
    # The server's times are whole seconds, so that several versions have one name.
    for _ in range(4):
        put(plain, "gone", b"away")
    list(plain.delete(["gone"]))
    before, asked = keys_of(store), []

    def deny(what: str, subject: str, size: int | None) -> bool:
        asked.append((what, subject.partition("-v")[0], size))
        return False

    plain.command("cleanup-hidden", {}, (), deny)
    assert keys_of(store) == before
    assert asked.count(("delete", "gone", 4)) == 4
    assert asked.count(("delete", "gone", 0)) == 1
    plain.command("cleanup-hidden", {})
    assert keys_of(versioned(versions="true", version_deleted="true")) == ["first"]


def test_a_purge_leaves_no_version_of_one_moment(
    seaweedfs: S3Endpoint, bucket: str, versioned: Callable[..., S3Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = versioned()
    set_state(plain.client, "Enabled")
    for _ in range(4):
        put(plain, "d/gone", b"away")
    list(plain.delete(["d/gone"]))
    put(plain, "stays", b"x")
    for name, value in seaweedfs.rclone_environment("sw").items():
        monkeypatch.setenv(name, value)
    assert main(["--config=", "purge", f"sw:{bucket}/d"], "rclone") == 0
    assert keys_of(versioned(versions="true", version_deleted="true")) == ["stays"]


def test_what_is_compressed_is_shown_as_what_was_compressed(opened: Callable[..., Any]) -> None:
    plain = opened()
    packed = gzip.compress(LINES[:1000]) + gzip.compress(LINES[1000:])
    compressed = Outgoing(metadata={"content-encoding": "gzip"}, modified=10**18)
    put(plain, "a.log", packed, compressed)
    put(plain, "b.txt", b"plain")
    put(plain, "broken", packed[:-20], compressed)
    put(plain, "never", b"no gzip", compressed)
    store = opened(decompress="true")
    assert get(store, "a.log") == LINES
    with store.read("a.log", 1500, 20) as reader:
        assert reader.read() == LINES[1500:1520]
        assert reader.stat.size is None
    listed = {item.key: (item.size, item.stat.hashes == {}, item.modified) for item in items(store)}
    assert listed["a.log"] == (None, True, 10**18)
    assert listed["b.txt"][:2] == (5, False)
    assert store.hash("a.log", "md5") is None
    assert store.hash("b.txt", "md5") is not None
    for key in ("broken", "never"):
        with pytest.raises(TemporaryError, match="failed to read"):
            get(store, key)


def test_directories_are_kept_by_markers(server: MemoryS3, opened: Callable[..., Any]) -> None:
    store = opened("bucket/up", directory_markers="true")
    assert store.features.directory_markers
    with pytest.raises(DirectoryNotFoundError):
        list(store.list())
    store.make_directory("e/e2")
    put(store, "d/f", b"x")
    assert sorted(server.contents("bucket")) == ["up/d/", "up/d/f", "up/e/", "up/e/e2/"]
    assert "x-amz-meta-mtime" in server.buckets["bucket"]["up/e/"].headers
    with pytest.raises(StoreError, match="not empty"):
        store.remove_directory("e")
    store.remove_directory("e/e2")
    store.remove_directory("e")
    assert sorted(server.contents("bucket")) == ["up/d/", "up/d/f"]
    list(store.delete(["d/f"]))
    assert [item.key for item in items(store)] == ["d/"]


def test_what_happens_to_a_bucket_is_told(server: MemoryS3) -> None:
    told: list[tuple[str, str]] = []
    keys = {"provider": "Minio", "endpoint": server.url, "access_key_id": "a", "secret_access_key": "b"}
    note = lambda key, text: told.append((key, text))  # noqa: E731  (both are told in the same way)
    with closing(open_s3({**keys, "acl": "private"}, "fresh", inform=note, warn=note)) as store:
        assert store.every_version() is None
        store.make_container()
        store.make_container()
        store.remove_container()
        assert store.every_version() is None
    made = ("", 'Bucket "fresh" created with ACL "private"')
    warned, *rest = told
    assert warned[1].startswith("Failed to read versioning status, assuming unversioned: ")
    assert rest == [made, ("", 'Bucket "fresh" deleted')]


def test_content_is_read_at_another_place(server: MemoryS3, opened: Callable[..., Any]) -> None:
    server.put("cdn", {"x y/z#1": b"from the edge"})
    server.put("bucket", {"x y/z#1": b"from the edge", "gone": b"x"})
    store = opened(download_url=f"{server.url}/cdn/")
    seen = len(server.stub.seen)
    assert get(store, "x y/z#1") == b"from the edge"
    assert [request.target for request in server.stub.seen[seen:] if request.method == "GET"] == ["/cdn/x%20y/z%231"]
    assert "authorization" not in server.stub.seen[-1].headers
    with pytest.raises(ObjectNotFoundError):
        get(store, "gone")


def test_system_metadata_are_user_metadata_where_asked_for(server: MemoryS3, opened: Callable[..., Any]) -> None:
    store = opened(no_system_metadata="true")
    metadata = {"cache-control": "no-store", "content-type": "text/x-mine", "mine": "1"}
    put(store, "a.txt", b"x", Outgoing(metadata=metadata))
    headers = server.buckets["bucket"]["a.txt"].headers
    assert headers["x-amz-meta-cache-control"] == "no-store"
    assert headers["x-amz-meta-content-type"] == "text/x-mine"
    assert headers["content-type"].startswith("text/plain")
    server.buckets["bucket"]["b"] = Held(b"x", {"cache-control": "max-age=1", "x-amz-meta-mine": "2"})
    assert store.stat("b").metadata == {"mine": "2"}
    assert opened().stat("b").metadata == {"mine": "2", "cache-control": "max-age=1"}
    assert files(store) == ["a.txt", "b"]
    with pytest.raises(ObjectNotFoundError):
        store.read("c")
    assert store.write("d", as_source(b""), 0).size == 0
