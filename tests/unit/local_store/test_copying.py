from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.model.errors import IntegrityError, SourceChangedError, StoreError
from plait.model.items import Item
from plait.stores.base import Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import LocalOptions, LocalStore
from plait.testing.generators import content
from plait.testing.store_tools import LATER, MOMENT, files, get, items, put

pytestmark = pytest.mark.usefixtures("no_file_is_left_open")


def test_holes_stay_holes(root: Path, tmp_path: Path) -> None:
    origin = LocalStore(tmp_path / "origin")
    put(origin, "sparse", b"")
    with (tmp_path / "origin" / "sparse").open("r+b") as file:
        file.seek(20_000_000)
        file.write(b"middle")
        file.truncate(60_000_000)
    store = LocalStore(root)
    [result] = store.copy_batch(origin, [CopyRequest(items(origin)[0], "copy")], Outgoing(), lambda: False)
    assert result.error is None
    copied = (root / "copy").stat()
    assert copied.st_size == 60_000_000
    assert copied.st_blocks * 512 < 1_000_000
    assert (root / "copy").read_bytes() == (tmp_path / "origin" / "sparse").read_bytes()


def test_batches_between_several_directories_keep_their_order(root: Path, tmp_path: Path) -> None:
    origin = LocalStore(tmp_path / "origin")
    for name in ("a/1", "b/2", "a/3"):
        put(origin, name, name.encode())
    listed = {item.key: item for item in items(origin)}
    requests = [CopyRequest(listed[key], f"to/{key}x") for key in ("a/1", "b/2", "a/3")]
    results = LocalStore(root).copy_batch(origin, requests, Outgoing(durable=True), lambda: False)
    assert [(result.request, result.error) for result in results] == [(request, None) for request in requests]
    assert files(LocalStore(root)) == ["to/a/1x", "to/a/3x", "to/b/2x"]


@pytest.mark.parametrize(
    ("given", "colour", "taste"), [(None, "green", None), ({"mode": "100640", "taste": "sweet"}, None, "sweet")]
)
def test_batches_carry_metadata_where_both_sides_were_opened_for_it(
    root: Path, tmp_path: Path, given: dict[str, str] | None, colour: str | None, taste: str | None
) -> None:
    options = LocalOptions(metadata=True)
    origin, store = LocalStore(tmp_path / "origin", options), LocalStore(root, options)
    put(origin, "file", b"1", Outgoing(metadata={"mode": "100640", "colour": "green"}, modified=MOMENT))
    request = CopyRequest(items(origin)[0], "file")
    [result] = store.copy_batch(origin, [request], Outgoing(metadata=given), lambda: False)
    assert result.error is None
    metadata = store.stat("file").metadata or {}
    assert {name: metadata.get(name) for name in ("mode", "colour", "taste")} == {
        "mode": "100640",
        "colour": colour,
        "taste": taste,
    }
    assert store.stat("file").modified == MOMENT


def test_batches_replace_links_that_no_listing_shows(root: Path, tmp_path: Path) -> None:
    origin = LocalStore(tmp_path / "origin")
    put(origin, "file", b"new")
    (tmp_path / "outside").write_bytes(b"precious")
    (root / "file").symlink_to("../outside")
    [result] = LocalStore(root).copy_batch(origin, [CopyRequest(items(origin)[0], "file")], Outgoing(), lambda: False)
    assert result.error is None
    assert not (root / "file").is_symlink()
    assert (root / "file").read_bytes() == b"new"
    assert (tmp_path / "outside").read_bytes() == b"precious"


def test_in_place_keeps_the_inode_and_never_eats_its_own_source(root: Path, tmp_path: Path) -> None:
    origin, store = LocalStore(tmp_path / "origin"), LocalStore(root)
    put(origin, "file", b"new and longer")
    put(store, "file", b"old")
    inode = (root / "file").stat().st_ino
    how = Outgoing(in_place=True)
    [item] = items(origin)
    [result] = store.copy_batch(origin, [CopyRequest(item, "file", store.stat("file"))], how, lambda: False)
    assert result.error is None
    assert (root / "file").read_bytes() == b"new and longer"
    assert (root / "file").stat().st_ino == inode
    (root / "file").unlink()
    os.link(tmp_path / "origin" / "file", root / "file")
    [item] = items(origin)
    [result] = store.copy_batch(origin, [CopyRequest(item, "file", store.stat("file"))], how, lambda: False)
    assert isinstance(result.error, StoreError)
    with origin.read("file") as reader, pytest.raises(SourceChangedError):
        store.write("file", reader, 14, how)
    assert get(origin, "file") == b"new and longer"


def test_a_large_file_that_changes_while_it_is_copied(root: Path, tmp_path: Path) -> None:
    origin = LocalStore(tmp_path / "origin")
    put(origin, "large", content(40_000_000), Outgoing(modified=MOMENT))

    def carried(request: CopyRequest, size: int) -> None:  # noqa: ARG001  (the signature that is asked for)
        os.utime(tmp_path / "origin" / "large", ns=(LATER, LATER))

    [result] = LocalStore(root).copy_batch(
        origin, [CopyRequest(items(origin)[0], "large")], Outgoing(), lambda: False, carried
    )
    assert isinstance(result.error, SourceChangedError)
    assert sorted(os.listdir(root)) == []


def test_killed_at_any_moment_each_file_is_old_or_new_and_nothing_else_is_left(root: Path, tmp_path: Path) -> None:
    sizes = {**{f"small-{number}": 5_000 for number in range(40)}, "medium": 300_000, "large": 9_000_000}
    for version in ("one", "two"):
        for name, size in sizes.items():
            put(LocalStore(tmp_path / version), f"d/{name}", version.encode() * size)
    program = f"""
from plait.stores.base import Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import LocalStore
from plait.testing.store_tools import items
store = LocalStore({str(root)!r})
print(flush=True)
for round in range(1000):
    for version in ("one", "two"):
        origin = LocalStore({str(tmp_path)!r} + "/" + version)
        there = {{item.key: item.stat for item in items(store)}}
        requests = [CopyRequest(item, item.key, there.get(item.key)) for item in items(origin, "d/")]
        for result in store.copy_batch(origin, requests, Outgoing(), lambda: False):
            assert result.error is None, result
"""
    moments = random.Random(1)
    store = LocalStore(root)
    store.make_directory("d")
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(moments.random() / 10)
            child.kill()
        assert child.returncode == -signal.SIGKILL
        for item in items(store, "d/"):
            data = get(store, item.key)
            assert data in {version * sizes[item.key.removeprefix("d/")] for version in (b"one", b"two")}
        assert {deleted.error for deleted in store.remove_leftovers()} <= {None}
        assert set(os.listdir(root / "d")) <= set(sizes)
    assert set(os.listdir(root / "d")) == set(sizes)


@pytest.mark.parametrize(("place", "name"), [("/proc", "version"), ("/sys/kernel", "uevent_seqnum")])
def test_a_file_that_holds_more_or_less_than_it_says_is_not_copied(root: Path, place: str, name: str) -> None:
    store, origin = LocalStore(root), LocalStore(place)
    item = Item(name, origin.stat(name))
    assert item.size != len(Path(place, name).read_bytes())
    [result] = store.copy_batch(origin, [CopyRequest(item, "copy")], Outgoing(), lambda: False)
    assert isinstance(result.error, IntegrityError)
    for expected in (item.stat, None):
        with origin.read(name, expected=expected) as reader, pytest.raises(IntegrityError):
            store.write("copy", reader, item.size)
    assert sorted(os.listdir(root)) == []
