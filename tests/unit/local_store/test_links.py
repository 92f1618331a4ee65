from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import IntegrityError, NotSupportedError, ObjectNotFoundError, StoreError, UnsafeNameError
from plait.stores.base import Deleted, Outgoing
from plait.stores.copies import CopyRequest
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.testing.store_tools import LATER, MOMENT, get, items, keys, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_file_is_left_open")


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
            lambda: put(store, key, b"bad"),  # noqa: B023  (called before the loop goes on)
            lambda: put(store, key, b"bad", Outgoing(in_place=True)),  # noqa: B023  (called before the loop goes on)
            lambda: store.begin(key, 3),  # noqa: B023  (called before the loop goes on)
            lambda: store.make_directory(key),  # noqa: B023  (called before the loop goes on)
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
    assert sorted(os.listdir(outside)) == ["file"]


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
    assert sorted(os.listdir(root)) == ["link"]


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
