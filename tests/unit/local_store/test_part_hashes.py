"""The hashes of a local file and of its parts, for stores that want them beforehand."""

from hashlib import md5
from pathlib import Path

import pytest

from plait.model.errors import CancelledError, ObjectNotFoundError, SourceChangedError
from plait.model.items import Kind, Stat
from plait.stores.base import PassesFile
from plait.stores.hashing import HashesParts
from plait.stores.local import LocalStore
from plait.testing.generators import content

PART = 1 << 20


def no() -> bool:
    return False


def test_they_are_those_of_the_content(tmp_path: Path) -> None:
    data = content(2 * PART + 5)
    (tmp_path / "file").write_bytes(data)
    store = LocalStore(tmp_path)
    found = store.hash_parts("file", "md5", PART, expected=store.stat("file"), cancelled=no)
    assert found is not None
    assert found.whole == md5(data, usedforsecurity=False).hexdigest()
    pieces = [data[start : start + PART] for start in range(0, len(data), PART)]
    assert list(found.parts) == [md5(piece, usedforsecurity=False).hexdigest() for piece in pieces]
    assert isinstance(store, HashesParts)


def test_another_hash_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    store = LocalStore(tmp_path)
    assert store.hash_parts("file", "sha1", PART, expected=store.stat("file"), cancelled=no) is None


def test_a_file_that_is_another_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    store = LocalStore(tmp_path)
    with pytest.raises(SourceChangedError):
        store.hash_parts("file", "md5", PART, expected=Stat(Kind.FILE, 2), cancelled=no)
    with pytest.raises(ObjectNotFoundError):
        store.hash_parts("missing", "md5", PART, expected=Stat(Kind.FILE, 2), cancelled=no)


def test_a_cancellation_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    store = LocalStore(tmp_path)
    with pytest.raises(CancelledError):
        store.hash_parts("file", "md5", PART, expected=store.stat("file"), cancelled=lambda: True)


def test_a_reading_passes_its_range_of_the_file_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")
    with LocalStore(tmp_path).read("file", 1, 3) as reader:
        assert isinstance(reader, PassesFile)
        assert reader.pass_file(lambda _, offset, length: (offset, length)) == (1, 3)
        assert reader.read(5) == b""


def test_a_file_that_changed_while_it_was_passed_on_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    with LocalStore(tmp_path).read("file") as reader:
        assert isinstance(reader, PassesFile)
        with pytest.raises(SourceChangedError):
            reader.pass_file(lambda *_: path.write_bytes(b"longer content"))
