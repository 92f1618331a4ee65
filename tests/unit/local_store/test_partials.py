from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import CancelledError
from plait.stores.local import Links, LocalOptions, LocalStore
from plait.stores.local.partials import LONGEST_LEAF, WRITERS, is_partial_name, lock, partial_name
from plait.testing.generators import as_source
from plait.testing.store_tools import files, get, keys, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_file_is_left_open")


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
    assert sorted(os.listdir(root / "d")) == ["file"]
    assert sorted(os.listdir(root)) == ["d"]


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
    assert sorted(os.listdir(root)) == ["file"]


def test_a_left_over_in_the_way_is_taken_away(root: Path) -> None:
    (root / partial_name("file", ".partial")).write_bytes(b"much longer than what comes now")
    put(LocalStore(root), "file", b"new")
    assert (root / "file").read_bytes() == b"new"
    assert sorted(os.listdir(root)) == ["file"]


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
        def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002  (the signature of a source)
            seen.extend(sorted(os.listdir(root)))
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
    assert len(sorted(os.listdir(root / "d"))) == 2
    assert files(store) == ["d/file"]
    assert len(list(store.remove_leftovers())) == 1
    assert sorted(os.listdir(root / "d")) == ["file"]
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
    assert sorted(os.listdir(root)) == ["file"]
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
    assert sorted(os.listdir(root)) == ["victim"]
