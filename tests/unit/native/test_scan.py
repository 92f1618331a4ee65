"""Reading a directory, by both implementations."""

import errno
import os
import socket
import struct
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from plait.native import IMPLEMENTATION, Scan, scan_pages


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def scanned(implementation: ModuleType, path: Path) -> Scan:
    with opened(path) as descriptor:
        result: Scan = implementation.scan(descriptor)
    return result


def test_an_empty_directory_has_no_rows(implementation: ModuleType, tmp_path: Path) -> None:
    assert scanned(implementation, tmp_path) == ([], b"", b"", b"", b"")


def test_order_is_that_of_the_bytes_with_a_slash_after_directories(implementation: ModuleType, tmp_path: Path) -> None:
    for raw in (b"a", b"a.txt", b"a0", b"\xc3\xa9", b"\xff", b"\xf0\x9f\x90\x8d", b"\xee\x80\x80", b"Z", b"b c"):
        (tmp_path / os.fsdecode(raw)).touch()
    for name in ("a-", "a1", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "b!").touch()
    names, kinds, *_ = scanned(implementation, tmp_path)
    keys = [name + "/" * (kind == 1) for name, kind in zip(names, kinds, strict=True)]
    assert keys == ["Z", "a", "a-/", "a.txt", "a0", "a1/", "b c", "b!", "b/", "é", "\ue000", "\U0001f40d", "\udcff"]


def test_every_kind_and_attribute(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.link(tmp_path / "file", tmp_path / "hard")
    (tmp_path / "file").chmod(0o640)
    os.utime(tmp_path / "file", ns=(-1, -1_500_000_001))
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
    names, kinds, sizes, modified, details = scanned(implementation, tmp_path)
    assert names == ["dir", "file", "hard", "link", "pipe", "sock"]
    assert kinds == bytes([1, 0, 0, 2, 3, 3])
    stats = [(tmp_path / name).lstat() for name in names]
    assert array("q", sizes).tolist() == [st.st_size for st in stats]
    assert array("q", modified).tolist() == [st.st_mtime_ns for st in stats]
    assert array("q", modified)[1] == -1_500_000_001
    assert list(struct.iter_unpack("9q", details)) == [
        (
            st.st_ctime_ns,
            st.st_atime_ns,
            st.st_ino,
            st.st_dev,
            st.st_mode,
            st.st_uid,
            st.st_gid,
            st.st_nlink,
            st.st_rdev,
        )
        for st in stats
    ]


@pytest.mark.parametrize("seconds", [2**34 - 1, 2**40, -(2**40), 9223372036, -9223372037, 0])
def test_times_beyond_the_column_become_its_ends(implementation: ModuleType, tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "file"
    path.touch()
    os.utime(path, (0, seconds))
    # The file system may have narrowed it before.
    kept = path.stat().st_mtime_ns
    clamped = min(max(kept, -(2**63)), 2**63 - 1)
    assert array("q", scanned(implementation, tmp_path)[3]).tolist() == [clamped]


def test_the_descriptor_stays_usable_and_may_be_read_before(implementation: ModuleType, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).touch()
    with opened(tmp_path) as descriptor:
        with os.scandir(descriptor) as entries:
            assert sum(1 for _ in entries) == 20
        first = implementation.scan(descriptor)
        assert implementation.scan(descriptor) == first
        assert len(first[0]) == 20
        assert os.fstat(descriptor).st_ino == tmp_path.stat().st_ino


def test_many_entries(implementation: ModuleType, tmp_path: Path) -> None:
    expected = sorted(f"{number * 7919 % 3000:05}" for number in range(3000))
    for name in expected:
        (tmp_path / name).touch()
    names, kinds, sizes, modified, details = scanned(implementation, tmp_path)
    assert names == expected
    assert kinds == bytes(3000)
    assert sizes == bytes(8 * 3000)
    assert array("q", modified).tolist() == [(tmp_path / name).stat().st_mtime_ns for name in names]
    assert [row[2] for row in struct.iter_unpack("9q", details)] == [(tmp_path / name).stat().st_ino for name in names]


def test_what_is_no_directory_raises(implementation: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(OSError) as caught:
            implementation.scan(descriptor)
    finally:
        os.close(descriptor)
    assert caught.value.errno == errno.ENOTDIR
    with pytest.raises(OSError) as caught:
        implementation.scan(descriptor)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(ValueError, match="-100"):
        implementation.scan(-100)


def test_entries_that_come_and_go_do_no_harm(implementation: ModuleType, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"stays-{number:03}").touch()
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(100):
                (tmp_path / f"goes-{number}").touch()
            for number in range(100):
                (tmp_path / f"goes-{number}").unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            names, kinds, sizes, modified, details = scanned(implementation, tmp_path)
            assert sum(name.startswith("stays-") for name in names) == 300
            assert names == sorted(names)
            assert set(kinds) == {0}
            assert len(kinds) * 8 == len(sizes) == len(modified) == len(details) // 9
            assert len(kinds) == len(names)
    finally:
        stop.set()
        thread.join()


def test_threads_read_at_once(implementation: ModuleType, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / str(number)).touch()
    expected = scanned(implementation, tmp_path)
    seen: list[bool] = []

    with opened(tmp_path) as descriptor:

        def read() -> None:
            seen.extend(implementation.scan(descriptor) == expected for _ in range(20))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [True] * 80


@pytest.mark.parametrize("rows", [1, 7, 8, 1000])
def test_pages_are_the_rows_of_a_scan(implementation: ModuleType, tmp_path: Path, rows: int) -> None:
    for number in range(40):
        (tmp_path / f"{number * 7 % 40:02}").touch()
    for number in range(0, 40, 3):
        (tmp_path / f"{number:02}+").mkdir()
    expected = scanned(implementation, tmp_path)
    with opened(tmp_path) as descriptor:
        pages: list[Scan] = list(implementation.scan_pages(descriptor, rows))
    assert all(0 < len(page[0]) <= rows for page in pages)
    assert len(pages) == -(-54 // rows)
    names = [name for page in pages for name in page[0]]
    assert (names, *(b"".join(column) for column in zip(*(page[1:] for page in pages), strict=True))) == expected


def test_pages_of_nothing_and_of_no_directory(implementation: ModuleType, tmp_path: Path) -> None:
    with opened(tmp_path) as descriptor:
        pages = implementation.scan_pages(descriptor, 10)
        assert list(pages) == []
        assert list(pages) == []
        with pytest.raises(ValueError):
            implementation.scan_pages(descriptor, 0)
    with pytest.raises(OSError) as caught:
        implementation.scan_pages(descriptor, 10)
    assert caught.value.errno == errno.EBADF


def test_pages_given_up_leave_nothing_open(implementation: ModuleType, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).touch()
    with opened(tmp_path) as descriptor:
        assert len(next(implementation.scan_pages(descriptor, 5))[0]) == 5


def test_threads_share_the_pages(implementation: ModuleType, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / str(number)).touch()
    with opened(tmp_path) as descriptor:
        pages = implementation.scan_pages(descriptor, 3)
    lock = threading.Lock()
    seen: list[str] = []

    def read() -> None:
        while True:
            # Generators, which the twin returns, refuse two threads at once.
            with lock:
                page = next(pages, None)
            if page is None:
                return
            seen.extend(page[0])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(str(number) for number in range(200))


def test_what_changes_between_the_pages(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e", "f"):
        (tmp_path / name).touch()
    (tmp_path / "dir").mkdir()
    with opened(tmp_path) as descriptor:
        pages = scan_pages(descriptor, 2)
        assert next(pages)[0] == ["a", "b"]
        for name in ("c", "d", "e"):
            (tmp_path / name).unlink()
        (tmp_path / "e").mkdir()
        (tmp_path / "dir").rmdir()
        rest = list(pages)
    if IMPLEMENTATION == "c":
        # What has vanished is left out, with a page that is empty; a directory keeps the place that it was found at.
        assert [page[0] for page in rest] == [["dir", "e"], ["f"]]
        assert rest[0][1] == bytes([1, 255])
        assert array("q", rest[0][2]).tolist()[1] == errno.ESTALE
    else:
        assert [page[0] for page in rest] == [["c", "d"], ["dir", "e"], ["f"]]


def below(
    implementation: ModuleType, path: Path, names: list[bytes], most: int = 1 << 30
) -> list[tuple[int, Scan] | None]:
    with opened(path) as descriptor:
        results: list[tuple[int, Scan] | None] = implementation.scan_below(descriptor, names, most)
    return results


def test_subdirectories_are_scanned_together(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "flat").mkdir()
    for name in ("deep/a", "flat/b", "flat/c", "file"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("flat")
    names = [b"deep", b"absent", b"flat", b"file", b"link"]
    deep, absent, flat, file, link = below(implementation, tmp_path, names)
    assert absent is file is link is None
    assert deep is not None
    assert flat == (-1, scanned(implementation, tmp_path / "flat"))
    descriptor, rows = deep
    assert rows == scanned(implementation, tmp_path / "deep")
    assert os.path.samestat(os.fstat(descriptor), (tmp_path / "deep").stat())
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_no_more_is_scanned_than_is_wanted(implementation: ModuleType, tmp_path: Path) -> None:
    names = [b"a", b"b", b"c"]
    for name in names:
        (tmp_path / os.fsdecode(name)).mkdir()
        (tmp_path / os.fsdecode(name) / "file").touch()
    sizes = [(tmp_path / os.fsdecode(name)).stat().st_size for name in names]
    for most in (sizes[0] - 1, sizes[0], sum(sizes) - 1, sum(sizes)):
        results = below(implementation, tmp_path, names, most)
        assert [result is not None for result in results] == [most >= sum(sizes[: n + 1]) for n in range(3)]


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"a\0b"])
def test_only_plain_names_are_scanned_below(implementation: ModuleType, tmp_path: Path, name: bytes) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        below(implementation, tmp_path, [name])


def test_what_is_scanned_below_is_an_open_directory_and_names_in_bytes(
    implementation: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="negative"):
        implementation.scan_below(-100, [], 0)
    with opened(tmp_path) as descriptor, pytest.raises(TypeError):
        implementation.scan_below(descriptor, ["a"], 0)
