"""Other times of local files, shown as their modification times."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import ConfigurationError, SourceChangedError
from plait.stores.copies import CopiesBatches
from plait.stores.local.opening import open_local
from plait.stores.registry import Opening
from plait.testing.mirrors import NoRemotes
from plait.testing.store_tools import get, items, put

if TYPE_CHECKING:
    from pathlib import Path

    from plait.stores.base import Store

READ, CHANGED = 1_000_000_001, 2_000_000_002


def opened(path: Path, name: str, **more: str) -> Store:
    return open_local(str(path), {"time_type": name, **more}, Opening(NoRemotes()))[0]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("d/a")
    os.utime(tmp_path / "d" / "a", ns=(READ, CHANGED))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"), [("atime", READ), ("ATime", READ), ("mtime", CHANGED), ("btime", CHANGED)]
)
def test_the_time_is_shown_everywhere(tree: Path, name: str, expected: int) -> None:
    store = opened(tree, name)
    [item] = [item for item in items(store) if item.key == "d/a"]
    assert item.modified == expected
    assert store.stat("d/a").modified == expected
    with store.read("d/a", expected=item.stat) as reader:
        assert reader.stat.modified == expected
        assert reader.read() == b"abc"
    assert store.hash("d/a", "md5", expected=item.stat) == "900150983cd24fb0d6963f7d28e17f72"  # type: ignore[attr-defined]  # this store has hashes


def test_directories_keep_their_own_and_links_have_theirs(tree: Path) -> None:
    store = opened(tree, "ctime", links="true")
    found = {item.key: item.modified for item in items(store)}
    assert found["link.rclonelink"] == os.lstat(tree / "link").st_ctime_ns
    assert found["d"] == (tree / "d").stat().st_mtime_ns
    assert found["d/a"] == (tree / "d" / "a").stat().st_ctime_ns


def test_what_it_cannot_carry_with_other_times_it_does_not_offer(tree: Path) -> None:
    store = opened(tree, "atime")
    assert not isinstance(store, CopiesBatches)
    put(store, "new", b"xyz")
    assert get(store, "new") == b"xyz"
    expected = store.stat("new")
    put(store, "new", b"longer than before")
    with pytest.raises(SourceChangedError):
        store.read("new", expected=expected)


def test_unknown_times_are_refused(tree: Path) -> None:
    with pytest.raises(ConfigurationError, match="time_type cannot be 'xtime'"):
        opened(tree, "xtime")
