"""Reading the golden repositories through a store gives what the original saved."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from plait.model.errors import (
    DirectoryNotFoundError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    SecretError,
)
from plait.repository.files import ArchivedFiles, StoredFiles
from plait.repository.format import entries
from plait.repository.format.frames import HEADER_SIZE
from plait.repository.layout import Folder, layout_of, name_of
from plait.repository.reading import RepositoryReader
from plait.repository.snapshots import SnapshotReader
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from tests.golden.conftest import Golden

FOLDER = Path(__file__).parent / "kloset"
KINDS = {
    "dir": entries.MODE_DIRECTORY,
    "file": 0,
    "symlink": entries.MODE_SYMLINK,
    "fifo": entries.MODE_FIFO,
    "socket": entries.MODE_SOCKET,
    "blockdev": entries.MODE_DEVICE,
    "chardev": entries.MODE_DEVICE | entries.MODE_CHARACTER_DEVICE,
}


def memory(files: dict[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in files.items():
        store.write(key, io.BytesIO(data), len(data))
    return store


def passphrase(story: dict[str, Any]) -> bytes | None:
    return None if story["passphrase"] is None else str(story["passphrase"]).encode()


@cache
def opened(name: str) -> RepositoryReader:
    story = json.loads((FOLDER / f"{name}.json").read_text())
    if name.endswith(".ptar"):
        return RepositoryReader(ArchivedFiles(memory({name: (FOLDER / name).read_bytes()}), name), passphrase(story))
    files = {}
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        for member in archive:
            if content := archive.extractfile(member) if member.isfile() else None:
                files[member.name.partition("/")[2]] = content.read()
    return RepositoryReader(StoredFiles(memory(files)), passphrase(story))


@pytest.fixture
def reader(golden: Golden) -> RepositoryReader:
    return opened(golden.name)


def snapshots(golden: Golden, reader: RepositoryReader) -> list[tuple[dict[str, Any], SnapshotReader]]:
    """What the original said of each snapshot whose source is recorded, and the snapshot."""
    by_id = {story["id"]: story for story in golden.story["snapshots"]}
    assert set(by_id) == {name.hex() for name in reader.snapshots()}
    assert reader.circular_states == ()
    return [
        (by_id[story.get("same_tree_as", name)], reader.snapshot(bytes.fromhex(name))) for name, story in by_id.items()
    ]


def test_the_tree_is_that_of_the_source(golden: Golden, reader: RepositoryReader) -> None:
    for story, snapshot in snapshots(golden, reader):
        found = {entry.path: entry for entry in snapshot.walk()}
        failed = {error.path: error.error for error in snapshot.errors()}
        assert [f"{path}: {text}" for path, text in failed.items()] == story["errors"].strip().splitlines()
        root = snapshot.source.importer.directory
        left = {path for path in found if (path + "/").startswith(root + "/")}
        for item in story["source_tree"]:
            path = bytes.fromhex(item["path_hex"]).decode("utf-8", "surrogateescape")
            if path not in found:
                assert any((path + "/").startswith(other + "/") for other in failed)
                continue
            left.discard(path)
            info = found[path].file_info
            assert (info.mod_time, info.uid, info.gid, info.links, info.inode) == tuple(
                item[name] for name in ("mtime_ns", "uid", "gid", "nlink", "ino")
            )
            special = (entries.MODE_SETUID, 0o4000), (entries.MODE_SETGID, 0o2000), (entries.MODE_STICKY, 0o1000)
            mode = info.mode & 0o777 | sum(bit for flag, bit in special if info.mode & flag)
            assert mode == item["mode"]
            assert info.mode & ~0o777 & ~sum(flag for flag, _ in special) == KINDS[item["type"]]
            if item["type"] == "file":
                content = b"".join(snapshot.content(found[path]))
                assert len(content) == item["size"]
                assert hashlib.sha256(content).hexdigest() == item["sha256"]
            if item["type"] == "symlink":
                target = found[path].symlink_target.encode("utf-8", "surrogateescape")
                assert target.hex() == item["target_hex"]
        assert not left - {root}


def test_extended_attributes_are_those_of_the_source(golden: Golden, reader: RepositoryReader) -> None:
    for story, snapshot in snapshots(golden, reader):
        source = {
            bytes.fromhex(item["path_hex"]).decode("utf-8", "surrogateescape"): item["xattrs"]
            for item in story["source_tree"]
            if item.get("xattrs")
        }
        listed = {entry.path: entry.extended_attributes for entry in snapshot.walk() if entry.extended_attributes}
        failed = {error.path for error in snapshot.errors()}
        assert {path: tuple(sorted(values)) for path, values in source.items() if path not in failed} == {
            path: names for path, names in listed.items() if path not in failed
        }
        for item in snapshot.xattrs():
            value = b"".join(reader.content(item.object))
            assert source[item.path][item.name] == value.hex()
            assert item.size == len(value)


def test_single_paths_and_directories(golden: Golden, reader: RepositoryReader) -> None:
    for _, snapshot in snapshots(golden, reader):
        whole = list(snapshot.walk())
        for entry in whole:
            assert snapshot.entry(entry.path) == entry
        with pytest.raises(ObjectNotFoundError):
            snapshot.entry("/no/such/path")
        assert list(snapshot.children("/no/such/path")) == []
        # Without its index a directory is listed from the tree of paths.
        (source,) = snapshot.header.sources or ()
        bare = msgspec.structs.replace(snapshot.header, sources=(msgspec.structs.replace(source, indexes=()),))
        if golden.name != "xattr-change":
            assert list(SnapshotReader(reader, bare).walk()) == whole


def test_an_entry_that_was_never_written_is_in_the_list_of_its_directory() -> None:
    reader = opened("xattr-change")
    changed = [reader.snapshot(name).entry("/data/src/docs/page.html") for name in reader.snapshots()]
    assert sorted(len(entry.extended_attributes) for entry in changed) == [0, 1]


def test_a_repository_in_a_directory(tmp_path: Path) -> None:
    with tarfile.open(FOLDER / "sha256-nocompress.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    with closing(LocalStore(tmp_path / "sha256-nocompress")) as store:
        reader = RepositoryReader(StoredFiles(store))
        (name,) = reader.snapshots()
        found = list(reader.snapshot(name).walk())
    assert found == list(opened("sha256-nocompress").snapshot(name).walk())
    for path in (tmp_path, tmp_path / "missing"):
        with closing(LocalStore(path)) as store, pytest.raises(DirectoryNotFoundError):
            RepositoryReader(StoredFiles(store))


def test_an_archive_in_a_directory() -> None:
    with closing(LocalStore(FOLDER)) as store:
        reader = RepositoryReader(ArchivedFiles(store, "archive.ptar"))
        (name,) = reader.snapshots()
        assert list(reader.snapshot(name).walk()) == list(opened("archive.ptar").snapshot(name).walk())
        with pytest.raises(IntegrityError):
            ArchivedFiles(store, "archive.ptar.json")
        with pytest.raises(ObjectNotFoundError):
            ArchivedFiles(store, "missing.ptar")


def test_secrets(goldens: Any) -> None:
    files = goldens("encrypted").files
    for wrong in (None, b"golden passphrase 2"):
        with pytest.raises(SecretError):
            RepositoryReader(StoredFiles(memory(files)), wrong)


def test_missing_snapshots_and_blobs() -> None:
    reader = opened("plain")
    with pytest.raises(DirectoryNotFoundError):
        reader.snapshot(bytes(32))
    with pytest.raises(IntegrityError):
        b"".join(reader.content(bytes(32)))


def everything(files: dict[str, bytes]) -> list[Any]:
    """All that a repository gives, or the errors in its place."""
    reader = RepositoryReader(StoredFiles(memory(files)))
    seen: list[Any] = []
    for name in reader.snapshots():
        try:
            snapshot = reader.snapshot(name)
            for entry in snapshot.walk():
                try:
                    content = b"".join(snapshot.content(entry)) if entry.has_content else b""
                    seen.append((entry, content))
                except IntegrityError as error:
                    seen.append(error)
            seen += [*snapshot.xattrs(), *snapshot.errors()]
        except IntegrityError as error:
            seen.append(error)
    return seen


def test_a_flipped_bit_is_never_passed_on(goldens: Any) -> None:
    files = goldens("sha256-nocompress").files
    right = everything(files)
    for key, data in files.items():
        if key == "CONFIG" or key.startswith("locks/"):
            continue
        for position in range(HEADER_SIZE - 1, len(data), len(data) // 12):
            broken = bytearray(data)
            broken[position] ^= 0x10
            try:
                found = everything({**files, key: bytes(broken)})
            except (IntegrityError, NotSupportedError):
                assert key.startswith("states/")
                continue
            assert not key.startswith("states/")
            assert all(isinstance(item, IntegrityError) or item in right for item in found)
    for key in files:
        if key.startswith("packfiles/"):
            found = everything({other: data for other, data in files.items() if other != key})
            assert any(isinstance(item, IntegrityError) for item in found)


def test_layouts() -> None:
    name = bytes.fromhex("ab" * 32)
    assert layout_of("local").key(Folder.PACKFILES, name) == "packfiles/ab/" + "ab" * 32
    assert layout_of("s3").key(Folder.LOCKS, name) == "locks/" + "ab" * 32
    assert layout_of("google cloud storage").key(Folder.LOCKS, name) == "locks/ab/" + "ab" * 32
    assert name_of("states/ab/" + "ab" * 32) == name
    for other in ("states/tmp.1", "states/ab/" + "AB" * 32, "states/ab/" + "ab" * 33, "states/" + "zz" * 32):
        assert name_of(other) is None
