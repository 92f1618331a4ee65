from __future__ import annotations

import errno
import gc
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, PlaitError, StoreError
from plait.model.items import UNKNOWN_SIZE, Kind, order_bytes
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.stores.local.columns import Columns, Row
from plait.stores.local.listing import KEPT_OPEN
from plait.testing.store_tools import items, keys, put

if TYPE_CHECKING:
    from collections.abc import Callable

SKIPPED = "Can't follow symlink without -L/--copy-links"
SPECIAL = "Can't transfer non file/directory"


class Notices:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, key: str, text: str) -> None:
        self.told.append((key, text))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files, directories, links of every sort and a pipe."""
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "file").write_bytes(b"12345")
    (tmp_path / "d" / "sub" / "x").write_bytes(b"x")
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "to-d").symlink_to("d")
    (tmp_path / "to-d.x").write_bytes(b"sorts between the link and the directory of its name")
    (tmp_path / "to-f").symlink_to("f")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def errors(store: LocalStore) -> list[tuple[str, PlaitError]]:
    return [(page.prefix, page.error) for page in store.list() if page.error is not None]


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def found(store: LocalStore, descend: Callable[[str], bool] | None = None) -> list[str]:
    return [item.order_key for page in store.list(descend=descend) for item in page.items()]


def test_links_and_special_files_are_left_out_with_a_notice(tree: Path) -> None:
    notices = Notices()
    assert keys(LocalStore(tree, notice=notices)) == ["d/", "d/file", "d/sub/", "d/sub/x", "f", "to-d.x"]
    assert sorted(notices.told) == [("dangling", SKIPPED), ("pipe", SPECIAL), ("to-d", SKIPPED), ("to-f", SKIPPED)]


def test_notices_can_be_silenced(tree: Path) -> None:
    notices = Notices()
    store = LocalStore(tree, LocalOptions(skip_links=True, skip_specials=True), notices)
    assert keys(store) == ["d/", "d/file", "d/sub/", "d/sub/x", "f", "to-d.x"]
    assert notices.told == []


def test_what_a_listing_leaves_out_is_not_found(tree: Path) -> None:
    store = LocalStore(tree)
    for key in ("to-f", "pipe", "dangling", "to-d/file"):
        with pytest.raises(ObjectNotFoundError):
            store.stat(key)
    for key in ("to-f", "dangling", "to-d/file"):
        with pytest.raises(ObjectNotFoundError):
            store.read(key)
    with pytest.raises(StoreError):
        store.read("pipe")


def test_followed_links_stand_where_their_kind_sorts(tree: Path) -> None:
    (tree / "dangling").unlink()
    store = LocalStore(tree, LocalOptions(links=Links.FOLLOW))
    listed = items(store)
    assert [item.order_key for item in listed] == sorted(
        ["d/", "d/file", "d/sub/", "d/sub/x", "f", "to-d.x", "to-d/", "to-d/file", "to-d/sub/", "to-d/sub/x", "to-f"],
        key=order_bytes,
    )
    by_key = {item.key: item for item in listed}
    assert by_key["to-f"].size == 3
    assert by_key["to-f"].stat == by_key["f"].stat == store.stat("to-f")
    assert by_key["to-d"].size is None
    with store.read("to-d/file") as reader:
        assert reader.read() == b"12345"


def test_a_link_that_leads_nowhere_is_an_entry_that_cannot_be_read(tree: Path) -> None:
    (tree / "d" / "itself").symlink_to("itself")
    store = LocalStore(tree, LocalOptions(links=Links.FOLLOW))
    unreadable = {item.key: item.size for item in items(store) if item.kind is Kind.UNREADABLE}
    assert unreadable == {"dangling": errno.ENOENT, "d/itself": errno.ELOOP, "to-d/itself": errno.ELOOP}
    with pytest.raises(ObjectNotFoundError):
        store.stat("dangling")


def test_a_loop_of_followed_links_ends_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"")
    (tmp_path / "a" / "up").symlink_to("..")
    store = LocalStore(tmp_path, LocalOptions(links=Links.FOLLOW))
    assert found(store) == ["a/", "a/file", "a/up/"]
    [(prefix, error)] = errors(store)
    assert prefix == "a/up/"
    assert "leads back" in str(error)


def test_two_followed_links_to_one_directory_are_no_loop(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"")
    for name in ("x", "y"):
        (tmp_path / name).symlink_to("a")
    store = LocalStore(tmp_path, LocalOptions(links=Links.FOLLOW))
    assert keys(store) == ["a/", "a/file", "x/", "x/file", "y/", "y/file"]


def test_translated_links_are_files(tree: Path) -> None:
    store = LocalStore(tree, LocalOptions(links=Links.TRANSLATE))
    listed = {item.key: item for item in items(store)}
    assert list(listed) == sorted(listed, key=lambda key: order_bytes(listed[key].order_key))
    assert {key for key in listed if key.endswith(".rclonelink")} == {
        "dangling.rclonelink",
        "to-d.rclonelink",
        "to-f.rclonelink",
    }
    item = listed["dangling.rclonelink"]
    assert item.kind is Kind.FILE
    assert item.size == len("nowhere")
    assert item.modified == (tree / "dangling").lstat().st_mtime_ns
    stat = store.stat("dangling.rclonelink")
    assert (stat.kind, stat.size, stat.modified) == (item.kind, item.size, item.modified)


def test_one_file_system() -> None:
    def here(key: str) -> bool:  # noqa: ARG001  (the signature that is asked for)
        return False

    everything = set(found(LocalStore("/"), here))
    kept = set(found(LocalStore("/", LocalOptions(one_file_system=True)), here))
    device = Path("/").stat().st_dev
    away = {name for name in everything if name.endswith("/") and os.lstat("/" + name[:-1]).st_dev != device}
    assert "proc/" in away
    assert kept == everything - away


def test_the_sizes_of_directories_are_unknown(tree: Path) -> None:
    for page in LocalStore(tree).list():
        for index, kind in enumerate(page.kinds):
            if kind == Kind.DIRECTORY:
                assert page.stat(index).size is None
                assert int.from_bytes(page.sizes[8 * index : 8 * index + 8], "little", signed=True) == UNKNOWN_SIZE


def test_a_directory_that_vanishes_is_an_error_and_the_listing_goes_on(tmp_path: Path) -> None:
    for name in ("a/x", "b/x", "c/x"):
        put(LocalStore(tmp_path), name, b"")

    def descend(key: str) -> bool:
        if key == "b":
            shutil.rmtree(tmp_path / "b")
        return True

    pages = list(LocalStore(tmp_path).list(descend=descend))
    [failed] = [page for page in pages if page.error is not None]
    assert failed.prefix == "b/"
    assert isinstance(failed.error, ObjectNotFoundError)
    assert [item.key for page in pages for item in page.items()] == ["a", "a/x", "b", "c", "c/x"]


def test_a_directory_that_becomes_a_link_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"")
    root = tmp_path / "root"
    put(LocalStore(root), "a/x", b"")

    def descend(key: str) -> bool:
        shutil.rmtree(root / key)
        (root / key).symlink_to(tmp_path / "outside")
        return True

    pages = list(LocalStore(root).list(descend=descend))
    assert [item.key for page in pages for item in page.items()] == ["a"]
    assert [page.prefix for page in pages if page.error is not None] == ["a/"]


def test_a_missing_root_and_a_file_as_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, text in (("missing", "directory not found"), ("file", "is a file not a directory")):
        with pytest.raises(DirectoryNotFoundError, match=text):
            next(LocalStore(tmp_path / name).list())


def test_a_deep_tree_is_listed_with_few_descriptors(tmp_path: Path) -> None:
    depth = 2 * KEPT_OPEN
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        # A file after the directory, so that no level is done before what is below it.
        os.close(os.open("z", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.mkdir("long-directory-name", dir_fd=descriptor)
        below = os.open("long-directory-name", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    store = LocalStore(tmp_path)
    most = 0
    listed = []
    for page in store.list():
        most = max(most, open_descriptors())
        listed += [item.key for item in page.items()]
    assert len(listed) == 2 * depth
    assert max(map(len, listed)) > os.pathconf(tmp_path, "PC_PATH_MAX")
    assert most < KEPT_OPEN + 100
    deepest = "long-directory-name/" * (depth - 1) + "z"
    assert store.stat(deepest).size == 0
    shutil.rmtree(tmp_path)


def test_a_listing_given_up_frees_its_descriptors(tmp_path: Path) -> None:
    for name in ("a/b/c/d/e", "a/b/c/z", "a/z"):
        put(LocalStore(tmp_path), name, b"")
    store = LocalStore(tmp_path)
    gc.collect()
    before = open_descriptors()
    listing = store.list()
    for _ in range(3):
        next(listing)
    assert open_descriptors() > before + 1
    listing.close()  # type: ignore[attr-defined]  # a generator
    store.close()
    assert open_descriptors() == before


def test_columns_without_and_replaced() -> None:
    def column(*values: int) -> bytes:
        return b"".join(value.to_bytes(8, "little", signed=True) for value in values)

    columns = Columns(
        ["a", "b", "c", "d"],
        b"\0\2\0\2",
        column(1, 2, 3, 4),
        column(5, 6, 7, 8),
        b"".join(bytes([number]) * 72 for number in range(4)),
    )
    assert columns.without([]) is columns
    less = columns.without([1, 3])
    assert less.names == ["a", "c"]
    assert (less.kinds, less.sizes, less.modified) == (b"\0\0", column(1, 3), column(5, 7))
    assert less.details == b"\0" * 72 + b"\2" * 72
    assert columns.without([0, 1, 2, 3]) == Columns([], b"", b"", b"", b"")
    row = columns.row(1)
    moved = columns.replaced({1: Row("z", 0, row.size, row.modified, row.detail)})
    assert moved.names == ["a", "c", "d", "z"]
    assert moved.sizes == column(1, 3, 4, 2)
    assert [columns.after(order) for order in (b"", b"a", b"bb", b"d", b"e")] == [0, 1, 2, 4, 4]
