"""Archives are written as the original writes them, and hold what was put into them."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.model.errors import ExitCode
from plait.repository.checking.checking import check
from plait.repository.files import ArchivedFiles
from plait.repository.format import archives, frames
from plait.repository.format.packfiles import read_index
from plait.repository.format.resources import Resource
from plait.repository.ptar import ArchiveBuilder
from plait.repository.repository import NewRepository, Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from plait.repository.repository import Repository as Opened


def lay_tree(root: Path) -> dict[str, bytes]:
    noise = random.Random(8)
    files = {"small": b"small", "empty": b"", "sub/large": noise.randbytes(3_000_000), "sub/same": b"small"}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return {f"{root}/{name}": content for name, content in files.items()}


def contents(repository: Opened, snapshot: bytes) -> dict[str, bytes]:
    found = repository.snapshot(snapshot)
    return {entry.path: b"".join(found.content(entry)) for entry in found.walk("/") if entry.file_info.is_regular}


@pytest.mark.parametrize("settings", [NewRepository(), NewRepository(hashing="SHA256", compression=None)])
def test_places_and_repositories_are_in_an_archive(tmp_path: Path, settings: NewRepository) -> None:
    tree = tmp_path / "tree"
    files = lay_tree(tree)
    path = tmp_path / "all.ptar"
    with Repository.create(MemoryStore(), None) as other:
        first = other.backup([str(tree)]).snapshot
        (tree / "later").write_bytes(b"later")
        second = other.backup([str(tree)]).snapshot
        with path.open("x+b") as file, ArchiveBuilder(file, None, settings) as builder:
            settings_of_sync = SyncSettings(remembers=False, processes=False)
            Sync(other, builder.repository, ("a", "b"), settings_of_sync, lambda _: None).run(Direction.TO, Query())
            third = builder.repository.backup([str(tree)]).snapshot
            assert builder.finish() == path.stat().st_size

    with Repository.open_archive(LocalStore(tmp_path), path.name) as opened:
        assert sorted(opened.reader.snapshots()) == sorted((first, second, third))
        assert contents(opened, first) == files
        assert contents(opened, second) == contents(opened, third) == files | {f"{tree}/later": b"later"}
        checked = check(opened.reader, opened.files, [(found, "/") for found in opened.snapshots()])
        assert not any(found.failed for found in checked.snapshots)


def test_what_is_short_is_read_back_whatever_its_padding_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"x")
    path = tmp_path / "a.ptar"
    with Repository.create(MemoryStore(), None) as other:
        saved = other.backup([str(tmp_path / "tree")]).snapshot
        monkeypatch.setattr(secrets, "randbelow", lambda limit: limit - 1)
        with path.open("x+b") as file, ArchiveBuilder(file, None, NewRepository()) as builder:
            settings = SyncSettings(remembers=False, processes=False)
            result = Sync(other, builder.repository, ("a", "b"), settings, lambda _: None).run(Direction.TO, Query())
            assert result.count(Outcome.COPIED) == 1
            assert contents(builder.repository, saved) == {f"{tmp_path}/tree/file": b"x"}


def test_the_packfile_is_laid_out_as_the_originals(tmp_path: Path) -> None:
    """No padding, no time, its index in the order of texts; the checksums are right, too."""
    lay_tree(tmp_path / "tree")
    path = tmp_path / "a.ptar"
    with path.open("x+b") as file, ArchiveBuilder(file, None, NewRepository()) as builder:
        builder.repository.backup([str(tmp_path / "tree")])
        builder.finish()
        codec, identifier = builder.repository.codec, builder.repository.identifier
    data = path.read_bytes()
    layout = archives.read_layout(len(data), data[: archives.HEADER_SIZE], data[-archives.TRAILER_SIZE :])
    framed = data[layout.packfile.offset :][: layout.packfile.length]
    _, body = codec.unwrap(framed, Resource.PACKFILE, 0x10000)
    index = read_index(body, codec)
    assert index.timestamp == 0
    assert Resource.RANDOM not in {blob.resource for blob in index.blobs}
    order = [f"{blob.resource}:{blob.mac.hex()}" for blob in index.blobs]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    state = data[layout.state.offset :][: layout.state.length]
    assert codec.decode(codec.unwrap(state, Resource.STATE, 0x10100)[1]).endswith(identifier)
    assert layout.configuration.offset == archives.HEADER_SIZE
    assert layout.state.offset + layout.state.length + archives.TRAILER_SIZE == len(data)
    assert data[layout.configuration.offset :].startswith(frames.MAGIC)


def test_the_command_takes_places_repositories_and_what_at_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_tree(tmp_path / "tree")
    place = tmp_path / "repository"
    place.mkdir()
    with Repository.create(LocalStore(place), None) as repository:
        saved = repository.backup([str(tmp_path / "tree")]).snapshot
    own = ["--plaintext", "--configdir", str(tmp_path / "configuration"), "--cachedir", str(tmp_path / "cache")]

    def held(name: str) -> list[bytes]:
        with Repository.open_archive(LocalStore(tmp_path), name) as opened:
            return opened.reader.snapshots()

    assert main(["ptar", *own, "-o", "a.ptar", "-k", "repository", "tree"]) == 0
    assert len(held("a.ptar")) == 2
    assert main(["at", "repository", "ptar", *own, "-o", "b.ptar"]) == 0
    assert held("b.ptar") == [saved]
    # It stays as it is, but for --overwrite, and then until the new one is whole.
    before = (tmp_path / "a.ptar").read_bytes()
    assert main(["ptar", *own, "-o", "a.ptar", "tree"]) != 0
    assert main(["ptar", *own, "--overwrite", "-o", "a.ptar", "nosuch"]) == ExitCode.NOT_FOUND
    assert (tmp_path / "a.ptar").read_bytes() == before
    assert main(["ptar", *own, "--overwrite", "-o", "a.ptar", "tree"]) == 0
    assert len(held("a.ptar")) == 1
    assert main(["ptar", *own]) == ExitCode.USAGE
    assert not list(tmp_path.glob("*.partial"))
    # What cannot be copied is named, and is not there.
    packfile = max((place / "packfiles").rglob("*"), key=lambda path: path.stat().st_size)
    packfile.write_bytes(packfile.read_bytes()[:100_000])
    assert main(["ptar", *own, "-o", "c.ptar", "-k", "repository"]) == ExitCode.FAILED
    assert not (tmp_path / "c.ptar").exists()
    assert main(["ptar", *own, "-o", "c.ptar", "-k", "repository", "tree"]) == ExitCode.PARTLY
    assert saved not in held("c.ptar")
    assert saved.hex()[:8] in capsys.readouterr().err


def test_a_file_is_no_archive_before_it_is_finished(tmp_path: Path) -> None:
    lay_tree(tmp_path / "tree")
    path = tmp_path / "a.ptar"
    with path.open("x+b") as file, ArchiveBuilder(file, None, NewRepository()) as builder:
        builder.repository.backup([str(tmp_path / "tree")])
    with pytest.raises(Exception, match="archive"):
        ArchivedFiles(LocalStore(tmp_path), path.name)
