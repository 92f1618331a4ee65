"""Snapshots as trees that a mirror takes from."""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.model.errors import DirectoryNotFoundError, IntegrityError, NotSupportedError, ObjectNotFoundError
from plait.model.items import Kind, order_bytes
from plait.repository.repository import Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import RestoreSettings
from plait.repository.snapshot_store import SnapshotStore
from plait.stores.local.options import Links, LocalOptions
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.golden.conftest import Golden

    from plait.model.items import Item
    from plait.repository.snapshots import SnapshotReader
    from plait.stores.base import Store

FOLDER = Path(__file__).parent / "kloset"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    with tarfile.open(FOLDER / "plain.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "plain"


@pytest.fixture
def snapshot(plain: Path) -> Iterator[SnapshotReader]:
    with Repository.open(LocalStore(plain)) as repository:
        yield repository.snapshots()[-1]


def items(store: Store, prefix: str = "", start_after: str = "") -> list[Item]:
    found = []
    for page in store.list(prefix, start_after):
        assert page.error is None
        found += list(page.items())
    return found


@pytest.mark.parametrize("links", [False, True])
def test_the_listing_is_that_of_the_restored_tree(snapshot: SnapshotReader, tmp_path: Path, links: bool) -> None:
    restore(snapshot, LocalTarget(str(tmp_path / "out"), RestoreSettings()))
    store = SnapshotStore(snapshot, "/data/src", links=links)
    options = LocalOptions(links=Links.TRANSLATE if links else Links.SKIP)
    with closing(LocalStore(tmp_path / "out", options)) as local:
        expected = [item for item in items(local) if item.kind in {Kind.FILE, Kind.DIRECTORY}]
    found = items(store)
    assert [item.key for item in found] == [item.key for item in expected]
    assert [item.kind for item in found] == [item.kind for item in expected]
    assert [item.size for item in found if not item.is_directory] == [
        item.size for item in expected if not item.is_directory
    ]
    assert [item.modified for item in found] == [item.modified for item in expected]
    order = [order_bytes(item.order_key) for item in found]
    assert order == sorted(order)
    for item in found[::7]:
        assert [other.key for other in items(store, "", item.order_key)] == [
            other.key for other in found if order_bytes(other.order_key) > order_bytes(item.order_key)
        ]
        if item.is_directory:
            below = [other.key for other in found if other.key.startswith(item.key + "/")]
            assert [other.key for other in items(store, item.key + "/")] == below
        assert store.stat(item.key) == item.stat


def test_contents_and_ranges(snapshot: SnapshotReader) -> None:
    store = SnapshotStore(snapshot, "/data/src")
    large = max((item for item in items(store) if not item.is_directory), key=lambda item: item.size or 0)
    with store.read(large.key) as reader:
        whole = reader.read()
    assert len(whole) == large.size
    with store.read(large.key) as reader:
        assert b"".join(iter(lambda: reader.read(70_000), b"")) == whole
    middle = len(whole) // 2
    for offset, length in ((0, 10), (1, None), (middle, 1_000_000), (len(whole) - 3, 10), (len(whole) + 5, 2), (7, 0)):
        with store.read(large.key, offset, length) as reader:
            assert reader.read() == whole[offset : None if length is None else offset + length]


def test_what_is_not_there_and_cannot_be_done(snapshot: SnapshotReader) -> None:
    store = SnapshotStore(snapshot, "/data/src")
    for key in ("nothing", "docs/../docs", "docs//x", "/docs"):
        with pytest.raises(ObjectNotFoundError):
            store.stat(key)
    with pytest.raises(ObjectNotFoundError):
        store.read("docs")
    with pytest.raises(DirectoryNotFoundError):
        items(store, "nothing/")
    with pytest.raises(NotSupportedError):
        store.write("x", io.BytesIO(b""), 0)
    (deleted,) = store.delete(["docs"])
    assert isinstance(deleted.error, NotSupportedError)


def test_damage_comes_as_an_error_of_the_item(goldens: Callable[[str], Golden]) -> None:
    golden = goldens("sha256-nocompress")
    failed = 0
    for key in golden.files:
        if not key.startswith("packfiles/"):
            continue
        broken = bytearray(golden.files[key])
        for position in range(100, len(broken) - 200, max(1, len(broken) // 40)):
            broken[position] ^= 0x01
        memory = MemoryStore()
        for other, data in golden.files.items():
            content = bytes(broken) if other == key else data
            memory.write(other, io.BytesIO(content), len(content))
        with Repository.open(memory) as repository:
            for found in repository.snapshots():
                store = SnapshotStore(found, "/")
                try:
                    pages = list(store.list())
                except IntegrityError:
                    failed += 1
                    continue
                for page in pages:
                    failed += page.error is not None
                    for item in page.items():
                        if item.is_directory:
                            continue
                        try:
                            with store.read(item.key) as reader:
                                assert len(reader.read()) == item.size
                        except IntegrityError:
                            failed += 1
    assert failed


def test_a_mirror_restores_what_differs(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plakar").mkdir()
    entry = {"version": "v1.0.0", "stores": {"golden": {"location": str(plain)}}}
    (tmp_path / "plakar/stores.yml").write_text(json.dumps(entry))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    target = str(tmp_path / "out")
    assert main(["sync", "@golden:2305:docs", target]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    (tmp_path / "out" / names[0]).unlink()
    (tmp_path / "out/more").write_text("not in the snapshot")
    capsys.readouterr()
    assert main(["sync", "@golden:2305:/data/src/docs", target]) == 0
    assert "1 created" in "".join(capsys.readouterr())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert main(["sync", "@golden:abcdef:", target]) != 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    (tmp_path / "out" / names[0]).unlink()
    assert main(["sync", target, "@golden:2305:docs"]) != 0
    assert "a snapshot never changes" in capsys.readouterr().err


def test_a_range_and_a_size_are_those_of_a_tree(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "plakar").mkdir()
    entry = {"version": "v1.0.0", "stores": {"golden": {"location": str(plain)}}}
    (tmp_path / "plakar/stores.yml").write_text(json.dumps(entry))
    assert main(["cat", "@golden:66ce:docs/page.html"]) == 0
    whole = capfdbinary.readouterr().out
    assert main(["cat", "--offset", "3", "--count", "5", "@golden:66ce:docs/page.html"]) == 0
    assert capfdbinary.readouterr().out == whole[3:8]
    assert main(["size", "--json", "@golden:66ce:docs/page.html"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["bytes"] == len(whole)
