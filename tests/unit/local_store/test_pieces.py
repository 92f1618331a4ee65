"""Huge directories are listed piece by piece, and others read ahead: what is listed is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.stores.local import ahead, listing
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for directory in ("", "a", "a-b", "a/b", "a/b/c", "m", "z", "z/y"):
        (tmp_path / directory).mkdir(exist_ok=True)
        for number in range(7):
            (tmp_path / directory / f"{'abcmz'[number % 5]}{number}.txt").write_text(str(number))
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("a")
    return tmp_path


def items(root: Path, start_after: str = "") -> list[tuple[str, int | None, int | None, int | None]]:
    store = LocalStore(root)
    found = [
        (item.order_key, item.size, item.modified, None if item.stat.posix is None else item.stat.posix.inode)
        for page in store.list("", start_after)
        for item in page.items()
    ]
    store.close()
    return found


@pytest.mark.parametrize("piece", [1, 2, 3, 50])
def test_pieces_hold_what_the_whole_holds(tree: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = items(tree)
    assert len(whole) == 8 * 7 + 8
    monkeypatch.setattr(listing, "LARGEST", 0)
    monkeypatch.setattr(listing, "PIECE", piece)
    assert items(tree) == whole
    for position, (key, *_) in enumerate(whole):
        assert items(tree, key) == whole[position + 1 :]


@pytest.mark.parametrize("window", [1, 2, 8])
def test_reading_ahead_changes_nothing(tree: Path, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = items(tree)
    monkeypatch.setattr(ahead, "WINDOW", window)
    assert items(tree) == whole


def test_a_listing_that_is_given_up_leaves_no_descriptor(tree: Path) -> None:
    import gc
    import os
    import time

    gc.collect()
    before = len(os.listdir("/dev/fd"))
    for stop in range(1, 12):
        store = LocalStore(tree)
        pages = iter(store.list())
        for _ in range(stop):
            next(pages)
        pages.close()  # type: ignore[attr-defined]  # a generator
        store.close()
    deadline = time.monotonic() + 10
    while len(os.listdir("/dev/fd")) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/dev/fd")) == before
