from __future__ import annotations

import os
import stat as modes
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import DirectoryNotFoundError, NotSupportedError, SourceChangedError, StoreError
from plait.stores.base import Deleted, Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import LocalOptions, LocalStore
from plait.stores.local.probe import probe, tells_case_apart
from plait.testing.generators import Broken, BrokenSourceError
from plait.testing.store_tools import MOMENT, get, items, keys, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_file_is_left_open")


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


def test_in_place_removes_what_could_not_be_completed(root: Path) -> None:
    store = LocalStore(root)
    with pytest.raises(BrokenSourceError):
        store.write("file", Broken(b"x" * 100, 50), 100, Outgoing(in_place=True))
    assert sorted(os.listdir(root)) == []


def test_case_and_unicode_are_found_out_without_a_trace(root: Path) -> None:
    assert tells_case_apart_at(root) is None
    (root / "Name").write_bytes(b"")
    assert tells_case_apart_at(root) is True
    os.link(root / "Name", root / "nAME")
    assert tells_case_apart_at(root) is False, "one file under both names is how case-blind file systems look"
    assert sorted(os.listdir(root)) == ["Name", "nAME"]
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
