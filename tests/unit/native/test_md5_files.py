"""Hashing many files of one directory, by both implementations."""

from __future__ import annotations

import hashlib
import os
from array import array
from typing import TYPE_CHECKING

import pytest

from plait.testing.expectations import expectation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

LARGEST = 1024 * 1024
NONE = b"\1" + bytes(16)


def digests(implementation: ModuleType, directory: Path, names: Sequence[str], expected: array[int]) -> list[bytes]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        found: bytes = implementation.md5_files(descriptor, [os.fsencode(name) for name in names], expected.tobytes())
    finally:
        os.close(descriptor)
    return [found[at : at + 17] for at in range(0, len(found), 17)]


def test_contents_of_any_length(implementation: ModuleType, tmp_path: Path) -> None:
    sizes = (0, 1, 55, 56, 63, 64, 65, 4096, LARGEST - 1, LARGEST, LARGEST + 1)
    names = [f"{size} é" for size in sizes]
    for name, size in zip(names, sizes, strict=True):
        (tmp_path / name).write_bytes(os.urandom(size))
    wanted = [b"\0" + hashlib.md5((tmp_path / name).read_bytes()).digest() for name in names[:-1]]
    assert digests(implementation, tmp_path, names, expectation(*(tmp_path / name for name in names))) == [
        *wanted,
        NONE,
    ]
    assert digests(implementation, tmp_path, [], array("q")) == []


@pytest.mark.parametrize("row", range(5))
def test_what_is_not_as_listed_is_left_alone(implementation: ModuleType, tmp_path: Path, row: int) -> None:
    (tmp_path / "a").write_bytes(b"a")
    expected = expectation(tmp_path / "a")
    expected[row] += 1
    assert digests(implementation, tmp_path, ["a"], expected) == [NONE]


def test_what_is_no_file(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").touch()
    names = ["link", "pipe", "gone"]
    expected = expectation(*(tmp_path / name for name in names))
    (tmp_path / "gone").unlink()
    assert digests(implementation, tmp_path, names, expected) == [NONE] * 3


@pytest.mark.parametrize(("names", "size"), [([b""], 40), ([b".."], 40), ([b"a/b"], 40), ([b"a"], 39), ([], 40)])
def test_what_does_not_fit_is_refused(
    implementation: ModuleType, tmp_path: Path, names: list[bytes], size: int
) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ValueError):
            implementation.md5_files(directory, names, bytes(size))
        with pytest.raises(ValueError):
            implementation.md5_files(-1, [], b"")
    finally:
        os.close(directory)
