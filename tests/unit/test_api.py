"""Plait from Python, as the documentation shows it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import plait
from plait.model.errors import DirectoryNotFoundError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "a"
    (root / "d").mkdir(parents=True)
    (root / "d" / "f").write_text("one")
    (root / "skip.tmp").write_text("two")
    return root


def test_a_sync_makes_the_destination_identical(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.mkdir()
    (target / "extra").write_text("gone soon")
    result = plait.sync(str(tree), str(target))
    assert result.done["create"] == 2
    assert result.done["delete"] == 1
    assert plait.check(str(tree), str(target)).differences == 0


def test_options_are_values_or_text(tree: Path, tmp_path: Path) -> None:
    plait.sync(str(tree), str(tmp_path / "b"), exclude="*.tmp", max_size="1M", transfers=2)
    assert sorted(path.name for path in (tmp_path / "b").rglob("*")) == ["d", "f"]


def test_copy_deletes_nothing_and_move_empties_the_source(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.mkdir()
    (target / "extra").write_text("stays")
    plait.copy(str(tree), str(target))
    plait.move(str(tree), str(tmp_path / "c"))
    assert (target / "extra").exists()
    assert not (tree / "d" / "f").exists()
    assert (tmp_path / "c" / "d" / "f").read_text() == "one"


def test_what_goes_wrong_is_raised(tmp_path: Path) -> None:
    with pytest.raises(DirectoryNotFoundError):
        plait.sync(str(tmp_path / "missing"), str(tmp_path / "b"))
    with pytest.raises(UsageError, match="no option 'colour'"):
        plait.sync(str(tmp_path), str(tmp_path / "b"), colour="red")
    with pytest.raises(UsageError, match="max_size"):
        plait.sync(str(tmp_path), str(tmp_path / "b"), max_size="large")


def test_remotes_come_from_the_configuration_that_is_named(tree: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "rclone.conf"
    configuration.write_text(f"[here]\ntype = alias\nremote = {tree}\n")
    context = plait.Context(configuration)
    plait.sync("here:d", str(tmp_path / "b"), context=context)
    assert (tmp_path / "b" / "f").read_text() == "one"
    with plait.open_store("here:", context=context).read("d/f") as reader:
        assert reader.read() == b"one"


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, plait; print(sorted(m for m in sys.modules if m.startswith('plait')))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "['plait']"
