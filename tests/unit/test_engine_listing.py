from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.engine.events import Event, EventStream, Listed
from plait.engine.listing import EntryFailed, TreeListing
from plait.engine.steps import Side
from plait.model.errors import DirectoryNotFoundError, PermissionDeniedError, TemporaryError, UnsafeNameError
from plait.model.items import Kind, Page, Stat, order_bytes
from plait.stores.base import Features
from plait.stores.memory import MemorySpace, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class Rules:
    """A selection made of plain functions."""

    def __init__(
        self,
        file: Callable[[str], bool] | None = None,
        directory: Callable[[str], bool] | None = None,
        depth: int | None = None,
        markers: Sequence[str] = (),
        newest: int | None = None,
    ) -> None:
        self._file = file or (lambda _: True)
        self._directory = directory or (lambda _: True)
        self._newest = newest
        self.active = file is not None or directory is not None or newest is not None
        self.needs_stat = newest is not None
        self.max_depth = depth
        self.exclude_if_present = markers

    def includes_file(
        self, path: str, size: int | None, modified: int | None, metadata: Mapping[str, str] | None
    ) -> bool:
        del size, metadata
        return self._file(path) and (self._newest is None or (modified is not None and modified <= self._newest))

    def includes_directory(self, path: str) -> bool:
        return self._directory(path)


class Pages(MemoryStore):
    """A store with directories that lists the pages it was given, and asks before it goes below a directory."""

    def __init__(self, *pages: Page | Exception) -> None:
        super().__init__(MemorySpace())
        self._pages = pages

    @property
    def features(self) -> Features:
        return Features(scheme="pages", identity="pages", directories=True)

    def list(
        self, prefix: str = "", start_after: str = "", *, descend: Callable[[str], bool] | None = None
    ) -> Iterator[Page]:
        del prefix, start_after
        closed: list[str] = []
        for page in self._pages:
            if isinstance(page, Exception):
                raise page
            if any(page.prefix.startswith(directory) for directory in closed):
                continue
            yield page
            if page.kinds and page.kinds[-1] == Kind.DIRECTORY and descend is not None:
                directory = page.prefix + page.names[-1]
                if not descend(directory):
                    closed.append(directory + "/")


def objects(*keys: str, size: int = 1) -> MemoryStore:
    store = MemoryStore(MemorySpace())
    for key in keys:
        store.write(key, io.BytesIO(b"x" * size), size)
    return store


def page(prefix: str, *names: str) -> Page:
    named = [(name.rstrip("/"), Stat(Kind.DIRECTORY if name.endswith("/") else Kind.FILE, 1, 1)) for name in names]
    return Page.of(prefix, named)


def keys(pages: Iterator[Page | EntryFailed]) -> list[str]:
    """Keys in order, a directory's with "/"; failures as `!directory`."""
    found: list[str] = []
    for part in pages:
        if isinstance(part, EntryFailed):
            found.append(f"!{part.directory}:{part.error.key}")
        else:
            found += [item.order_key for item in part.items()]
            if part.error is not None:
                found.append("!" + part.prefix)
    return found


def listed(store: MemoryStore, selection: Rules | None = None, prefix: str = "") -> list[str]:
    return keys(TreeListing(store, Side.SOURCE, selection=selection).pages(prefix))


def test_keys_imply_their_directories() -> None:
    store = objects("a-b", "a/x", "a/y", "a0", "b/c/d/e", "b/z", "a.b")
    assert listed(store) == ["a-b", "a.b", "a/", "a/x", "a/y", "a0", "b/", "b/c/", "b/c/d/", "b/c/d/e", "b/z"]
    assert listed(store, prefix="b/") == ["b/c/", "b/c/d/", "b/c/d/e", "b/z"]


def test_a_marker_is_the_directory_itself() -> None:
    assert listed(objects("a/", "a/x", "empty/", "b", size=0)) == ["a/", "a/x", "b", "empty/"]


def test_a_marker_with_content_is_told() -> None:
    assert listed(objects("a/", "a/x")) == ["a/", "!a:a/", "a/x"]


def test_where_every_name_can_be_kept_keys_are_what_they_are() -> None:
    odd = ["../y", "./x", "/", "//", "/x", "a", "a/", "a/../b", "a//b", "a/b", "dir/"]
    listing = TreeListing(objects(*odd), Side.SOURCE, any_name=True)
    items = [item for page in listing.pages() if isinstance(page, Page) for item in page.items()]
    assert [item.key for item in items if item.kind is Kind.FILE] == sorted(odd)
    directories = [item.order_key for item in items if item.kind is Kind.DIRECTORY]
    assert directories == ["../", "./", "/", "//", "a/", "a/../", "a//", "dir/"]


def test_markers_are_items_of_their_own_only_where_asked_for() -> None:
    store = objects("a/", "a/x", "empty/", "b", size=0)
    plain = TreeListing(store, Side.SOURCE, any_name=True)
    assert keys(plain.pages()) == ["a/", "a/x", "b", "empty/"]
    every = TreeListing(store, Side.SOURCE, any_name=True, markers=True)
    items = [item for page in every.pages() if isinstance(page, Page) for item in page.items()]
    assert [item.key for item in items if item.kind is Kind.FILE] == ["a/", "a/x", "b", "empty/"]


def test_every_page_holds_one_directory_and_keeps_its_columns() -> None:
    store = objects("a/1", "a/2", "b/c/1", "f")
    for part in TreeListing(store, Side.SOURCE).pages():
        assert isinstance(part, Page)
        assert not any("/" in name for name in part.names)
        assert Kind.DIRECTORY not in part.kinds[:-1]
        for item in part.items():
            if not item.is_directory:
                assert item.stat == store.stat(item.key)


def test_keys_that_are_no_paths_are_refused_one_by_one() -> None:
    store = objects("ok", "a//b", "a/ok", "/x", "../up", "b/../c", "b/./c", "n\0l/x", "b/ok", "..")
    found = listed(store)
    assert [key for key in found if not key.startswith("!")] == ["a/", "a/ok", "b/", "b/ok", "ok"]
    refused = {key.partition(":")[2] for key in found if key.startswith("!")}
    assert refused == {"a//b", "/x", "../up", "b/../c", "b/./c", "n\0l/x", ".."}
    parts = TreeListing(store, Side.SOURCE).pages()
    failures = [part for part in parts if isinstance(part, EntryFailed)]
    assert all(isinstance(part.error, UnsafeNameError) for part in failures)
    assert {part.error.key: part.directory for part in failures}["b/../c"] == "b"


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\0"])
def test_names_of_a_store_with_directories_cannot_leave_it(name: str) -> None:
    stats = [("!", Stat(Kind.FILE, 1)), (name, Stat(Kind.FILE, 1)), ("z", Stat(Kind.FILE, 1))]
    stats.sort(key=lambda named: order_bytes(named[0]))
    found = listed(Pages(Page.of("d/", stats)))
    assert [key for key in found if not key.startswith("!d")] == ["d/!", "d/z"]
    assert f"!d:d/{name}" in found


def test_an_unreadable_entry_is_reported_and_left_out() -> None:
    stats = [("a", Stat(Kind.FILE, 1)), ("b", Stat(Kind.UNREADABLE, errno.EACCES)), ("c", Stat(Kind.FILE, 1))]
    parts = list(TreeListing(Pages(Page.of("", stats)), Side.SOURCE).pages())
    assert keys(iter(parts)) == ["a", "!:b", "c"]
    failure = parts[1]
    assert isinstance(failure, EntryFailed)
    assert failure.name == "b"
    assert isinstance(failure.error, PermissionDeniedError)


def test_an_excluded_unreadable_entry_is_no_error() -> None:
    store = Pages(Page.of("", [("b", Stat(Kind.UNREADABLE, errno.EACCES))]))
    wanted = "b".__ne__
    assert listed(store, Rules(wanted, wanted)) == []
    assert listed(store, Rules(wanted)) == ["!:b"]


def test_selection_prunes_directories_and_files() -> None:
    keep = Rules(file=lambda path: not path.endswith(".o"), directory=lambda path: path != "build")
    assert listed(objects("a.o", "build/x", "build/y/z", "src/a.c", "src/a.o"), keep) == ["src/", "src/a.c"]
    tree = Pages(page("", "a.o", "build/"), page("build/", "x"), page("", "src/"), page("src/", "a.c", "a.o"))
    assert listed(tree, keep) == ["src/", "src/a.c"]


def test_depth_counts_levels() -> None:
    store = objects("a", "d/b", "d/e/c")
    assert listed(store, Rules(depth=1)) == ["a", "d/"]
    assert listed(store, Rules(depth=2)) == ["a", "d/", "d/b", "d/e/"]
    tree = Pages(page("", "a", "d/"), page("d/", "b", "e/"), page("d/e/", "c"))
    assert listed(tree, Rules(depth=2)) == ["a", "d/", "d/b", "d/e/"]


def test_a_marker_file_excludes_its_directory() -> None:
    store = objects("a/keep", "b/.ignore", "b/x/y", "c/.ignored")
    assert listed(store, Rules(markers=[".ignore"])) == ["a/", "a/keep", "c/", "c/.ignored"]
    assert listed(objects(".ignore", "x"), Rules(markers=[".ignore"])) == []


def test_times_that_the_listing_lacks_are_looked_up() -> None:
    class Lean(MemoryStore):
        def list(
            self, prefix: str = "", start_after: str = "", *, descend: Callable[[str], bool] | None = None
        ) -> Iterator[Page]:
            for part in super().list(prefix, start_after, descend=descend):
                yield Page.of(part.prefix, [(name, Stat(Kind.FILE, 1)) for name in part.names])

        def stat(self, key: str) -> Stat:
            if key == "broken":
                raise TemporaryError("no answer", key=key)
            return super().stat(key)

    store = Lean(MemorySpace())
    for key in ("old", "new", "d/old", "broken"):
        store.write(key, io.BytesIO(b"x"), 1)
    for key, time in (("old", 5), ("new", 50), ("d/old", 5)):
        store.set_attributes(key, modified=time)
    parts = list(TreeListing(store, Side.SOURCE, selection=Rules(newest=9)).pages())
    assert sorted(keys(iter(parts))) == ["!:broken", "d/", "d/old", "old"]
    times = [item.modified for part in parts if isinstance(part, Page) for item in part.items() if item.key == "old"]
    assert times == [5]


def test_a_missing_root_is_empty_only_where_asked() -> None:
    store = Pages(DirectoryNotFoundError("directory not found"))
    with pytest.raises(DirectoryNotFoundError):
        listed(store)
    assert keys(TreeListing(store, Side.DESTINATION, missing_is_empty=True).pages()) == []


def test_an_error_on_the_way_is_a_page() -> None:
    assert listed(Pages(page("", "a"), TemporaryError("gone"))) == ["a", "!"]
    assert listed(Pages(Page.failed("d", PermissionDeniedError("no")), page("", "e"))) == ["!d/", "e"]
    later = Pages(page("", "a"), DirectoryNotFoundError("vanished"))
    assert keys(TreeListing(later, Side.DESTINATION, missing_is_empty=True).pages()) == ["a", "!"]


@pytest.mark.parametrize(
    "pages",
    [
        [page("", "b", "a")],
        [page("", "b"), page("", "a")],
        [page("", "d/"), page("d/", "x"), page("", "c")],
        [page("", "a", "a-b"), page("", "a/", "a.b")],
    ],
)
def test_a_listing_out_of_order_ends_with_an_error(pages: list[Page]) -> None:
    found = listed(Pages(*pages))
    assert found[-1] == "!"
    assert len(found) <= 3


def test_listed_items_are_told_in_bulk() -> None:
    events, seen = EventStream(), list[Event]()
    events.subscribe(seen.append)
    store = objects(*(f"{number:05}" for number in range(2500)))
    list(TreeListing(store, Side.SOURCE, events=events).pages())
    assert sum(event.items for event in seen if isinstance(event, Listed)) == 2500
    assert len(seen) <= 3


COMPONENTS = st.sampled_from(["a", "a-b", "a.b", "b", "é", "", ".", "..", "\udcff", "x\0"])


@given(st.sets(st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join).filter(bool), max_size=12))
def test_any_keys_become_a_tree_in_order(names: set[str]) -> None:
    bad = {"", ".", "..", "x\0"}
    expected: set[str] = set()
    for name in names:
        parts = name.split("/")
        good = 0
        while good < len(parts) and parts[good] not in bad:
            good += 1
        expected |= {"/".join(parts[:depth]) + "/" for depth in range(1, min(good, len(parts) - 1) + 1)}
        if good == len(parts):
            expected.add(name)
    found = listed(objects(*names))
    tree = [key for key in found if not key.startswith("!")]
    assert set(tree) == expected
    assert tree == sorted(tree, key=order_bytes)
    assert len(tree) == len(set(tree))
