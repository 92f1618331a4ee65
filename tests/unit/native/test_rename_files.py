"""Renaming many files at once, by both implementations."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from plait.testing.expectations import expectation

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType


class Sides:
    """Two directories, and renames from the one to the other."""

    def __init__(self, implementation: ModuleType, base: Path) -> None:
        self.implementation = implementation
        self.old, self.new = base / "old", base / "new"
        self.old.mkdir()
        self.new.mkdir()

    def expected(self, names: Sequence[str]) -> array[int]:
        return expectation(*(self.old / name for name in names))

    def rename(self, names: Sequence[str], new: Sequence[str], expected: array[int] | None = None) -> list[int]:
        rows = self.expected(names) if expected is None else expected
        with ExitStack() as opened:
            descriptors = [os.open(directory, os.O_RDONLY) for directory in (self.old, self.new)]
            for descriptor in descriptors:
                opened.callback(os.close, descriptor)
            texts = [[os.fsencode(name) for name in some] for some in (names, new)]
            return list(self.implementation.rename_files(*descriptors, *texts, rows.tobytes()))


@pytest.fixture
def sides(implementation: ModuleType, tmp_path: Path) -> Sides:
    return Sides(implementation, tmp_path)


def test_files_get_their_new_names(sides: Sides) -> None:
    for name in ("a", "b é"):
        (sides.old / name).write_text(name)
    inodes = [(sides.old / name).stat().st_ino for name in ("a", "b é")]
    assert sides.rename(["a", "b é"], ["c", "d é"]) == [1, 1]
    assert [(sides.new / name).stat().st_ino for name in ("c", "d é")] == inodes
    assert [(sides.new / name).stat().st_nlink for name in ("c", "d é")] == [1, 1]
    assert list(sides.old.iterdir()) == []
    assert sides.rename([], []) == []


def test_nothing_is_replaced(sides: Sides) -> None:
    for directory in (sides.old, sides.new):
        (directory / "a").write_text(directory.name)
    (sides.old / "b").write_text("b")
    os.link(sides.old / "b", sides.new / "b")
    assert sides.rename(["a", "b"], ["a", "b"]) == [0, 0]
    assert (sides.old / "a").read_text() == "old"
    assert (sides.new / "a").read_text() == "new"
    assert (sides.old / "b").samefile(sides.new / "b")


@pytest.mark.parametrize("row", range(5))
def test_what_is_not_as_listed_stays(sides: Sides, row: int) -> None:
    (sides.old / "a").write_text("a")
    expected = sides.expected(["a"])
    expected[row] += 1
    assert sides.rename(["a"], ["a"], expected) == [0]
    assert (sides.old / "a").read_text() == "a"
    assert list(sides.new.iterdir()) == []


def test_only_files_are_renamed(sides: Sides) -> None:
    (sides.old / "link").symlink_to("/etc/passwd")
    (sides.old / "dir").mkdir()
    (sides.old / "gone").touch()
    names = ["link", "dir", "gone"]
    expected = sides.expected(names)
    (sides.old / "gone").unlink()
    assert sides.rename(names, names, expected) == [0, 0, 0]
    assert list(sides.new.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "new", "size"),
    [([b""], [b"n"], 40), ([b"a"], [b"../n"], 40), ([b"a"], [b"n"], 39), ([b"a"], [], 40), ([], [b"n"], 0)],
)
def test_what_does_not_fit_is_refused(
    implementation: ModuleType, tmp_path: Path, names: list[bytes], new: list[bytes], size: int
) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ValueError):
            implementation.rename_files(directory, directory, names, new, bytes(size))
        with pytest.raises(ValueError):
            implementation.rename_files(directory, -1, [], [], b"")
    finally:
        os.close(directory)
