from __future__ import annotations

import gc
import os
import random
import resource
import signal
import stat as modes
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import (
    CancelledError,
    DirectoryNotFoundError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    SourceChangedError,
    StoreError,
    UnsafeNameError,
)
from plait.model.items import Item
from plait.stores.base import Deleted, Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.stores.local.partials import LONGEST_LEAF, WRITERS, is_partial_name, lock, partial_name
from plait.stores.local.probe import probe, tells_case_apart
from plait.testing.generators import Broken, BrokenSourceError, as_source, content
from plait.testing.store_tools import LATER, MOMENT, files, get, items, keys, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def open_files() -> list[Path]:
    """What descriptors of this process lead to, directories left out: the roots of stores stay open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sorted(link.readlink() for link in links if not link.is_dir())


@pytest.fixture(autouse=True)
def _no_file_is_left_open() -> Iterator[None]:
    # What other tests left to the collector is closed before, not meanwhile.
    gc.collect()
    before = open_files()
    yield
    assert open_files() == before


# Nothing leads out of the root


@pytest.mark.parametrize("key", ["link/file", "link/new/deep", "dir/up/file", "link/missing"])
def test_nothing_is_written_through_a_link(tmp_path: Path, root: Path, key: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    (root / "link").symlink_to(outside)
    (root / "dir").mkdir()
    (root / "dir" / "up").symlink_to("../../outside")
    for options in (LocalOptions(), LocalOptions(links=Links.FOLLOW), LocalOptions(links=Links.TRANSLATE)):
        store = LocalStore(root, options)
        actions: list[Callable[[], object]] = [
            lambda: put(store, key, b"bad"),  # noqa: B023
            lambda: put(store, key, b"bad", Outgoing(in_place=True)),  # noqa: B023
            lambda: store.begin(key, 3),  # noqa: B023
            lambda: store.make_directory(key),  # noqa: B023
        ]
        for action in actions:
            with pytest.raises(UnsafeNameError):
                action()
        [deleted] = store.delete([key])
        assert isinstance(deleted.error, UnsafeNameError)
        with pytest.raises(UnsafeNameError):
            store.set_attributes(key, modified=0)
        with pytest.raises(UnsafeNameError):
            store.remove_directory(key)
        (root / "own").write_bytes(b"own")
        with pytest.raises(UnsafeNameError):
            store.rename("own", key, replace=True)
    with pytest.raises(ObjectNotFoundError):
        LocalStore(root).read(key)
    assert (outside / "file").read_bytes() == b"precious"
    assert names(outside) == ["file"]


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path: Path, root: Path) -> None:
    (tmp_path / "outside").write_bytes(b"precious")
    for how in (Outgoing(), Outgoing(durable=True)):
        (root / "file").unlink(missing_ok=True)
        (root / "file").symlink_to("../outside")
        put(LocalStore(root), "file", b"new", how)
        assert not (root / "file").is_symlink()
    (root / "file").unlink()
    (root / "file").symlink_to("../outside")
    with pytest.raises(StoreError):
        put(LocalStore(root), "file", b"new", Outgoing(in_place=True))
    assert (tmp_path / "outside").read_bytes() == b"precious"


def test_in_a_missing_root_there_is_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "missing")
    assert list(store.delete(["a", "b/c"])) == [Deleted("a"), Deleted("b/c")]
    store.remove_directory("a")
    store.remove_directory("")
    for call in (store.stat, store.read):
        for key in ("a", "b/c"):
            with pytest.raises(DirectoryNotFoundError):
                call(key)
    with pytest.raises(DirectoryNotFoundError):
        store.stat("")
    assert not (tmp_path / "missing").exists()


def test_the_root_can_be_removed_and_made_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "root")
    store.make_directory("")
    assert keys(store) == []
    store.remove_directory("")
    assert not (tmp_path / "root").exists()
    put(store, "a", b"1")
    with pytest.raises(StoreError):
        store.remove_directory("")
    assert get(store, "a") == b"1"


def test_the_root_is_made_when_it_is_first_written_to(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "a" / "b")
    assert not store.features.streaming_writes or not (tmp_path / "a").exists()
    put(store, "c/d", b"1", Outgoing(durable=True))
    assert (tmp_path / "a" / "b" / "c" / "d").read_bytes() == b"1"


# What a write gives a file


def test_new_files_have_the_mode_that_the_umask_leaves(root: Path) -> None:
    previous = os.umask(0o027)
    try:
        put(LocalStore(root), "d/file", b"")
        put(LocalStore(root), "d/private", b"", Outgoing(mode=0o600))
    finally:
        os.umask(previous)
    assert modes.S_IMODE((root / "d").stat().st_mode) == 0o750
    assert modes.S_IMODE((root / "d" / "file").stat().st_mode) == 0o640
    assert modes.S_IMODE((root / "d" / "private").stat().st_mode) == 0o600


def test_metadata_comes_back_and_is_set(root: Path) -> None:
    store = LocalStore(root, LocalOptions(metadata=True))
    metadata = {
        "mode": "104640",
        "uid": "12",
        "gid": "34",
        "atime": "2001-02-03T04:05:06.123456789Z",
        "Colour": "green",
        "mtime": "2002-02-03T04:05:06.5+01:00",
    }
    put(store, "file", b"1", Outgoing(metadata=metadata))
    found = dict(store.stat("file").metadata or {})
    # Not every file system says when a file was made.
    found.pop("btime", None)
    assert found == {
        "mode": "100640",
        **({"uid": "12", "gid": "34"} if os.getuid() == 0 else {"uid": found["uid"], "gid": found["gid"]}),
        "atime": "2001-02-03T04:05:06.123456789Z",
        "mtime": "2002-02-03T03:05:06.5Z",
        "colour": "green",
    }
    put(store, "file", b"2", Outgoing(metadata=metadata, modified=MOMENT))
    assert store.stat("file").modified == MOMENT
    special = LocalStore(root, LocalOptions(metadata=True, restore_special_bits=True))
    special.set_attributes("file", metadata={"mode": "4600"})
    assert (root / "file").stat().st_mode & 0o7777 == 0o4600


def test_metadata_that_makes_no_sense_is_told_and_left_out(root: Path) -> None:
    told: list[str] = []
    store = LocalStore(root, LocalOptions(metadata=True), lambda key, text: told.append(f"{key}: {text}"))
    put(store, "file", b"1", Outgoing(metadata={"mode": "rwx", "gid": "staff", "mtime": "yesterday"}))
    assert told == [
        'file: failed to parse metadata gid: "staff"',
        'file: failed to parse metadata mode: "rwx"',
        'file: failed to parse metadata mtime: "yesterday"',
    ]


def test_attributes_of_directories(root: Path) -> None:
    store = LocalStore(root, LocalOptions(metadata=True))
    store.make_directory("d")
    store.set_attributes("d", modified=MOMENT, metadata={"mode": "40700", "note": "x"})
    stat = store.stat("d")
    assert stat.modified == MOMENT
    assert stat.metadata is not None
    assert (stat.metadata["mode"], stat.metadata["note"]) == ("40700", "x")


def test_no_times_are_set_where_a_person_said_so(root: Path) -> None:
    store = LocalStore(root, LocalOptions(no_set_modtime=True))
    assert not store.features.set_times
    assert put(store, "file", b"1", Outgoing(modified=MOMENT)).modified != MOMENT
    with pytest.raises(NotSupportedError):
        store.set_attributes("file", modified=MOMENT)
    other = LocalStore(root.parent / "other")
    put(other, "x", b"1", Outgoing(modified=MOMENT))
    [result] = store.copy_batch(other, [CopyRequest(items(other)[0], "x")], Outgoing(), lambda: False)
    assert result.error is None
    assert store.stat("x").modified != MOMENT


# Links as files


def test_translated_links_are_written_read_renamed_and_deleted(root: Path) -> None:
    store = LocalStore(root, LocalOptions(links=Links.TRANSLATE))
    stat = put(store, "d/link.rclonelink", b"../target", Outgoing(modified=MOMENT))
    assert str((root / "d" / "link").readlink()) == "../target"
    assert stat.size == store.stat("d/link.rclonelink").size == 9
    assert stat.modified == store.stat("d/link.rclonelink").modified == MOMENT
    assert get(store, "d/link.rclonelink") == b"../target"
    with store.read("d/link.rclonelink", 3, 4) as reader:
        assert reader.read() == b"targ"
    put(store, "d/link.rclonelink", b"elsewhere")
    assert str((root / "d" / "link").readlink()) == "elsewhere"
    store.set_attributes("d/link.rclonelink", modified=LATER)
    assert (root / "d" / "link").lstat().st_mtime_ns == LATER
    store.rename("d/link.rclonelink", "renamed.rclonelink")
    assert str((root / "renamed").readlink()) == "elsewhere"
    (root / "plain").write_bytes(b"")
    with pytest.raises(NotSupportedError):
        store.rename("plain", "x.rclonelink")
    (root / "plain").unlink()
    # A link that gets another ending stays a link; only its name says nothing of it any more.
    store.rename("renamed.rclonelink", "renamed.rclonelink.bak")
    assert str((root / "renamed.rclonelink.bak").readlink()) == "elsewhere"
    store.rename("renamed.rclonelink.bak.rclonelink", "renamed.rclonelink")
    with pytest.raises(NotSupportedError):
        store.begin("x.rclonelink", 10)
    assert list(store.delete(["renamed.rclonelink"])) == [Deleted("renamed.rclonelink")]
    assert keys(store) == ["d/"]


@pytest.mark.parametrize("text", [b"", b"nul\0byte", b"x" * 70_000])
def test_what_can_be_no_target_is_refused(root: Path, text: bytes) -> None:
    store = LocalStore(root, LocalOptions(links=Links.TRANSLATE))
    put(store, "link.rclonelink", b"old")
    with pytest.raises(IntegrityError):
        put(store, "link.rclonelink", text)
    assert str((root / "link").readlink()) == "old"
    assert names(root) == ["link"]


def test_a_plain_file_under_the_name_of_a_link_can_only_be_deleted(root: Path) -> None:
    store = LocalStore(root, LocalOptions(links=Links.TRANSLATE))
    (root / "p.rclonelink").write_bytes(b"plain")
    assert keys(store) == ["p.rclonelink"]
    assert store.stat("p.rclonelink").size == 5
    with pytest.raises(ObjectNotFoundError):
        store.read("p.rclonelink")
    assert list(store.delete(["p.rclonelink"])) == [Deleted("p.rclonelink")]
    assert keys(store) == []


def test_batches_carry_links(root: Path, tmp_path: Path) -> None:
    origin = LocalStore(tmp_path / "origin", LocalOptions(links=Links.TRANSLATE))
    put(origin, "a.rclonelink", b"target", Outgoing(modified=MOMENT))
    put(origin, "b", b"file", Outgoing(modified=MOMENT))
    store = LocalStore(root, LocalOptions(links=Links.TRANSLATE))
    requests = [CopyRequest(item, item.key) for item in items(origin)]
    assert [result.error for result in store.copy_batch(origin, requests, Outgoing(), lambda: False)] == [None, None]
    assert str((root / "a").readlink()) == "target"
    assert (root / "a").lstat().st_mtime_ns == MOMENT
    assert [item.stat.modified for item in items(store)] == [MOMENT, MOMENT]


# Reading what changes


def test_a_file_that_grows_shrinks_or_is_touched_while_it_is_read(root: Path) -> None:
    path = root / "file"
    store = LocalStore(root)
    for size, text in ((200_000, "size changed from 100000 to 200000"), (50_000, "size changed from 100000 to 50000")):
        path.write_bytes(b"x" * 100_000)
        with store.read("file") as reader:
            reader.read(10)
            os.truncate(path, size)
            with pytest.raises(SourceChangedError, match=text):
                reader.read()
    path.write_bytes(b"x" * 100)
    with store.read("file") as reader:
        os.utime(path, ns=(0, 1_500_000_000))
        with pytest.raises(SourceChangedError, match=r"mod time changed from .* to 1970-01-01 00:00:01\.5 \+0000 UTC"):
            reader.read(100)
    with LocalStore(root, LocalOptions(no_check_updated=True)).read("file") as reader:
        os.utime(path, ns=(0, 0))
        os.truncate(path, 200)
        assert reader.read() == b"x" * 100


def test_a_change_that_only_the_change_time_shows(root: Path) -> None:
    path = root / "file"
    store = LocalStore(root)
    put(store, "file", b"12345", Outgoing(modified=MOMENT))
    [listed] = items(store)
    path.chmod(0o600)
    os.link(path, root / "second name")
    with store.read("file", expected=listed.stat) as reader:
        assert reader.read() == b"12345"
    (root / "second name").unlink()
    [listed] = items(store)
    path.write_bytes(b"54321")
    os.utime(path, ns=(MOMENT, MOMENT))
    with pytest.raises(SourceChangedError):
        store.read("file", expected=listed.stat)
    copied = LocalStore(root.parent / "copy")
    [result] = copied.copy_batch(store, [CopyRequest(listed, "file")], Outgoing(), lambda: False)
    assert isinstance(result.error, SourceChangedError)


# Partial files


LEAVES = st.binary(min_size=1, max_size=255).map(os.fsdecode) | st.text(min_size=1, max_size=255)


@given(LEAVES.filter(lambda leaf: not {"/", "\0"} & set(leaf)), st.integers(0, WRITERS - 1))
def test_partial_names_are_recognised_and_fit(leaf: str, number: int) -> None:
    name = partial_name(leaf, ".partial", number)
    assert is_partial_name(name, ".partial")
    assert name != leaf
    assert len(os.fsencode(name)) <= max(len(os.fsencode(leaf)), LONGEST_LEAF + 17)


@given(st.text(), st.from_regex(r"[0-9a-f]{8}", fullmatch=True))
def test_names_of_other_people_are_not_taken_for_ours(stem: str, digits: str) -> None:
    name = f"{stem}.{digits}.partial"
    ours = {partial_name(stem, ".partial", number) for number in range(WRITERS)} if len(stem) < 20 else {name}
    assert is_partial_name(name, ".partial") <= (name in ours)


@pytest.mark.parametrize("name", ["film.partial", "a.DEADBEEF.partial", "a.1234567.partial", ".partial", "x.12345678"])
def test_a_person_s_own_partial_files_stay(root: Path, name: str) -> None:
    (root / name).write_bytes(b"mine")
    store = LocalStore(root)
    assert keys(store) == [name]
    assert list(store.remove_leftovers()) == []
    assert (root / name).read_bytes() == b"mine"


def test_left_over_partial_files_are_hidden_and_removed(root: Path) -> None:
    store = LocalStore(root)
    put(store, "d/file", b"x")
    left = [f"d/{partial_name('file', '.partial')}", partial_name("gone", ".partial", 77)]
    for name in left:
        (root / name).write_bytes(b"half")
    (root / "d" / partial_name("link", ".partial")).symlink_to("x")
    other = LocalStore(root, LocalOptions(links=Links.TRANSLATE))
    for one in (store, other):
        assert keys(one) == ["d/", "d/file"]
    assert sorted(result.key for result in store.remove_leftovers()) == sorted(
        [*left, f"d/{partial_name('link', '.partial')}"]
    )
    assert list(store.remove_leftovers()) == []
    assert names(root / "d") == ["file"]
    assert names(root) == ["d"]


def test_partial_files_of_living_writers_stay(root: Path) -> None:
    store = LocalStore(root)
    partial = store.begin("file", 10)
    other = LocalStore(root)
    assert keys(other) == []
    assert list(other.remove_leftovers()) == []
    put(other, "file", b"quicker")
    partial.write_part(0, as_source(b"0123456789"), 10)
    partial.commit()
    assert get(store, "file") == b"0123456789"
    assert names(root) == ["file"]


def test_a_left_over_in_the_way_is_taken_away(root: Path) -> None:
    (root / partial_name("file", ".partial")).write_bytes(b"much longer than what comes now")
    put(LocalStore(root), "file", b"new")
    assert (root / "file").read_bytes() == b"new"
    assert names(root) == ["file"]


def test_a_locked_name_is_left_to_its_writer(root: Path) -> None:
    name = root / partial_name("file", ".partial")
    descriptor = os.open(name, os.O_CREAT | os.O_RDWR)
    try:
        assert lock(descriptor)
        put(LocalStore(root), "file", b"new")
        assert name.exists()
    finally:
        os.close(descriptor)
    assert (root / "file").read_bytes() == b"new"


def test_the_suffix_of_partial_files_can_be_chosen(root: Path) -> None:
    store = LocalStore(root, LocalOptions(partial_suffix=".tmp"))
    seen: list[str] = []

    class Looking:
        def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002
            seen.extend(names(root))
            return b""

    store.write("file", Looking(), None)
    assert [name.rpartition(".")[2] for name in seen] == ["tmp"]


@pytest.mark.parametrize("after", [0, 100_000])
def test_a_killed_writer_leaves_the_old_file_and_the_next_run_cleans_up(root: Path, after: int) -> None:
    store = LocalStore(root)
    put(store, "d/file", b"old")
    program = f"""
import os, signal
from plait.stores.local import LocalStore
class Source:
    taken = 0
    def read(self, size=-1, /):
        if self.taken >= {after}:
            os.kill(os.getpid(), signal.SIGKILL)
        self.taken += 50_000
        return b"n" * 50_000
LocalStore({str(root)!r}).write("d/file", Source(), 10**9)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert len(names(root / "d")) == 2
    assert files(store) == ["d/file"]
    assert len(list(store.remove_leftovers())) == 1
    assert names(root / "d") == ["file"]
    assert get(store, "d/file") == b"old"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(root: Path, tmp_path: Path) -> None:
    put(LocalStore(root), "file", b"old")
    put(LocalStore(tmp_path / "origin"), "file", b"x" * 300_000)
    put(LocalStore(tmp_path / "origin"), "large", b"x" * 9_000_000)
    program = f"""
import resource, signal
from plait.model.errors import StoreError
from plait.stores.base import Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import LocalStore
from plait.testing.store_tools import items, put
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
store, origin = LocalStore({str(root)!r}), LocalStore({str(tmp_path / "origin")!r})
try:
    put(store, "file", b"n" * 300_000)
except StoreError as error:
    print(error)
requests = [CopyRequest(item, "copy-" + item.key) for item in items(origin)]
requests += [CopyRequest(item, item.key, store.stat("file") if item.key == "file" else None) for item in items(origin)]
for result in store.copy_batch(origin, requests, Outgoing(), lambda: False):
    print(result.error)
try:
    store.begin("parts", 300_000)
except StoreError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert len(lines) == 6
    assert all("file too large" in line for line in lines)
    assert names(root) == ["file"]
    assert (root / "file").read_bytes() == b"old"
    assert resource.getrlimit(resource.RLIMIT_FSIZE) != (200_000, 200_000)


def test_parts_given_up_while_they_are_written(root: Path) -> None:
    store = LocalStore(root)
    partial = store.begin("file", 1 << 20)
    reached, go_on = threading.Event(), threading.Event()
    ends: list[BaseException] = []

    class Slow:
        def read(self, size: int = -1, /) -> bytes:
            reached.set()
            go_on.wait(10)
            return b"x" * size

    def write() -> None:
        try:
            partial.write_part(0, Slow(), 1 << 20)
        except CancelledError as error:
            ends.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    reached.wait(10)
    partial.abort()
    victim = os.open(root / "victim", os.O_CREAT | os.O_RDWR)
    go_on.set()
    thread.join()
    assert len(ends) == 1
    assert os.fstat(victim).st_size == 0
    os.close(victim)
    assert names(root) == ["victim"]


# Copying


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


def test_in_place_removes_what_could_not_be_completed(root: Path) -> None:
    store = LocalStore(root)
    with pytest.raises(BrokenSourceError):
        store.write("file", Broken(b"x" * 100, 50), 100, Outgoing(in_place=True))
    assert names(root) == []


def test_a_large_file_that_changes_while_it_is_copied(root: Path, tmp_path: Path) -> None:
    origin = LocalStore(tmp_path / "origin")
    put(origin, "large", content(40_000_000), Outgoing(modified=MOMENT))

    def carried(request: CopyRequest, size: int) -> None:  # noqa: ARG001
        os.utime(tmp_path / "origin" / "large", ns=(LATER, LATER))

    [result] = LocalStore(root).copy_batch(
        origin, [CopyRequest(items(origin)[0], "large")], Outgoing(), lambda: False, carried
    )
    assert isinstance(result.error, SourceChangedError)
    assert names(root) == []


# Properties of the file system


def test_case_and_unicode_are_found_out_without_a_trace(root: Path) -> None:
    assert tells_case_apart_at(root) is None
    (root / "Name").write_bytes(b"")
    assert tells_case_apart_at(root) is True
    os.link(root / "Name", root / "nAME")
    assert tells_case_apart_at(root) is False, "one file under both names is how case-blind file systems look"
    assert names(root) == ["Name", "nAME"]
    properties = probe(str(root / "not" / "there" / "yet"))
    assert properties.keeps_unicode
    assert properties.time_precision == 1
    assert not (root / "not").exists()


def tells_case_apart_at(path: Path) -> bool | None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return tells_case_apart(descriptor)
    finally:
        os.close(descriptor)


def test_case_can_be_forced(root: Path) -> None:
    assert not LocalStore(root, LocalOptions(case_sensitive=False)).features.case_sensitive
    assert LocalStore(root).features.case_sensitive


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
        assert set(names(root / "d")) <= set(sizes)
    assert set(names(root / "d")) == set(sizes)


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
    assert names(root) == []
