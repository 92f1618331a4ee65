"""Writing one small file in one call, by both implementations."""

import fcntl
import os
from pathlib import Path
from types import ModuleType

import pytest

from plait.model.items import Posix
from plait.stores.local.attributes import stat_of

NAMES = (b"f.partial", b"f")
MOMENT = 1_700_000_000_123_456_789


def write(
    implementation: ModuleType, root: Path, *parents: bytes, names: tuple[bytes, bytes] = NAMES, data: bytes = b"new"
) -> object:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return implementation.write_file(descriptor, parents, names, data, 0o640, MOMENT)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_file_has_its_content_its_time_and_its_name(implementation: ModuleType, tmp_path: Path, size: int) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    data = os.urandom(size)
    numbers = write(implementation, tmp_path, b"a", b"b", data=data)
    path = tmp_path / "a/b/f"
    assert path.read_bytes() == data
    found = stat_of(path.stat())
    assert isinstance(numbers, tuple)
    # Reading it may have changed when it was last read.
    posix = Posix(*numbers[2:])
    assert found.posix is not None
    assert (numbers[0], numbers[1]) == (size, MOMENT) == (found.size, found.modified)
    assert (posix.changed, posix.inode, posix.device) == (found.posix.changed, found.posix.inode, found.posix.device)
    assert (posix.mode, posix.uid, posix.gid) == (found.posix.mode, found.posix.uid, found.posix.gid)
    assert (posix.links, posix.special_device) == (1, found.posix.special_device)
    assert [other.name for other in path.parent.iterdir()] == ["f"]


def test_a_file_takes_the_place_of_another(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    assert implementation.write_file(descriptor, (), NAMES, bytearray(b"new"), 0o600, None) is not None
    os.close(descriptor)
    assert (tmp_path / "f").read_bytes() == b"new"


def test_nothing_is_done_where_something_is_in_the_way(implementation: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "there/f").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "file.partial").write_bytes(b"another writer's")
    for parents, names in (
        ((b"missing",), NAMES),
        ((b"link",), NAMES),
        ((b"file",), NAMES),
        ((b"there",), NAMES),
        ((), (b"file.partial", b"file")),
    ):
        assert write(implementation, tmp_path, *parents, names=names) is None
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["f", "file", "file.partial", "link", "there"]
    assert (tmp_path / "file").read_bytes() == b""
    assert (tmp_path / "file.partial").read_bytes() == b"another writer's"


def test_what_is_written_is_locked_by_nobody_afterwards(implementation: ModuleType, tmp_path: Path) -> None:
    assert write(implementation, tmp_path) is not None
    with (tmp_path / "f").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"a\0b"])
def test_only_plain_names_are_taken(implementation: ModuleType, tmp_path: Path, name: bytes) -> None:
    with pytest.raises(ValueError, match="not a plain file name"):
        write(implementation, tmp_path, name)
    with pytest.raises(ValueError, match="not a plain file name"):
        write(implementation, tmp_path, names=(b"p", name))
    assert not list(tmp_path.iterdir())
