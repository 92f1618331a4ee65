"""What is installed is what is written down: the locks agree, and every layer has its place."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import plait

ROOT = Path(__file__).resolve().parents[2]


def _pinned() -> set[tuple[str, str]]:
    text = (ROOT / "requirements.lock").read_text()
    return set(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_both_locks_name_the_same_versions() -> None:
    resolved = {
        (package["name"], package["version"])
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
        if package["name"] != "plait"
    }
    assert _pinned() == resolved


def test_every_pin_has_a_hash() -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_locks_name_no_host_but_that_of_the_public_index() -> None:
    text = (ROOT / "uv.lock").read_text() + (ROOT / "requirements.lock").read_text()
    assert set(re.findall(r"https?://([^/\"\s]+)", text)) == {"pypi.org", "files.pythonhosted.org"}


def test_all_holds_every_other_extra() -> None:
    extras = _project()["project"]["optional-dependencies"]
    (everything,) = extras.pop("all")
    assert everything == f"plait[{','.join(extras)}]"
    assert set(extras) == {"s3", "gcs", "azure", "drive", "sftp", "more", "fsspec", "service", "mount", "cluster"}


def test_every_package_has_a_layer() -> None:
    packages = {path.parent.name for path in (ROOT / "src/plait").glob("*/__init__.py")}
    contracts = _project()["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    placed = set(re.findall(r"plait\.(\w+)", " ".join(layers)))
    assert packages <= placed | {"testing"}
    (shipped,) = (contract["source_modules"] for contract in contracts if contract["id"] == "testing")
    assert {f"plait.{package}" for package in packages - {"testing"}} == set(shipped)


def test_importing_the_package_loads_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules); import plait; plait.__version__; print(*(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["plait"]


def test_the_version_is_three_numbers_and_at_most_a_stage() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", plait.__version__)
