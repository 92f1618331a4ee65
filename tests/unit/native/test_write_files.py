"""Writing a batch of small files, by both implementations."""

import fcntl
import os
import stat
from pathlib import Path
from struct import pack
from types import ModuleType

import pytest

MOMENT = 1_700_000_000_123_456_789


def written(
    implementation: ModuleType,
    root: Path,
    files: dict[bytes, bytes],
    *,
    mode: int = 0o640,
    owner: int = -1,
    modified: int = MOMENT,
) -> list[bool]:
    """Which of files, given by name and content, were written."""
    rows, data = b"", b"before"
    for content in files.values():
        rows += pack("=7q", len(data), len(content), 0o600, mode, owner, owner, modified)
        data += content
    partials = [name + b".partial" for name in files]
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return [bool(flag) for flag in implementation.write_files(descriptor, list(files), partials, data, rows)]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("modified", [MOMENT, 0, -1, -(10**18)])
def test_files_have_content_mode_time_and_name(implementation: ModuleType, tmp_path: Path, modified: int) -> None:
    files = {b"empty": b"", b"a": b"one", b"\xff": os.urandom(300_000)}
    (tmp_path / "a").write_bytes(b"old")
    assert written(implementation, tmp_path, files, mode=0o2751, modified=modified) == [True] * 3
    assert {os.fsencode(path.name): path.read_bytes() for path in tmp_path.iterdir()} == files
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o2751
        assert path.stat().st_mtime_ns == modified


def test_zeros_become_holes(implementation: ModuleType, tmp_path: Path) -> None:
    hole = bytes(64 << 10)
    files = {
        b"all": hole * 8,
        b"end": b"x" * len(hole) + hole,
        b"begin": hole + b"x",
        b"odd": b"x" + hole + b"x",
        b"z": bytes(99),
    }
    assert all(written(implementation, tmp_path, files))
    for name, content in files.items():
        assert (tmp_path / os.fsdecode(name)).read_bytes() == content
    assert (tmp_path / "all").stat().st_blocks == 0
    assert (tmp_path / "end").stat().st_blocks * 512 == len(hole)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_get_an_owner(implementation: ModuleType, tmp_path: Path) -> None:
    assert written(implementation, tmp_path, {b"a": b"one"}, mode=0o4755, owner=12345) == [True]
    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12345, 0o4755)


def test_nothing_is_left_of_what_is_in_the_way(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "taken.partial").write_bytes(b"another writer's")
    with (tmp_path / "taken.partial").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        files = {b"directory": b"1", b"taken": b"2", b"free": b"3"}
        assert written(implementation, tmp_path, files) == [False, False, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "free", "taken.partial"]
    assert (tmp_path / "taken.partial").read_bytes() == b"another writer's"


def test_arguments_that_cannot_be(implementation: ModuleType, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    row = pack("=7q", 0, 3, 0o600, 0o600, -1, -1, 0)
    try:
        for names, partials, data, rows in (
            ([b"a/b"], [b"p"], b"abc", row),
            ([b"a"], [b".."], b"abc", row),
            ([b"a"], [], b"abc", row),
            ([b"a"], [b"p"], b"abc", row[:-1]),
            ([b"a"], [b"p"], b"ab", row),
            ([b"a"], [b"p"], b"ab", pack("=7q", -1, 3, 0o600, 0o600, -1, -1, 0)),
        ):
            with pytest.raises(ValueError, match=r"plain file name|one partial name|not in the data"):
                implementation.write_files(descriptor, names, partials, data, rows)
    finally:
        os.close(descriptor)
    assert not list(tmp_path.iterdir())
