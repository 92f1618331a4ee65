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
