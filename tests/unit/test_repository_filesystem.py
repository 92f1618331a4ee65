"""Files in snapshots through fsspec: `kloset://`."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

import fsspec
import pytest

from plait.cli.forms import load
from plait.repository.filesystem import KlosetFileSystem
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore

ROOT = Path(__file__).parents[2]
LARGE = random.Random(6).randbytes(9_000_000)
ROWS = b"".join(b"%d,%d\n" % (number, number * number) for number in range(20_000))


class Saved:
    """A repository of two snapshots, the second with one file more."""

    def __init__(self, place: Path) -> None:
        self.tree = place / "tree"
        (self.tree / "sub").mkdir(parents=True)
        (self.tree / "sub/large").write_bytes(LARGE)
        (self.tree / "rows.csv").write_bytes(ROWS)
        (self.tree / "link").symlink_to("sub")
        self.place = place / "repository"
        self.place.mkdir()
        with Repository.create(LocalStore(self.place), None) as repository:
            self.first = repository.backup([str(self.tree)]).snapshot.hex()
            (self.tree / "later").write_bytes(b"later")
            self.second = repository.backup([str(self.tree)]).snapshot.hex()
        self.top = f"{self.first[:8]}{self.tree}"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def filesystem(saved: Saved) -> KlosetFileSystem:
    fsspec.register_implementation("kloset", KlosetFileSystem, clobber=True)
    made = fsspec.filesystem("kloset", repository=str(saved.place), skip_instance_cache=True)
    assert isinstance(made, KlosetFileSystem)
    return made


def test_fsspec_finds_it_by_its_entry_point() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["fsspec.specs"]
    assert load(declared["kloset"]) is KlosetFileSystem


def test_files_are_read_from_any_offset(filesystem: KlosetFileSystem, saved: Saved) -> None:
    path = f"{saved.top}/sub/large"
    assert filesystem.cat_file(path) == LARGE
    assert filesystem.cat_file(path, -10) == LARGE[-10:]
    assert filesystem.cat_file(path, 5_000_000, 5_000_100) == LARGE[5_000_000:5_000_100]
    with filesystem.open(path) as file:
        assert file.size == len(LARGE)
        for offset in (8_999_990, 0, 4_000_000):
            file.seek(offset)
            assert file.read(100) == LARGE[offset : offset + 100]


def test_only_what_is_asked_for_is_read(saved: Saved) -> None:
    filesystem = KlosetFileSystem(repository=str(saved.place), skip_instance_cache=True)
    filesystem.info(f"{saved.top}/sub/large")
    blobs = filesystem._opened._chunks._blobs
    before = blobs.received
    filesystem.cat_file(f"{saved.top}/sub/large", 8_000_000, 8_000_100)
    assert 0 < blobs.received - before < len(LARGE) // 2


def test_paths_name_the_snapshot(filesystem: KlosetFileSystem, saved: Saved) -> None:
    assert set(filesystem.ls("", detail=False)) == {saved.first[:8], saved.second[:8]}
    latest = f"latest{saved.tree}"
    assert filesystem.ls(latest, detail=False) == [f"{latest}/{name}" for name in ("later", "link", "rows.csv", "sub")]
    assert not filesystem.exists(f"{saved.top}/later")
    assert filesystem.exists(f"kloset://{saved.second}{saved.tree}/later")
    # A link to a directory is not walked through: it might lead upwards.
    assert filesystem.find(saved.top) == [f"{saved.top}/{name}" for name in ("link", "rows.csv", "sub/large")]
    assert filesystem.glob(f"kloset://{saved.top}/*.csv") == [f"{saved.top}/rows.csv"]


def test_links_are_followed(filesystem: KlosetFileSystem, saved: Saved) -> None:
    assert filesystem.isdir(f"{saved.top}/link")
    assert filesystem.ls(f"{saved.top}/link", detail=False) == [f"{saved.top}/link/large"]
    assert filesystem.size(f"{saved.top}/link/large") == len(LARGE)


def test_what_a_file_is(filesystem: KlosetFileSystem, saved: Saved) -> None:
    found = filesystem.info(f"{saved.top}/rows.csv")
    assert (found["type"], found["size"]) == ("file", len(ROWS))
    assert found["mtime"].timestamp() == pytest.approx((saved.tree / "rows.csv").stat().st_mtime, abs=1e-3)
    assert filesystem.ukey(f"{saved.top}/rows.csv") == filesystem.ukey(f"latest{saved.tree}/rows.csv")
    for path in (f"{saved.top}/nosuch", "0123", f"{saved.top}/rows.csv/x"):
        with pytest.raises(FileNotFoundError):
            filesystem.info(path)
    with pytest.raises(IsADirectoryError):
        filesystem.open(f"{saved.top}/sub")
    with pytest.raises(OSError, match="never changes"):
        filesystem.open(f"{saved.top}/new", "wb")


def test_a_url_may_name_the_repository(saved: Saved, tmp_path: Path) -> None:
    fsspec.register_implementation("kloset", KlosetFileSystem, clobber=True)
    (tmp_path / "stores.yml").write_text(f"version: v1.0.0\nstores:\n  home:\n    location: {saved.place}\n")
    url = f"kloset://@home/latest{saved.tree}/rows.csv"
    with fsspec.open(url, "rt", configdir=str(tmp_path)) as file:
        assert file.read().encode() == ROWS
