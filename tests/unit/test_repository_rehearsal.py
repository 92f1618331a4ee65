"""Backups that are only shown or cannot begin, and how words are counted, on Plait's own face."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Repository.create(LocalStore(tmp_path / "repository"), None).close()
    (tmp_path / "tree" / "folder").mkdir(parents=True)
    (tmp_path / "tree" / "folder" / "file").write_text("content")
    (tmp_path / "tree" / "leave").write_text("out")
    return tmp_path / "tree"


def test_a_rehearsal_shows_each_path_and_saves_nothing(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["at", "repository", "backup", "tree", "--dry-run", "--ignore", "leave"]) == 0
    shown = capfd.readouterr().out.splitlines()
    assert [path for path in shown if path.startswith(str(tree))] == [
        str(tree),
        f"{tree}/folder",
        f"{tree}/folder/file",
    ]
    assert main(["at", "repository", "ls"]) == 0
    assert capfd.readouterr().out == ""


def test_a_rehearsal_as_json(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["at", "repository", "backup", "tree", "--dry-run", "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert f"{tree}/folder/file" in {event["data"]["path"] for event in events}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("at repository cat", "cat takes at least 1 word, not 0"),
        ("at repository ls a b", "ls takes at most 1 word, not 2"),
        ("at repository diff", "diff takes 1 to 2 words, not 0"),
    ],
)
def test_words_are_counted_as_people_do(line: str, said: str, tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert tree.is_dir()
    assert main(line.split()) == 2
    assert capfd.readouterr().err.startswith(f"plait: error: {said}\n")


def test_a_place_that_is_a_link_to_nothing(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tree.parent / "link").symlink_to("nothing")
    assert main(["at", "repository", "backup", "link"]) == 3
    said = f"plait: error: {tree.parent}/link is a link to {tree.parent}/nothing, which is not there\n"
    assert capfd.readouterr() == ("", said)
