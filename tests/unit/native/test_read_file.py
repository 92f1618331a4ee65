"""Reading one small file in one call, by both implementations."""

import os
from pathlib import Path
from types import ModuleType

import pytest

from plait.model.items import Kind, Posix, Stat
from plait.stores.local.attributes import stat_of

LIMIT = 300_000


def read(implementation: ModuleType, root: Path, *parents: bytes, name: bytes = b"f", limit: int = LIMIT) -> object:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return implementation.read_file(descriptor, parents, (name,), limit)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_file_is_read_whole_with_what_the_system_says_of_it(
    implementation: ModuleType, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a/b/f"
    path.parent.mkdir(parents=True)
    data = os.urandom(size)
    path.write_bytes(data)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    found = read(implementation, tmp_path, b"a", b"b")
    assert isinstance(found, tuple)
    (length, modified, *others), content = found
    assert content == data
    expected = stat_of(path.stat())
    assert expected.posix is not None
    # Reading it may have changed when it was last read.
    others[1] = expected.posix.accessed
    assert Stat(Kind.FILE, length, modified=modified, posix=Posix(*others)) == expected


def test_what_is_no_small_file_is_left_to_others(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/f").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "f").symlink_to("there/f")
    os.mkfifo(tmp_path / "pipe")
    for parents, name in (
        ((), b"missing"),
        ((), b"f"),
        ((), b"there"),
        ((), b"pipe"),
        ((b"missing",), b"f"),
        ((b"link",), b"f"),
        ((b"pipe",), b"f"),
    ):
        assert read(implementation, tmp_path, *parents, name=name) is None
    assert read(implementation, tmp_path, b"there", limit=4) is None
    found = read(implementation, tmp_path, b"there", limit=5)
    assert isinstance(found, tuple)
    assert found[1] == b"12345"


def test_a_file_that_says_it_is_empty_and_is_not_is_left_to_others(implementation: ModuleType) -> None:
    assert read(implementation, Path("/proc/self"), name=b"status") is None


@pytest.mark.parametrize("name", [b"", b"..", b"a/b", b"a\0b"])
def test_no_name_leads_elsewhere(implementation: ModuleType, tmp_path: Path, name: bytes) -> None:
    with pytest.raises(ValueError, match="name"):
        read(implementation, tmp_path, name=name)
    with pytest.raises(ValueError, match="name"):
        read(implementation, tmp_path, name)


def test_there_is_one_name_and_a_size(implementation: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one name"):
        read(implementation, tmp_path, limit=-1)
    for names in ((), (b"a", b"b")):
        with pytest.raises(ValueError, match="one name"):
            implementation.read_file(0, (), names, LIMIT)
