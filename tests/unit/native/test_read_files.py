"""Reading many small files, by both implementations."""

import os
import socket
from array import array
from pathlib import Path
from types import ModuleType

import pytest

LIMIT = 300_000


def read(module: ModuleType, directory: Path, names: list[bytes], *, bare: bool = True) -> dict[bytes, object]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        raw, data = module.read_files(descriptor, names, LIMIT, bare)
    finally:
        os.close(descriptor)
    rows = array("q", raw)
    assert len(rows) == 8 * len(names)
    found: dict[bytes, object] = {}
    at = 0
    for number, name in enumerate(names):
        row = tuple(rows[8 * number : 8 * number + 8])
        if not any(row):
            found[name] = None
            continue
        found[name] = row, data[at : at + row[0]]
        at += row[0]
    assert at == len(data)
    return found


def test_plain_files_and_others(implementation: ModuleType, tmp_path: Path) -> None:
    contents = {b"empty": b"", b"short": b"abc", b"odd\xff": b"x" * 70_000, b"longest": os.urandom(LIMIT)}
    for name, content in contents.items():
        (tmp_path / os.fsdecode(name)).write_bytes(content)
        os.utime(tmp_path / os.fsdecode(name), ns=(1, -1_500_000_001))
    (tmp_path / "longer").write_bytes(bytes(LIMIT + 1))
    (tmp_path / "twice").write_bytes(b"2")
    (tmp_path / "again").hardlink_to(tmp_path / "twice")
    (tmp_path / "link").symlink_to("short")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "socket"))
        others = [b"longer", b"twice", b"again", b"link", b"directory", b"pipe", b"socket", b"missing"]
        names = [name for pair in zip(contents, others, strict=False) for name in pair] + others[4:]
        found = read(implementation, tmp_path, names, bare=False)
    for name, content in contents.items():
        there = (tmp_path / os.fsdecode(name)).stat()
        numbers = there.st_size, there.st_mtime_ns, there.st_ino, there.st_dev, there.st_mode, there.st_uid
        assert found[name] == ((*numbers, there.st_gid, 1), content)
    assert [found[name] for name in others] == [None] * len(others)
    assert read(implementation, tmp_path, []) == {}


def test_a_file_with_attributes_is_left(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "dressed").write_bytes(b"d")
    (tmp_path / "bare").write_bytes(b"b")
    os.setxattr(tmp_path / "dressed", "user.a", b"1")
    found = read(implementation, tmp_path, [b"dressed", b"bare"])
    assert found[b"dressed"] is None
    assert found[b"bare"] is not None
    assert read(implementation, tmp_path, [b"dressed"], bare=False)[b"dressed"] is not None


def test_a_file_that_is_not_as_long_as_it_says_is_left(implementation: ModuleType) -> None:
    assert read(implementation, Path("/proc/self"), [b"status"]) == {b"status": None}


def test_what_cannot_be_meant(implementation: ModuleType, tmp_path: Path) -> None:
    for name in (b"", b".", b"..", b"a/b", b"a\0"):
        with pytest.raises(ValueError, match=r"."):
            read(implementation, tmp_path, [name])
    for descriptor, limit in ((-1, 5), (0, -1)):
        with pytest.raises(ValueError, match="negative"):
            implementation.read_files(descriptor, [b"a"], limit, True)
