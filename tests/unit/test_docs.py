"""The documentation holds: its examples run, and what it names is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from plait.cli.fronts.rclone_verbs import VERBS
from plait.model import errors
from plait.testing.conformance import StoreConformance

if TYPE_CHECKING:
    from plait.stores.base import Store

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = PYTHON.findall((DOCS / "how-to/python.md").read_text(encoding="utf-8"))
SHELF = next(block for block in BLOCKS if "class ShelfStore" in block)
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "how-to").glob("*.md")])


def _module(code: str) -> dict[str, Any]:
    module = ModuleType("shelf")
    exec(compile(code, "docs/how-to/python.md", "exec"), module.__dict__)
    return module.__dict__


class TestTheStoreOfThePage(StoreConformance):
    @pytest.fixture
    def store(self) -> Store:
        store: Store = _module(SHELF)["ShelfStore"]()
        return store


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notes/drafts").mkdir(parents=True)
    (tmp_path / "notes/shopping.txt").write_text("Milk and bread\n")
    (tmp_path / "notes/drafts/letter.txt").write_text("Dear reader\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("notes")
def test_the_python_page_runs_from_top_to_bottom() -> None:
    names = _module("\n".join(BLOCKS))
    assert names["compared"].differences == 0
    assert max(names["done"]) == "shopping.txt"
    assert not Path("fourth").exists()


def test_a_store_is_found_by_its_entry_point(notes: Path) -> None:
    (notes / "shelf.py").write_text(SHELF)
    information = notes / "shelf-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[plait.stores]\nshelf = shelf:open_shelf\n")
    code = "import plait; plait.sync('notes', ':shelf:x'); plait.sync(':shelf:x', 'back')"
    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); {code}"], cwd=notes, check=True)
    assert (notes / "back/shopping.txt").read_text() == "Milk and bread\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, function in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text):
        assert (ROOT / name).is_file(), name
        assert not function or f"def {function}(" in (ROOT / name).read_text(encoding="utf-8"), function
    for name in re.findall(r"`(src/[\w/.]+)`", text):
        assert (ROOT / name).exists(), name


def test_every_error_that_ends_a_run_is_explained() -> None:
    text = (DOCS / "how-to/troubleshooting.md").read_text(encoding="utf-8")
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.PlaitError) and kind is not errors.PlaitError:
            row = re.search(rf"^\| `{kind.__name__}` \| (\d+) \|", text, re.MULTILINE)
            assert row, kind.__name__
            assert int(row[1]) == kind.exit_code, kind.__name__
    for code in errors.ExitCode:
        assert re.search(rf"^\| {int(code)} \|", text, re.MULTILINE), code


def test_flags_are_missing_or_without_effect_as_the_page_says() -> None:
    text = (DOCS / "how-to/coming-from-rclone.md").read_text(encoding="utf-8")
    missing, _, rest = text.partition("## What is not there yet")[2].partition("Also not there")
    named = set(re.findall(r"`--([a-z0-9-]+)`", missing))
    carrying = {option.name for verb in ("sync", "copy", "move") for option in VERBS[verb].options.options}
    assert len(named) > 3
    assert not named & carrying
    accepted = rest.partition("## ")[0].partition("Accepted")[2]
    ignored = {option.name for option in VERBS["sync"].options.options if option.no_effect}
    assert set(re.findall(r"`--([a-z0-9-]+)`", accepted)) == ignored
