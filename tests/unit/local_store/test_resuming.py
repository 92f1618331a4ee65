"""Which partial files a transfer goes on with, and which it does not."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from plait.engine.hashing import HashBehind
from plait.model.errors import CancelledError
from plait.stores.base import Outgoing
from plait.stores.local import LocalStore, resuming
from plait.stores.local.parts import PART_SIZE, LocalParts
from plait.stores.parts import Rereads, Resumes
from plait.testing.generators import content

SIZE = 2 * PART_SIZE + 100
HOW = Outgoing(fingerprint="this", hashes={"md5": "0" * 32})


@pytest.mark.parametrize("numbers", [[], [0], [0, 1, 2], [1, 3, 4, 9], [5]])
def test_numbers_come_back(numbers: list[int]) -> None:
    assert resuming.parse_numbers(resuming.show_numbers(numbers), 10) == set(numbers)


@pytest.mark.parametrize("text", ["x", "3-1", "-1", "10", "0-99999999999", "1,,2"])
def test_numbers_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|^[-0-9,]+$"):
        resuming.parse_numbers(text, 10)


def suspended(root: Path, how: Outgoing = HOW) -> Path:
    partial = LocalStore(root).begin("large", SIZE, how)
    partial.write_part(PART_SIZE, io.BytesIO(bytes(PART_SIZE)), PART_SIZE)
    partial.suspend()
    [path] = root.iterdir()
    return path


def begun(root: Path, how: Outgoing = HOW, size: int = SIZE) -> list[tuple[int, int]]:
    partial = LocalStore(root).begin("large", size, how)
    assert isinstance(partial, LocalParts)
    assert isinstance(partial, Resumes)
    assert isinstance(partial, Rereads)
    partial.abort()
    return partial.written


def test_the_same_content_goes_on(tmp_path: Path) -> None:
    suspended(tmp_path)
    assert begun(tmp_path) == [(PART_SIZE, PART_SIZE)]
    assert not list(tmp_path.iterdir())


def test_other_content_or_another_size_does_not(tmp_path: Path) -> None:
    suspended(tmp_path)
    assert begun(tmp_path, Outgoing(fingerprint="other", hashes=HOW.hashes)) == []
    suspended(tmp_path)
    assert begun(tmp_path, size=SIZE + 1) == []


def test_what_no_hash_will_prove_counts_only_since_the_system_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unproven = Outgoing(fingerprint="this")
    suspended(tmp_path, unproven)
    assert begun(tmp_path, unproven) == [(PART_SIZE, PART_SIZE)]
    suspended(tmp_path, unproven)
    monkeypatch.setattr(resuming, "system_start", lambda: "another")
    assert begun(tmp_path, unproven) == []
    suspended(tmp_path)
    monkeypatch.setattr(resuming, "system_start", lambda: "a third")
    assert begun(tmp_path) == [(PART_SIZE, PART_SIZE)]


def test_a_living_writers_file_is_not_taken(tmp_path: Path) -> None:
    first = LocalStore(tmp_path).begin("large", SIZE, HOW)
    first.write_part(0, io.BytesIO(bytes(PART_SIZE)), PART_SIZE)
    assert begun(tmp_path) == []
    first.abort()


@pytest.mark.parametrize("text", [b"", b"{}", b'{"content":"this","start":"","part_size":16777216,"done":"0-9"}'])
def test_a_note_that_cannot_be_is_not_believed(tmp_path: Path, text: bytes) -> None:
    path = suspended(tmp_path)
    os.setxattr(path, resuming.ATTRIBUTE, text)
    assert begun(tmp_path) == []


def test_without_a_part_nothing_is_left(tmp_path: Path) -> None:
    LocalStore(tmp_path).begin("large", SIZE, HOW).suspend()
    assert not list(tmp_path.iterdir())


def test_a_hash_behind_is_that_of_the_content_in_any_order() -> None:
    data = content(100_000)

    def read_back(offset: int, buffer: memoryview) -> None:
        buffer[:] = data[offset : offset + len(buffer)]

    behind = HashBehind("sha256", read_back, len(data), 30_000)
    for offset in (60_000, 0, 90_000, 30_000):
        behind.arrived(offset)
    assert behind.hexdigest(lambda: False) == hashlib.sha256(data).hexdigest()
    behind.close()


def test_a_hash_behind_ends_when_the_run_does() -> None:
    behind = HashBehind("md5", lambda *_: None, 10, 5)
    with pytest.raises(CancelledError):
        behind.hexdigest(lambda: True)
    behind.close()


def test_what_cannot_be_read_again_is_told() -> None:
    def read_back(offset: int, buffer: memoryview) -> None:
        raise OSError(5, f"no {offset} {len(buffer)}")

    behind = HashBehind("md5", read_back, 10, 5)
    behind.arrived(0)
    with pytest.raises(OSError, match="no 0 5"):
        behind.hexdigest(lambda: False)
    behind.close()
