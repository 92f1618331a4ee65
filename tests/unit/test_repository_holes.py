"""Contents with holes: cut as if they were read, and not read."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from plait.engine.workers import Cancellation
from plait.model.errors import CancelledError
from plait.repository.backup.holes import ZEROS, Hole, Passing, parts
from plait.repository.backup.opened import LocalContent
from plait.repository.events import Carried, Expected
from plait.repository.format.chunking import Chunker
from plait.repository.format.configuration import Chunking
from plait.repository.format.hashing import Authenticator
from plait.repository.repository import Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import RestoreSettings
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from plait.repository.backup.holes import Part
    from plait.repository.events import Event
    from plait.repository.restoring.target import Item

SMALL = Chunker.of(Chunking("fastcdc-v1.0.0", 2048, 4096, 16384))


def whole(content: list[Part]) -> bytes:
    return b"".join(bytes(part.length) if isinstance(part, Hole) else part for part in content)


@pytest.mark.parametrize("seed", range(40))
def test_a_content_with_holes_is_cut_as_its_zeros_are(seed: int) -> None:
    rng = random.Random(seed)
    content: list[Part] = []
    for _ in range(rng.randrange(6)):
        size = rng.choice([1, 100, 2048, 16383, 16384, 16385, 50_000, 200_000])
        content.append(Hole(size) if rng.random() < 0.6 else rng.randbytes(size))
    hasher = Authenticator("BLAKE3", bytes(32)).hasher()
    passing = Passing(SMALL, hasher, lambda _: None)
    data = whole(content)
    assert list(passing.chunks(content)) == list(SMALL.chunks([data] if data else []))
    assert hasher.digest() == Authenticator("BLAKE3", bytes(32)).mac(data)
    assert passing.head == data[: len(ZEROS)]


def sparse(path: Path, size: int, data: dict[int, bytes]) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for position, block in data.items():
            file.seek(position)
            file.write(block)
    return path


def test_holes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse(tmp_path / "disk", 1 << 30, {0: b"begin", (300 << 20) + 7: b"middle", (1 << 30) - 3: b"end"})
    received = []
    read = LocalContent.read

    def counting(self: LocalContent, size: int, /) -> bytes:
        data = read(self, size)
        received.append(len(data))
        return data

    monkeypatch.setattr(LocalContent, "read", counting)
    monkeypatch.setattr("plait.repository.backup.batches._LONG", 1)
    with Repository.create(MemoryStore(), None) as repository:
        result = repository.backup([tmp_path])
        (entry,) = repository.snapshot(result.snapshot).walk(str(tmp_path))
    assert entry.file_info.size == 1 << 30
    assert 0 < sum(received) < 1 << 20


def test_the_same_entry_as_of_a_file_without_holes(tmp_path: Path) -> None:
    blocks = {0: b"x" * 5000, 6 << 20: os.urandom(3 << 20), (20 << 20) - 1: b"y"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_holes = sparse(tmp_path / "a/file", 20 << 20, blocks)
    (tmp_path / "b/file").write_bytes(with_holes.read_bytes())
    with Repository.create(MemoryStore(), None) as repository:
        objects = set()
        for folder in ("a", "b"):
            snapshot = repository.snapshot(repository.backup([tmp_path / folder]).snapshot)
            objects.add(snapshot.entry(str(tmp_path / folder / "file")).object)
        assert len(objects) == 1


def test_holes_come_back(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    original = sparse(tmp_path / "source/disk", 100 << 20, {50 << 20: b"data"})
    with Repository.create(MemoryStore(), None) as repository:
        result = repository.backup([tmp_path / "source"])
        repository.restore(result.snapshot, tmp_path / "target")
    found = (tmp_path / "target/disk").stat()
    assert found.st_size == 100 << 20
    assert found.st_blocks * 512 < 1 << 20
    assert (tmp_path / "target/disk").read_bytes() == original.read_bytes()


class Shrinking:
    """A file that ends before its size says."""

    def extent(self, position: int, /) -> tuple[int, int]:
        return (0, 0) if position else (5, 100)

    def read(self, size: int, /) -> bytes:
        del size
        return b""


def test_a_file_that_got_shorter_ends_early() -> None:
    assert list(parts(Shrinking(), 1000)) == [Hole(5)]


class Ending:
    """A listener that cancels the work once it has begun."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation

    def __call__(self, event: Event) -> None:
        if isinstance(event, Carried | Expected):
            self._cancellation.cancel()


def test_a_long_content_is_given_up_when_its_backup_is_cancelled(tmp_path: Path) -> None:
    sparse(tmp_path / "disk", 1 << 40, {})
    cancellation = Cancellation()
    with Repository.create(MemoryStore(), None) as repository, pytest.raises(CancelledError):
        repository.backup([tmp_path], listener=Ending(cancellation), cancellation=cancellation)


def test_a_long_content_is_given_up_when_its_restore_is_cancelled(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    sparse(tmp_path / "source/disk", 64 << 20, {})
    cancellation = Cancellation()
    taken = []

    class Stopping(LocalTarget):
        def write(self, item: Item, size: int, chunks: Iterable[bytes]) -> None:
            def passed() -> Iterator[bytes]:
                for chunk in chunks:
                    taken.append(len(chunk))
                    cancellation.cancel()
                    yield chunk

            super().write(item, size, passed())

    with Repository.create(MemoryStore(), None) as repository:
        snapshot = repository.snapshot(repository.backup([tmp_path / "source"]).snapshot)
        with pytest.raises(CancelledError):
            restore(snapshot, Stopping(str(tmp_path / "target"), RestoreSettings()), cancellation=cancellation)
    assert len(taken) == 1
    assert not list((tmp_path / "target").iterdir())
