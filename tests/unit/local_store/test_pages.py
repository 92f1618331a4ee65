"""Copying new files as columns: what one call for many does, and what it leaves to be done alone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plait.model.items import Kind, Page
from plait.stores.base import Outgoing
from plait.stores.copies import CopiesPages, CopyRequest
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.stores.local.copying import GROUP_FILES, SMALL
from plait.stores.wrappers.fault import FaultStore
from plait.testing.store_tools import files, get, put

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "source")
    for number in range(5):
        put(store, f"d/f{number}", bytes([number]) * number * 100, Outgoing(modified=1_000_000_007 * (number + 1)))
    return store


@pytest.fixture
def destination(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "destination")


def page(store: LocalStore, prefix: str = "d/") -> Page:
    [found] = [page for page in store.list() if page.prefix == prefix and Kind.DIRECTORY not in page.kinds]
    return found


def carry(source: LocalStore, destination: LocalStore, listed: Page, how: Outgoing | None = None) -> list[int]:
    return destination.copy_page(source, listed, "to/", how or Outgoing(), lambda: False)


def contents(store: LocalStore) -> dict[str, bytes]:
    return {key: get(store, key) for key in files(store)}


def test_a_page_arrives_with_its_times(source: LocalStore, destination: LocalStore) -> None:
    listed = page(source)
    assert carry(source, destination, listed) == []
    assert contents(destination) == {key.replace("d/", "to/"): held for key, held in contents(source).items()}
    for name, item in zip(listed.names, listed.items(), strict=True):
        assert destination.stat(f"to/{name}").modified == item.modified
    assert not list(destination.remove_leftovers())


def test_more_files_than_one_native_call_takes(tmp_path: Path, destination: LocalStore) -> None:
    (tmp_path / "many").mkdir()
    for number in range(GROUP_FILES + 3):
        (tmp_path / "many" / f"{number:04}").write_text(str(number))
    store = LocalStore(tmp_path)
    listed = page(store, "many/")
    (tmp_path / "many" / "0001").write_text("changed")
    (tmp_path / "many" / f"{GROUP_FILES + 1:04}").unlink()
    assert carry(store, destination, listed) == [1, GROUP_FILES + 1]
    assert len(files(destination)) == GROUP_FILES + 1


def test_what_is_not_as_listed_is_left_and_untouched(source: LocalStore, destination: LocalStore) -> None:
    listed = page(source)
    put(destination, "to/f1", b"here already")
    put(source, "d/f2", b"another")
    os.unlink(os.path.join(source.path, "d/f3"))
    assert carry(source, destination, listed) == [1, 2, 3]
    assert files(destination) == ["to/f0", "to/f1", "to/f4"]
    assert get(destination, "to/f1") == b"here already"
    requests = [CopyRequest(listed.item(row), f"to/{listed.names[row]}") for row in (1, 2, 3)]
    results = destination.copy_batch(source, requests, Outgoing(), lambda: False)
    assert [type(result.error).__name__ for result in results] == [
        "AlreadyExistsError",
        "SourceChangedError",
        "ObjectNotFoundError",
    ]


def test_a_directory_in_the_way_is_named(source: LocalStore, destination: LocalStore) -> None:
    listed = page(source)
    put(destination, "to/f1/below", b"x")
    request = CopyRequest(listed.item(1), f"to/{listed.names[1]}")
    (result,) = destination.copy_batch(source, [request], Outgoing(), lambda: False)
    assert result.error is not None
    assert result.error.message == "a directory has this name"
    assert get(destination, "to/f1/below") == b"x"


@pytest.mark.parametrize("how", [Outgoing(durable=True), Outgoing(in_place=True)])
def test_what_only_a_call_for_each_can_do_is_left(source: LocalStore, destination: LocalStore, how: Outgoing) -> None:
    assert carry(source, destination, page(source), how) == [0, 1, 2, 3, 4]
    assert not os.path.exists(destination.path)


@pytest.mark.parametrize(
    "options", [LocalOptions(links=Links.TRANSLATE), LocalOptions(durable=True), LocalOptions(no_set_modtime=True)]
)
def test_options_of_a_store_may_forbid_it(source: LocalStore, tmp_path: Path, options: LocalOptions) -> None:
    assert carry(source, LocalStore(tmp_path / "other", options), page(source)) == [0, 1, 2, 3, 4]


def test_large_files_and_pages_without_details_are_left(source: LocalStore, destination: LocalStore) -> None:
    listed = page(source)
    bare = Page(listed.prefix, listed.names, listed.kinds, listed.sizes, listed.modified)
    assert carry(source, destination, bare) == [0, 1, 2, 3, 4]
    with open(os.path.join(source.path, "d/f0"), "wb") as file:
        file.truncate(SMALL + 1)
    assert carry(source, destination, page(source)) == [0, 1, 2, 3, 4]


def test_nothing_is_begun_once_cancelled(source: LocalStore, destination: LocalStore) -> None:
    assert destination.copy_page(source, page(source), "to/", Outgoing(), lambda: True) == [0, 1, 2, 3, 4]
    assert files(destination) == []


def test_a_directory_that_is_gone_or_cannot_be_made_leaves_all(source: LocalStore, destination: LocalStore) -> None:
    listed = page(source)
    put(destination, "to", b"a file in the way")
    assert carry(source, destination, listed) == [0, 1, 2, 3, 4]
    os.rename(os.path.join(source.path, "d"), os.path.join(source.path, "e"))
    assert destination.copy_page(source, listed, "", Outgoing(), lambda: False) == [0, 1, 2, 3, 4]


def test_wrappers_that_see_each_file_are_not_passed_by(destination: LocalStore) -> None:
    assert isinstance(destination, CopiesPages)
    assert not issubclass(FaultStore, CopiesPages)


WITHOUT_LINKS = """
import errno, os, sys
from plait.model.items import Kind
from plait.stores.base import Outgoing
from plait.stores.local import LocalStore
from plait.testing import syscalls
source, destination = map(LocalStore, sys.argv[1:])
[listed] = [page for page in source.list() if page.prefix == "d/" and Kind.DIRECTORY not in page.kinds]
syscalls.fail({"linkat": errno.EPERM})
left = destination.copy_page(source, listed, "to/", Outgoing(), lambda: False)
os.write(1, repr((left, destination.unnamed_files)).encode())
"""


def test_files_that_cannot_be_named_later_are_written_beside(source: LocalStore, destination: LocalStore) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_LINKS, source.path, destination.path], capture_output=True, check=True
    )
    assert run.stdout == b"([], False)"
    assert contents(destination) == {key.replace("d/", "to/"): held for key, held in contents(source).items()}
