"""The MD5s of a file and its parts in one reading, by both implementations."""

import os
from hashlib import md5
from pathlib import Path
from types import ModuleType

import pytest

PART = 256 * 1024


def opened(path: Path, content: bytes) -> int:
    path.write_bytes(content)
    return os.open(path, os.O_RDONLY)


@pytest.mark.parametrize(
    "size", [0, 1, 55, 56, 63, 64, 65, PART - 9, PART - 8, PART, PART + 1, 3 * PART, 3 * PART + 60]
)
def test_they_are_those_that_hashlib_gives(implementation: ModuleType, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    descriptor = opened(tmp_path / "file", content)
    digests, read = implementation.md5_parts(descriptor, size, PART, None)
    os.close(descriptor)
    pieces = [content, *(content[start : start + PART] for start in range(0, size, PART))]
    assert (digests, read) == (b"".join(md5(piece, usedforsecurity=False).digest() for piece in pieces), size)


def test_a_file_that_ends_early_is_told_by_the_count(implementation: ModuleType, tmp_path: Path) -> None:
    descriptor = opened(tmp_path / "file", bytes(PART + 100))
    digests, read = implementation.md5_parts(descriptor, 3 * PART, PART, None)
    os.close(descriptor)
    assert (digests, read) == (bytes(16 * 4), PART + 100)


def test_a_set_flag_ends_it(implementation: ModuleType, tmp_path: Path) -> None:
    descriptor = opened(tmp_path / "file", bytes(PART))
    assert implementation.md5_parts(descriptor, PART, PART, b"\0")[1] == PART
    assert implementation.md5_parts(descriptor, PART, PART, b"\1")[1] == 0
    os.close(descriptor)


def test_what_cannot_be_read_raises_what_the_system_says(implementation: ModuleType, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        implementation.md5_parts(descriptor, 10, PART, None)
    os.close(descriptor)


@pytest.mark.parametrize(("size", "part"), [(-1, PART), (1, 0), (1, -PART), (1, PART - 64)])
def test_numbers_that_make_no_sense_are_refused(implementation: ModuleType, size: int, part: int) -> None:
    with pytest.raises(ValueError, match="the size cannot be negative, and parts are multiples"):
        implementation.md5_parts(0, size, part, None)


@pytest.mark.parametrize(
    ("size", "part"),
    [(0, 5), (1, 5), (5, 5), (64, 64), (40 * 64, 64), (16 * 100 + 7, 100), (70_000, 20_000), (300_000, 18_000)],
)
def test_each_part_is_what_hashlib_gives(implementation: ModuleType, tmp_path: Path, size: int, part: int) -> None:
    content = os.urandom(size + 20)
    descriptor = opened(tmp_path / "file", content)
    digests = implementation.md5_each_part(descriptor, 10, size, part, b"\0")
    os.close(descriptor)
    pieces = [content[start : min(start + part, size + 10)] for start in range(10, size + 10, part)]
    assert digests == b"".join(md5(piece, usedforsecurity=False).digest() for piece in pieces)


@pytest.mark.parametrize("part", [300, 1 << 20])
def test_each_part_is_nothing_where_the_file_ends_or_a_flag_is_set(
    implementation: ModuleType, tmp_path: Path, part: int
) -> None:
    descriptor = opened(tmp_path / "file", bytes(2000))
    assert implementation.md5_each_part(descriptor, 0, 2001, part, None) is None
    assert implementation.md5_each_part(descriptor, 0, 2000, part, b"\1") is None
    os.close(descriptor)


def test_each_part_of_what_cannot_be_read_raises_what_the_system_says(
    implementation: ModuleType, tmp_path: Path
) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        implementation.md5_each_part(descriptor, 0, 10, 10, None)
    os.close(descriptor)


@pytest.mark.parametrize(("offset", "size", "part"), [(-1, 1, 1), (0, -1, 1), (0, 1, 0), (0, 1, -1)])
def test_numbers_that_make_no_parts_are_refused(implementation: ModuleType, offset: int, size: int, part: int) -> None:
    with pytest.raises(ValueError, match="offset and size cannot be negative"):
        implementation.md5_each_part(0, offset, size, part, None)
