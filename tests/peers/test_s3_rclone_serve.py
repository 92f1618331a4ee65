"""S3 stores on a server that has quirks: rclone's own `serve s3`.

It ignores the conditions of writes and reads, answers ranges with status 200, and shows a file system, so that it holds
fewer keys exactly.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import NotSupportedError, ObjectNotFoundError, SecretError, SourceChangedError
from plait.stores.base import Outgoing
from plait.stores.objects import open_s3
from plait.testing.generators import as_source, content
from plait.testing.servers import free_ports
from plait.testing.store_tools import LATER, MOMENT, files, get, items, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store

ACCESS, SECRET = "ACCESSKEY1234567", "SECRETKEY12345678"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(rclone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    [port] = free_ports(1)
    root = tmp_path_factory.mktemp("served")
    command = [str(rclone), "--config", "", "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{ACCESS},{SECRET}", "--vfs-cache-mode", "off", "--dir-cache-time", "0", str(root)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def options(server: str) -> dict[str, str]:
    return {"provider": "Rclone", "endpoint": server, "access_key_id": ACCESS, "secret_access_key": SECRET}


@pytest.fixture
def store(server: str) -> Iterator[S3Store]:
    store = open_s3(options(server), f"bucket-{next(numbers)}", "dir")
    yield store
    store.close()


def test_gives_back_what_was_written(store: S3Store) -> None:
    data = content(300_000)
    how = Outgoing(modified=MOMENT, metadata={"colour": "green"})
    assert put(store, "a/file.txt", data, how).size == len(data)
    assert get(store, "a/file.txt") == data
    stat = store.stat("a/file.txt")
    assert (stat.size, stat.modified, stat.metadata) == (len(data), MOMENT, {"colour": "green"})
    assert files(store) == ["a/file.txt"]
    [item] = items(store)
    assert item.stat.etag == stat.etag
    assert item.stat.hashes == stat.hashes
    with pytest.raises(ObjectNotFoundError):
        store.stat("a/missing")


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 10), (5, None), (5, 0), (990, 100), (999, 1), (1000, None), (1001, 5), (0, None)]
)
def test_reads_ranges_that_come_with_status_200(store: S3Store, offset: int, length: int | None) -> None:
    data = content(1000)
    put(store, "file", data)
    with store.read("file", offset, length) as reader:
        assert reader.read() == data[offset : None if length is None else offset + length]
        assert reader.stat.size == 1000


def test_notices_a_change_although_the_server_ignores_conditions(store: S3Store) -> None:
    put(store, "file", b"12345")
    [before] = items(store)
    put(store, "file", b"54321")
    with pytest.raises(SourceChangedError):
        store.read("file", expected=before.stat).read()


def test_writes_in_parts(store: S3Store) -> None:
    data = content(6 << 20)
    partial = store.begin("large", len(data), Outgoing(modified=MOMENT))
    for offset in reversed(range(0, len(data), partial.part_size)):
        part = data[offset : offset + partial.part_size]
        partial.write_part(offset, as_source(part), len(part))
    assert partial.commit().size == len(data)
    assert get(store, "large") == data
    assert store.stat("large").modified == MOMENT


def test_copies_and_sets_times(store: S3Store) -> None:
    put(store, "old", b"12345", Outgoing(modified=MOMENT))
    [item] = items(store)
    store.copy_from(store, item, "new")
    assert get(store, "new") == b"12345"
    assert store.stat("new").modified == MOMENT
    store.set_attributes("new", modified=LATER)
    assert store.stat("new").modified == LATER
    assert get(store, "new") == b"12345"


def test_deletes(store: S3Store) -> None:
    for key in ("a", "b/c", "d"):
        put(store, key, b"x")
    assert all(result.error is None for result in store.delete(["a", "missing", "b/c"]))
    assert files(store) == ["d"]


@pytest.mark.parametrize("key", ["a//b", "x/./y", "../up", "back/"])
def test_a_key_that_a_file_system_cannot_hold_is_refused(store: S3Store, key: str) -> None:
    put(store, "a/b", b"kept")
    with pytest.raises(NotSupportedError):
        put(store, key, b"odd")
    with pytest.raises(ObjectNotFoundError):
        store.read(key)
    assert [result.error for result in store.delete([key])] == [None]
    assert files(store) == ["a/b"]
    assert get(store, "a/b") == b"kept"


def test_conditions_that_are_not_obeyed_are_refused(store: S3Store) -> None:
    put(store, "file", b"old")
    for how in (Outgoing(if_absent=True), Outgoing(if_match="0" * 32)):
        with pytest.raises(NotSupportedError):
            put(store, "file", b"new", how)
    assert get(store, "file") == b"old"
    assert files(store) == ["file"]


def test_a_wrong_secret_is_told_without_naming_it(server: str) -> None:
    store = open_s3({**options(server), "secret_access_key": "WRONGSECRET0000"}, "conditions")
    with pytest.raises(SecretError) as caught:
        list(store.list())
    store.close()
    assert "WRONGSECRET" not in f"{caught.value}{caught.value.hint}"
    assert "\n" not in str(caught.value)
