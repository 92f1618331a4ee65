"""What people install: built by the real setuptools from a copy of the tree."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAKEN = ("src", "scripts", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    copy = tmp_path / "tree"
    copy.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info")
    for name in TAKEN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


def build(tree: Path, kind: str, **environment: str) -> Path:
    script = f"import sys, setuptools.build_meta as backend; print(backend.build_{kind}(sys.argv[1]))"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tree / "out")],
        cwd=tree,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return tree / "out" / run.stdout.splitlines()[-1]


def modules(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("plait/")}


def sources() -> set[str]:
    paths = (path.relative_to(ROOT / "src") for path in (ROOT / "src/plait").rglob("*"))
    return {path.as_posix() for path in paths if path.suffix in {".py", ".pyi", ".txt"} or path.name == "py.typed"}


def test_without_a_compiler_the_package_is_whole_in_pure_python(tree: Path) -> None:
    wheel = build(tree, "wheel", CC="/bin/false")
    assert modules(wheel) == sources()


def test_the_extension_can_be_left_out_and_the_wheel_fits_every_machine(tree: Path) -> None:
    wheel = build(tree, "wheel", PLAIT_NO_EXTENSION="1")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert modules(wheel) == sources()


def test_a_wheel_brings_its_licence_and_its_command(tree: Path) -> None:
    wheel = build(tree, "wheel", PLAIT_NO_EXTENSION="1")
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
        (commands,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
        points = archive.read(commands).decode()
    assert "[console_scripts]\nplait = plait.cli.main:main\n" in points
    assert "[fsspec.specs]\nkloset = plait.repository.filesystem:KlosetFileSystem\n" in points


def test_the_source_distribution_holds_every_source(tree: Path) -> None:
    with tarfile.open(build(tree, "sdist")) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    native = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src/plait/native").glob("*.[ch]")}
    assert {f"src/{name}" for name in sources()} | native <= held
