"""Files are found in snapshots by names, kinds, sizes and times."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.model.errors import UsageError
from plait.repository.finding import Wanted, find
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400 * 10**9


class Saved:
    """A repository of two snapshots; in the second `a.txt` is another one."""

    def __init__(self, place: Path) -> None:
        self.tree = place / "tree"
        (self.tree / "sub").mkdir(parents=True)
        for name, size, days in (("a.txt", 3, 10), ("B.TXT", 2000, 20), ("sub/c.jpg", 50_000, 30)):
            (self.tree / name).write_bytes(b"x" * size)
            os.utime(self.tree / name, ns=(days * DAY, days * DAY))
        (self.tree / "link").symlink_to("a.txt")
        self.place = place / "repository"
        self.place.mkdir()
        with Repository.create(LocalStore(self.place), None) as repository:
            self.first = repository.backup([str(self.tree)]).snapshot.hex()
            (self.tree / "a.txt").write_bytes(b"another")
            self.second = repository.backup([str(self.tree)]).snapshot.hex()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("saved"))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(patterns=("*.txt",)), {"a.txt"}),
        (Wanted(patterns=("*.txt", "*.jpg"), ignores_case=True), {"a.txt", "B.TXT", "sub/c.jpg"}),
        (Wanted(min_size=2000), {"B.TXT", "sub/c.jpg"}),
        (Wanted(min_size=2000, max_size=2000), {"B.TXT"}),
        (Wanted(kind="symlink"), {"link"}),
        (Wanted(kind="directory"), {"", "sub"}),
        (Wanted(kind="device"), set()),
        (Wanted(since=20 * DAY, before=25 * DAY), {"B.TXT"}),
        (Wanted(patterns=("nosuch",)), set()),
    ],
)
def test_each_condition_narrows(saved: Saved, wanted: Wanted, names: set[str]) -> None:
    with Repository.open(LocalStore(saved.place)) as repository:
        snapshot = repository.snapshot(bytes.fromhex(saved.first))
        found = {entry.path for entry in find(snapshot, str(saved.tree), wanted)}
    assert found == {f"{saved.tree}/{name}".rstrip("/") for name in names}


def test_a_pattern_with_a_slash_is_of_whole_paths(saved: Saved) -> None:
    with Repository.open(LocalStore(saved.place)) as repository:
        snapshot = repository.snapshot(bytes.fromhex(saved.first))
        pattern = f"{saved.tree}/*.txt"
        assert [entry.path for entry in find(snapshot, "/", Wanted(patterns=(pattern,)))] == [f"{saved.tree}/a.txt"]
        with pytest.raises(UsageError):
            list(find(snapshot, "/", Wanted(patterns=("[",))))


def test_the_command_looks_through_all_snapshots(
    saved: Saved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> list[str]:
        assert main(["at", str(saved.place), "find", "--cachedir", str(tmp_path), *words]) == 0
        return capsys.readouterr().out.splitlines()

    new, old = saved.second[:8], saved.first[:8]
    assert said("*.txt") == [f"{one}:{saved.tree}/a.txt" for one in (new, old)]
    assert said("B.TXT") == [f"{one}:{saved.tree}/B.TXT" for one in (new, old)]
    # The versions of a file: it is another one in each snapshot, the other file is the same.
    assert said("--changed", "*.txt") == [f"{one}:{saved.tree}/a.txt" for one in (new, old)]
    assert said("--changed", "B.TXT") == [f"{new}:{saved.tree}/B.TXT"]
    assert said("--inside", f"{old}:sub", "--kind", "file") == [f"{old}:{saved.tree}/sub/c.jpg"]
    assert said("--inside", f"{saved.tree}/sub", "--latest", "--kind", "file") == [f"{new}:{saved.tree}/sub/c.jpg"]
    assert [json.loads(line)["size"] for line in said("--json", "a.txt")] == [7, 3]
