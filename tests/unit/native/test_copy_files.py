"""Copying batches of files, by both implementations: what is copied, what is refused, what is left after a failure."""

from __future__ import annotations

import errno
import os
import resource
import threading
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.native import Outcome, stages
from plait.testing.expectations import expectation

if TYPE_CHECKING:
    from types import ModuleType

    from tests.unit.native.conftest import Folders


LARGE = 300_000


SIZES = [0, 1, 4096, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, LARGE, (9 << 20) + 1]


UNNAMED = stages.UNNAMED | stages.EXCLUSIVE


@pytest.mark.parametrize("options", [*range(8), UNNAMED, UNNAMED | stages.DURABLE])
def test_contents_and_times_arrive(folders: Folders, options: int) -> None:
    names = [f"é {size}" for size in SIZES]
    for name, size in zip(names, SIZES, strict=True):
        folders.put(name, size, modified=-1_500_000_001 - size)
    outcomes = folders.copy(*names, options=options)
    assert folders.present() == sorted(names)
    for name, outcome in zip(names, outcomes, strict=True):
        path = folders.destination / name
        st = path.stat()
        assert outcome == (stages.DONE, 0)
        assert st.st_mtime_ns == (folders.source / name).stat().st_mtime_ns
        assert path.read_bytes() == (folders.source / name).read_bytes()


def test_access_time_is_the_modification_time(folders: Folders) -> None:
    folders.put("a", 5, modified=10**18)
    folders.copy("a")
    assert (folders.destination / "a").stat().st_atime_ns == 10**18


def test_an_empty_batch(folders: Folders) -> None:
    assert folders.copy() == []


@pytest.mark.parametrize("options", [0, stages.DURABLE, stages.IN_PLACE])
def test_what_stood_there_is_replaced(folders: Folders, options: int) -> None:
    folders.put("small", b"new")
    folders.put("large", LARGE)
    for name in ("small", "large"):
        (folders.destination / name).write_bytes(b"o" * 2 * LARGE)
    assert [outcome[0] for outcome in folders.copy("small", "large", options=options)] == [0, 0]
    for name in ("small", "large"):
        assert (folders.destination / name).read_bytes() == (folders.source / name).read_bytes()


def test_modes(folders: Folders) -> None:
    folders.put("a", 10).chmod(0o751)
    umask = os.umask(0o027)
    try:
        folders.copy("a")
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o640
        folders.copy("a", mode=0o604)
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o604
        for mode, wanted in ((-1, 0o640), (0o604, 0o604)):
            (folders.destination / "a").unlink()
            folders.copy("a", options=UNNAMED, mode=mode)
            assert (folders.destination / "a").stat().st_mode & 0o7777 == wanted
        folders.copy("a", options=stages.IN_PLACE)
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o604
        folders.copy("a", options=stages.IN_PLACE, mode=0o600)
        assert (folders.destination / "a").stat().st_mode & 0o7777 == 0o600
    finally:
        os.umask(umask)


@pytest.mark.parametrize("holes", [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_holes_stay_holes(folders: Folders, holes: tuple[int, ...]) -> None:
    part = 1 << 20
    path = folders.source / "sparse"
    with path.open("wb") as file:
        for index in range(3):
            if index not in holes:
                file.seek(index * part)
                file.write(os.urandom(part))
        file.truncate(3 * part)
    assert folders.copy("sparse")[0][0] == stages.DONE
    copy = folders.destination / "sparse"
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_blocks <= path.stat().st_blocks + 16


def test_a_partial_that_exists_is_left_to_the_caller(folders: Folders, tmp_path: Path) -> None:
    folders.put("a", b"new")
    folders.put("b", b"new")
    (folders.destination / "a.partial").write_bytes(b"half of what another writer writes")
    (tmp_path / "victim").write_bytes(b"precious")
    (folders.destination / "b.partial").symlink_to(tmp_path / "victim")
    assert folders.copy("a", "b") == [(stages.CREATE, errno.EEXIST)] * 2
    assert (folders.destination / "a.partial").read_bytes() == b"half of what another writer writes"
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert folders.present() == ["a.partial", "b.partial"]


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("row", range(5))
def test_a_source_other_than_expected_is_left_alone(folders: Folders, size: int, row: int) -> None:
    folders.put("a", size)
    (folders.destination / "a").write_bytes(b"old")
    values = array("q", folders.expectation(["a"]))
    values[row] += 1
    assert folders.copy("a", expected=values.tobytes()) == [(stages.SOURCE_CHANGED, 0)]
    assert (folders.destination / "a").read_bytes() == b"old"
    assert folders.present() == ["a"]


def test_one_failure_stops_no_other(folders: Folders) -> None:
    for name in ("a", "gone", "c"):
        folders.put(name, 10)
    expected = folders.expectation(["a", "gone", "c"])
    (folders.source / "gone").unlink()
    outcomes = folders.copy("a", "gone", "c", expected=expected)
    assert outcomes == [(0, 0), (stages.OPEN_SOURCE, errno.ENOENT), (0, 0)]
    assert outcomes[1] == (stages.OPEN_SOURCE, errno.ENOENT)
    assert folders.present() == ["a", "c"]


def test_sources_that_are_no_files(folders: Folders) -> None:
    (folders.source / "link").symlink_to("/etc/passwd")
    os.mkfifo(folders.source / "pipe")
    (folders.source / "dir").mkdir()
    assert folders.copy("link", "pipe", "dir") == [
        (stages.OPEN_SOURCE, errno.ELOOP),
        (stages.SOURCE_CHANGED, 0),
        (stages.SOURCE_CHANGED, 0),
    ]
    assert folders.present() == []


def test_an_unreadable_source(folders: Folders) -> None:
    folders.put("a", 10).chmod(0)
    folders.put("b", 10).chmod(0o644)
    folders.destination.chmod(0o777)
    (folders.destination / "a").write_bytes(b"old")
    # Root reads everything.
    outcomes = folders.copy("a", "b", user=65534 if os.getuid() == 0 else None)
    assert outcomes == [(stages.OPEN_SOURCE, errno.EACCES), (0, 0)]
    assert (folders.destination / "a").read_bytes() == b"old"
    assert folders.present() == ["a", "b"]


def test_content_of_another_length_than_the_size(implementation: ModuleType, tmp_path: Path) -> None:
    # The kernel's own files say a size that is not their length.
    destination = os.open(tmp_path, os.O_RDONLY)
    for directory, name in (("/proc/sys/kernel", "ostype"), ("/sys/kernel/mm/transparent_hugepage", "enabled")):
        source = os.open(directory, os.O_RDONLY)
        outcomes = implementation.copy_files(
            source,
            destination,
            [name.encode()],
            [b"partial"],
            expectation(Path(directory, name)).tobytes(),
            0,
            -1,
            None,
        )
        os.close(source)
        assert outcomes == [(stages.LENGTH, 0)]
    os.close(destination)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [3, LARGE])
def test_destinations_that_cannot_be_replaced(folders: Folders, size: int) -> None:
    for name in ("a", "b"):
        folders.put(name, size)
    (folders.destination / "a").mkdir()
    (folders.destination / "b.partial").mkdir()
    assert folders.copy("a", "b") == [
        (stages.RENAME, errno.EISDIR),
        (stages.CREATE, errno.EEXIST),
    ]
    assert folders.present() == ["a", "b.partial"]


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("options", [stages.EXCLUSIVE, UNNAMED])
def test_exclusively_nothing_is_replaced(folders: Folders, size: int, options: int) -> None:
    folders.put("a", size)
    folders.put("b", size)
    (folders.destination / "a").write_bytes(b"old")
    outcomes = folders.copy("a", "b", options=options)
    assert outcomes == [(stages.RENAME, errno.EEXIST), (0, 0)]
    (folders.destination / "b").write_bytes(b"old")
    outcomes = folders.copy("b", options=stages.EXCLUSIVE | stages.IN_PLACE)
    assert outcomes == [(stages.CREATE, errno.EEXIST)]
    assert folders.present() == ["a", "b"]
    assert (folders.destination / "a").read_bytes() == (folders.destination / "b").read_bytes() == b"old"


def test_in_place_nothing_else_is_emptied(folders: Folders, tmp_path: Path) -> None:
    for name in ("same", "link", "pipe", "dir"):
        folders.put(name, b"precious")
    os.link(folders.source / "same", folders.destination / "same")
    (tmp_path / "victim").write_bytes(b"precious")
    (folders.destination / "link").symlink_to(tmp_path / "victim")
    os.mkfifo(folders.destination / "pipe")
    (folders.destination / "dir").mkdir()
    outcomes = folders.copy("same", "link", "pipe", "dir", options=stages.IN_PLACE)
    assert outcomes == [
        (stages.CREATE, errno.EEXIST),
        (stages.CREATE, errno.ELOOP),
        (stages.CREATE, errno.ENXIO),
        (stages.CREATE, errno.EISDIR),
    ]
    assert (folders.source / "same").read_bytes() == (tmp_path / "victim").read_bytes() == b"precious"
    assert folders.present() == ["dir", "link", "pipe", "same"]


@pytest.mark.parametrize("size", [100_000, LARGE])
def test_a_full_destination_keeps_the_old_file(folders: Folders, size: int) -> None:
    folders.put("a", size)
    folders.put("b", 10)
    (folders.destination / "a").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        outcomes = folders.copy("a", "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outcomes == [(stages.WRITE, errno.EFBIG), (0, 0)]
    assert folders.present() == ["a", "b"]
    assert (folders.destination / "a").read_bytes() == b"old"


def test_cancelled_before(folders: Folders) -> None:
    folders.put("a", 10)
    assert folders.copy("a", cancel=bytearray(b"\1")) == [(stages.CANCELLED, 0)]
    assert folders.present() == []
    assert folders.copy("a", cancel=bytearray(1))[0][0] == stages.DONE


def test_cancelled_amidst_a_large_file(folders: Folders) -> None:
    folders.put("a", 64 << 20)
    folders.put("b", 10)
    cancel = bytearray(1)

    def watch() -> None:
        while not (folders.destination / "a.partial").exists():
            pass
        cancel[0] = 1

    thread = threading.Thread(target=watch)
    thread.start()
    outcomes = folders.copy("a", "b", cancel=cancel)
    thread.join()
    assert outcomes == [(stages.CANCELLED, 0)] * 2
    assert folders.present() == []


def test_a_source_that_changes_under_way(folders: Folders) -> None:
    path = folders.put("a", 64 << 20)
    (folders.destination / "a").write_bytes(b"old")

    def watch() -> None:
        while not (folders.destination / "a.partial").exists():
            pass
        os.utime(path)

    thread = threading.Thread(target=watch)
    thread.start()
    outcomes = folders.copy("a")
    thread.join()
    assert outcomes == [(stages.SOURCE_CHANGED, 0)]
    assert folders.present() == ["a"]
    assert (folders.destination / "a").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("names", "partials", "expected", "options", "cancel"),
    [
        ([b""], [b"p"], bytes(32), 0, None),
        ([b"."], [b"p"], bytes(32), 0, None),
        ([b".."], [b"p"], bytes(32), 0, None),
        ([b"a/b"], [b"p"], bytes(32), 0, None),
        ([b"a\0b"], [b"p"], bytes(32), 0, None),
        ([b"a"], [b"../p"], bytes(32), 0, None),
        ([b"a"], [b"a"], bytes(32), 0, None),
        ([b"a"], [], bytes(32), 0, None),
        ([b"a"], [b"p", b"q"], bytes(32), 0, None),
        ([b"a"], [b"p"], bytes(32), stages.IN_PLACE, None),
        ([b"a"], [b"p"], bytes(31), 0, None),
        ([b"a"], [b"p"], bytes(64), 0, None),
        ([b"a"], [b"p"], bytes(40), 16, None),
        ([b"a"], [b"p"], bytes(40), UNNAMED, None),
        ([b"a"], [], bytes(40), stages.UNNAMED, None),
        ([b"a"], [], bytes(40), UNNAMED | stages.IN_PLACE, None),
        ([b"a"], [b"p"], bytes(32), 0, b""),
        ([b"good", b"a/b"], [b"p", b"q"], bytes(64), 0, None),
    ],
)
def test_what_does_not_fit_is_refused(
    folders: Folders, names: list[bytes], partials: list[bytes], expected: bytes, options: int, cancel: bytes | None
) -> None:
    source = os.open(folders.source, os.O_RDONLY)
    try:
        with pytest.raises(ValueError):
            folders.implementation.copy_files(source, source, names, partials, expected, options, -1, cancel)
        with pytest.raises(ValueError):
            folders.implementation.copy_files(source, -100, [], [], b"", 0, -1, None)
        with pytest.raises(TypeError):
            folders.implementation.copy_files(source, source, ["a"], [b"p"], bytes(32), 0, -1, None)
    finally:
        os.close(source)
    assert list(folders.source.iterdir()) == []


def test_threads_copy_at_once(folders: Folders) -> None:
    batches = [[f"{batch}-{number}" for number in range(50)] for batch in range(4)]
    for names in batches:
        for name in names:
            folders.put(name, 1 + hash(name) % 5000)
    seen: list[Outcome] = []
    threads = [threading.Thread(target=lambda names=names: seen.extend(folders.copy(*names))) for names in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome[0] for outcome in seen] == [0] * 200
    for path in folders.source.iterdir():
        assert (folders.destination / path.name).read_bytes() == path.read_bytes()


def test_a_file_system_without_unnamed_files_says_so(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    source, destination = os.open(tmp_path, os.O_RDONLY), os.open("/proc", os.O_RDONLY)
    try:
        outcomes = implementation.copy_files(
            source, destination, [b"a"], [], expectation(tmp_path / "a").tobytes(), UNNAMED, -1, None
        )
    finally:
        os.close(source)
        os.close(destination)
    assert outcomes == [(stages.CREATE, errno.EOPNOTSUPP)]
