"""Comparing files of two directories, by both implementations."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.native.pure.same_files import OTHER, SAME, UNKNOWN
from plait.testing.expectations import expectation

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence
    from types import ModuleType

LARGEST = 128 * 1024 - 1


class Sides:
    """Two directories, and a comparison of them."""

    def __init__(self, implementation: ModuleType, base: Path) -> None:
        self.implementation = implementation
        self.left, self.right = base / "left", base / "right"
        self.left.mkdir()
        self.right.mkdir()

    def put(self, name: str, left: bytes, right: bytes) -> None:
        for directory, content in ((self.left, left), (self.right, right)):
            (directory / name).write_bytes(content)

    def expected(self, names: Sequence[str]) -> array[int]:
        return expectation(*(directory / name for name in names for directory in (self.left, self.right)))

    def compare(self, names: Sequence[str], expected: array[int] | None = None) -> list[int]:
        rows = self.expected(names) if expected is None else expected
        with ExitStack() as opened:
            descriptors = [os.open(directory, os.O_RDONLY) for directory in (self.left, self.right)]
            for descriptor in descriptors:
                opened.callback(os.close, descriptor)
            plain = [os.fsencode(name) for name in names]
            return list(self.implementation.same_files(*descriptors, plain, rows.tobytes()))


@pytest.fixture
def sides(implementation: ModuleType, tmp_path: Path) -> Sides:
    return Sides(implementation, tmp_path)


def test_contents_of_any_length(sides: Sides) -> None:
    contents = {f"{size} é": os.urandom(size) for size in (0, 1, 4096, LARGEST - 1, LARGEST, LARGEST + 1)}
    for name, content in contents.items():
        sides.put(name, content, content)
    assert sides.compare(list(contents)) == [*[SAME] * 5, UNKNOWN]
    for name, content in contents.items():
        sides.put(name, content, content[:-1] + bytes([content[-1] ^ 1]) if content else b"")
    assert sides.compare(list(contents)) == [SAME, *[OTHER] * 4, UNKNOWN]
    sides.put("lengths", b"abc", b"abcd")
    assert sides.compare(["lengths"]) == [OTHER]
    assert sides.compare([]) == []


@pytest.mark.parametrize("row", range(10))
def test_what_is_not_as_listed_is_left_alone(sides: Sides, row: int) -> None:
    sides.put("a", b"same", b"same")
    expected = sides.expected(["a"])
    expected[row] += 1
    assert sides.compare(["a"], expected) == [UNKNOWN]


def test_what_is_no_file_or_cannot_be_read(sides: Sides) -> None:
    for directory in (sides.left, sides.right):
        (directory / "link").symlink_to("/etc/passwd")
        os.mkfifo(directory / "pipe")
        (directory / "dir").mkdir()
        (directory / "gone").touch()
    expected = sides.expected(["link", "pipe", "dir", "gone"])
    (sides.right / "gone").unlink()
    assert sides.compare(["link", "pipe", "dir", "gone"], expected) == [UNKNOWN] * 4


def test_files_of_another_length_than_their_size(implementation: ModuleType) -> None:
    # The kernel's own files say a size that is not their length.
    rows = expectation(*[Path("/proc/sys/kernel/ostype")] * 2)
    directory = os.open("/proc/sys/kernel", os.O_RDONLY)
    try:
        assert list(implementation.same_files(directory, directory, [b"ostype"], rows.tobytes())) == [UNKNOWN]
    finally:
        os.close(directory)


@pytest.mark.parametrize(
    ("names", "size"),
    [([b""], 80), ([b"."], 80), ([b"a/b"], 80), ([b"a\0b"], 80), ([b"a"], 79), ([b"a"], 160), ([], 80)],
)
def test_what_does_not_fit_is_refused(
    implementation: ModuleType, tmp_path: Path, names: list[bytes], size: int
) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ValueError):
            implementation.same_files(directory, directory, names, bytes(size))
        with pytest.raises(ValueError):
            implementation.same_files(-1, directory, [], b"")
        with pytest.raises(TypeError):
            implementation.same_files(directory, directory, ["a"], bytes(80))
    finally:
        os.close(directory)
