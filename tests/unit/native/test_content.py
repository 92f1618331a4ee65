"""Copying a range of one open file to another, by both implementations."""

import errno
import os
import resource
import threading
from pathlib import Path
from types import ModuleType

import pytest


def copied(
    implementation: ModuleType, source: Path, destination: Path, offset: int, length: int, *, sparse: bool = False
) -> int:
    reading = os.open(source, os.O_RDONLY)
    writing = os.open(destination, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        count: int = implementation.copy_range(reading, writing, offset, length, sparse)
    finally:
        os.close(reading)
        os.close(writing)
    return count


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, 1), (0, 100_000), (1, 99_999), (50_000, 10), (99_999, 1), (0, 200_000), (100_000, 5), (150_000, 5)],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_range_goes_to_the_same_place(
    implementation: ModuleType, tmp_path: Path, offset: int, length: int, sparse: bool
) -> None:
    content = os.urandom(100_000)
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(b"." * 100_000)
    expected = content[offset : offset + length]
    assert copied(implementation, tmp_path / "a", tmp_path / "b", offset, length, sparse=sparse) == len(expected)
    after = (tmp_path / "b").read_bytes()
    assert after[offset : offset + len(expected)] == expected
    assert set(after[:offset] + after[offset + len(expected) :]) <= {ord(".")}


@pytest.mark.parametrize("sparse", [False, True])
def test_holes_are_passed_over_only_where_asked(implementation: ModuleType, tmp_path: Path, sparse: bool) -> None:
    part = 1 << 20
    with (tmp_path / "a").open("wb") as file:
        file.seek(part)
        file.write(b"x" * part)
        file.truncate(4 * part)
    assert copied(implementation, tmp_path / "a", tmp_path / "b", 0, 3 * part, sparse=sparse) == 3 * part
    assert copied(implementation, tmp_path / "a", tmp_path / "b", 3 * part, 3 * part, sparse=sparse) == part
    os.truncate(tmp_path / "b", 4 * part)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    blocks = (tmp_path / "b").stat().st_blocks * 512
    assert (blocks < 2 * part) == sparse


def test_threads_copy_parts_under_the_same_descriptors(implementation: ModuleType, tmp_path: Path) -> None:
    part, count = 1 << 20, 16
    (tmp_path / "a").write_bytes(os.urandom(part * count))
    reading = os.open(tmp_path / "a", os.O_RDONLY)
    writing = os.open(tmp_path / "b", os.O_RDWR | os.O_CREAT, 0o600)
    results: list[int] = []

    def work(first: int) -> None:
        for index in range(first, count, 4):
            results.append(implementation.copy_range(reading, writing, index * part, part, first % 2 == 0))  # noqa: PERF401  (seen by other threads)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(reading)
    os.close(writing)
    assert results == [part] * count
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_errors(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    descriptor = os.open(tmp_path / "a", os.O_RDONLY)
    try:
        with pytest.raises(OSError) as caught:
            implementation.copy_range(descriptor, descriptor, 0, 10, False)
        assert caught.value.errno == errno.EBADF
        for offset, length in ((-1, 1), (0, -1), (1, 2**63 - 1)):
            with pytest.raises(ValueError):
                implementation.copy_range(descriptor, descriptor, offset, length, False)
    finally:
        os.close(descriptor)


def test_space_is_reserved(implementation: ModuleType, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        reserved = implementation.allocate(descriptor, 1 << 20)
        st = os.fstat(descriptor)
        assert (st.st_size, st.st_blocks * 512 >= 1 << 20) == ((1 << 20, True) if reserved else (0, False))
        for size in (0, -1):
            with pytest.raises(ValueError):
                implementation.allocate(descriptor, size)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, limits[1]))
        try:
            with pytest.raises(OSError) as caught:
                implementation.allocate(descriptor, 4 << 20)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.errno == errno.EFBIG
    finally:
        os.close(descriptor)
