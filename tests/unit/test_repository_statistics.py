"""What is said of sizes is what each snapshot, looked through by itself, needs."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from plait.cli.main import main
from plait.repository.duplicating import duplicate
from plait.repository.repository import Repository
from plait.repository.statistics import statistics
from plait.repository.upkeep.usage import Usage
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def lives(repository: Repository, tree: Path) -> None:
    """Several snapshots, some of which share much, one everything, one nothing."""
    noise = random.Random(4)
    for number in range(60):
        path = tree / f"{number % 7}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(noise.randrange(3000)))
    (tree / "large").write_bytes(noise.randbytes(2_500_000))
    (tree / "copy").write_bytes((tree / "3/3").read_bytes())
    repository.backup([str(tree)])
    (tree / "3/3").write_bytes(b"changed")
    (tree / "4/new").write_bytes(noise.randbytes(5000))
    repository.backup([str(tree)])
    (tree / "large").unlink()
    second = repository.backup([str(tree)]).snapshot
    duplicate(repository, second)
    repository.backup([str(tree / "5")])


def test_sizes_are_those_of_the_blobs_that_are_needed(tmp_path: Path) -> None:
    with Repository.create(MemoryStore(), None) as repository:
        lives(repository, tmp_path)
        lengths = {key: place.length for key, place in repository.index.locations()}
        needed = {}
        for snapshot in repository.snapshots():
            usage = Usage(repository.reader)
            usage.add(snapshot)
            needed[snapshot.identifier] = usage.needed & lengths.keys()
        found = statistics(repository)
        older: set[bytes] = set()
        for row in reversed(found.snapshots):
            mine = needed[row.header.identifier]
            others = set[bytes]().union(*(keys for name, keys in needed.items() if name != row.header.identifier))
            assert row.stored == sum(lengths[key] for key in mine)
            assert row.unique == sum(lengths[key] for key in mine - others)
            assert row.added == sum(lengths[key] for key in mine - older)
            assert row.shared == row.stored - row.unique
            older |= mine
        assert [row.header for row in found.snapshots] == [one.header for one in repository.snapshots()]
        assert found.contents + found.metadata == sum(row.added for row in found.snapshots)
        assert found.contents + found.metadata + found.unused == sum(lengths.values())
        assert found.packfiles == sum(repository.files.packfile_sizes().values())


def test_what_no_snapshot_needs_is_unused(tmp_path: Path) -> None:
    with Repository.create(MemoryStore(), None) as repository:
        lives(repository, tmp_path)
        newest, *_ = statistics(repository).snapshots
        before = statistics(repository).unused
        repository.remove([newest.header.identifier])
        repository.refresh()
        assert statistics(repository).unused == before + newest.unique


def test_an_empty_repository_has_no_ratios() -> None:
    with Repository.create(MemoryStore(), None) as repository:
        found = statistics(repository)
        assert (found.snapshots, found.size, found.deduplication, found.compression) == ((), 0, 1.0, 1.0)


def test_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, tree = tmp_path / "repository", tmp_path / "tree"
    place.mkdir()
    with Repository.create(LocalStore(place), None) as repository:
        lives(repository, tree)
        found = statistics(repository)
    own = ["at", str(place), "stats", "--cachedir", str(tmp_path / "cache")]
    assert main([*own, "--json"]) == 0
    *rows, total = map(json.loads, capsys.readouterr().out.splitlines())
    assert [row["unique"] for row in rows] == [row.unique for row in found.snapshots]
    assert (total["snapshots"], total["unused"]) == (5, found.unused)
    assert main([*own, "--by", "year", "--json"]) == 0
    grown, total = map(json.loads, capsys.readouterr().out.splitlines())
    assert grown["added"] == grown["total"] == found.contents + found.metadata
    assert main([*own, "--latest"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[1] == found.snapshots[0].header.identifier.hex()[:8]
    assert lines[2].startswith("Snapshots: 5, of ")
