"""The golden repositories restored: every attribute as in the source, and damage told and kept to what it touches."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plait.model.errors import DirectoryNotFoundError, ObjectNotFoundError, UnsafeNameError
from plait.repository.checking.checking import check
from plait.repository.checking.findings import Checked, CheckSettings
from plait.repository.events import Done, Ended, Event
from plait.repository.repository import Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import Restored, RestoreSettings
from plait.repository.restoring.stored import StoreTarget
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.golden.conftest import Golden

    from plait.repository.snapshots import SnapshotReader

FOLDER = Path(__file__).parent / "kloset"
SETTINGS = RestoreSettings()


def to(snapshot: SnapshotReader, path: Path, part: str = "", **settings: Any) -> Restored:
    how = RestoreSettings(**settings)
    return restore(snapshot, LocalTarget(str(path), how), part, settings=how)


def names(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir())


def found_at(path: Path) -> dict[str, Any]:
    """What the stories tell of a path, of what was restored."""
    info = path.lstat()
    kinds = {
        stat.S_IFDIR: "dir",
        stat.S_IFREG: "file",
        stat.S_IFLNK: "symlink",
        stat.S_IFIFO: "fifo",
        stat.S_IFSOCK: "socket",
    }
    found: dict[str, Any] = {
        "type": kinds[stat.S_IFMT(info.st_mode)],
        "mode": stat.S_IMODE(info.st_mode),
        "mtime_ns": info.st_mtime_ns,
        "uid": info.st_uid,
        "gid": info.st_gid,
    }
    if found["type"] == "file":
        found["size"] = info.st_size
        found["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    if found["type"] == "symlink":
        found["target_hex"] = os.fsencode(path.readlink()).hex()
    names = os.listxattr(path, follow_symlinks=False)
    if names:
        found["xattrs"] = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_everything_comes_back_as_it_was(golden: Golden, repository: Repository, tmp_path: Path) -> None:
    by_id = {story["id"]: story for story in golden.story["snapshots"]}
    for snapshot in repository.snapshots():
        story = by_id[snapshot.identifier.hex()]
        story = by_id[story.get("same_tree_as", story["id"])]
        target = tmp_path / snapshot.identifier.hex()
        result = to(snapshot, target)
        assert result.failures == []
        root = os.fsencode(snapshot.source.importer.directory)
        missing = {os.fsencode(error.path) for error in snapshot.errors()}
        devices = []
        groups: dict[str, set[int]] = {}
        for item in story["source_tree"]:
            raw = bytes.fromhex(item["path_hex"])
            if any((raw + b"/").startswith(path + b"/") for path in missing):
                continue
            path = Path(os.fsdecode(os.fsencode(target) + raw.removeprefix(root)))
            if item["type"] in {"blockdev", "chardev"}:
                devices.append(os.fsdecode(raw))
                continue
            found = found_at(path)
            assert found == {name: item[name] for name in found}, path
            if "link_group" in item and item["type"] == "file":
                groups.setdefault(str(item["link_group"]), set()).add(path.stat().st_ino)
        assert sorted(result.left_out) == sorted(devices)
        assert all(len(group) == 1 for group in groups.values())


def test_a_part_of_a_snapshot(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        whole = to(snapshot, tmp_path / "whole", "/")
        assert (tmp_path / "whole/data/src").is_dir()
        for number, part in enumerate(("docs", "docs/", "/data/src/docs", "/data/src/docs/")):
            result = to(snapshot, tmp_path / str(number), part)
            assert 0 < result.files < whole.files
            assert names(tmp_path / str(number)) == names(tmp_path / "whole/data/src/docs")
        name = next(entry.file_info.name for entry in snapshot.children("/data/src/docs") if entry.has_content)
        to(snapshot, tmp_path / "file", f"docs/{name}")
        assert names(tmp_path / "file") == [name]
        with pytest.raises(ObjectNotFoundError):
            to(snapshot, tmp_path / "nothing", "no/such/path")
        assert not (tmp_path / "nothing").exists()


def test_over_an_existing_tree(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        first = to(snapshot, tmp_path / "out")
        (tmp_path / "out/extra").write_text("stays")
        text = next(path for path in sorted((tmp_path / "out/docs").iterdir()) if path.is_file())
        before = text.read_bytes()
        text.write_text("changed")
        second = to(snapshot, tmp_path / "out")
        assert (second.failed, second.files, second.hard_links) == (0, first.files, first.hard_links)
        assert text.read_bytes() == before
        assert (tmp_path / "out/extra").read_text() == "stays"
        assert list((tmp_path / "out").rglob("*.partial")) == []


def test_what_stands_in_the_way(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        outside = tmp_path / "outside"
        outside.mkdir()
        target = tmp_path / "out"
        target.mkdir()
        (target / "docs").symlink_to(outside)
        file = next(entry for entry in snapshot.children("/data/src") if entry.has_content)
        (target / file.file_info.name).mkdir()
        result = to(snapshot, target)
        failed = {failure.path: failure.reason for failure in result.failures}
        assert set(failed) == {"/data/src/docs", file.path}
        assert "symbolic link" in failed["/data/src/docs"]
        assert "a directory has this name" in failed[file.path]
        assert list(outside.iterdir()) == []
        assert (target / "docs").is_symlink()
        (tmp_path / "file").write_text("x")
        with pytest.raises((DirectoryNotFoundError, UnsafeNameError)):
            to(snapshot, tmp_path / "file")


def test_without_permissions_and_attributes(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        to(snapshot, tmp_path / "out", permissions=False, attributes=False)
        mask = os.umask(0)
        os.umask(mask)
        for entry in snapshot.walk("/data/src"):
            path = tmp_path / "out" / entry.path.removeprefix("/data/src/")
            if entry.file_info.is_regular or entry.file_info.is_directory:
                info = path.stat()
                expected = (0o666 if entry.file_info.is_regular else 0o777) & ~mask
                assert (stat.S_IMODE(info.st_mode), info.st_uid) == (expected, os.geteuid())
                assert info.st_mtime_ns == entry.file_info.mod_time
                assert os.listxattr(path) == []


def test_to_a_store(repository: Repository) -> None:
    snapshot = repository.snapshots()[-1]
    store = MemoryStore()
    result = restore(snapshot, StoreTarget(store, SETTINGS))
    assert result.failed == 0
    root = snapshot.source.importer.directory
    for entry in snapshot.walk(root):
        key = entry.path.removeprefix(root).lstrip("/")
        if entry.has_content:
            with store.read(key) as reader:
                assert reader.read() == b"".join(snapshot.content(entry))
            assert store.stat(key).modified == entry.file_info.mod_time
        elif not entry.file_info.is_directory:
            assert entry.path in result.left_out


def test_events_tell_of_every_path(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    events: list[Event] = []
    with Repository.open(LocalStore(unpacked("plain"))) as repository:
        snapshot = repository.snapshots()[-1]
        result = restore(snapshot, LocalTarget(str(tmp_path / "out"), SETTINGS), listener=events.append)
        told = {
            f"{event.directory.rstrip('/')}/{name}".rstrip("/") or "/"
            for event in events
            if isinstance(event, Done)
            for name in event.names
        }
        paths = {entry.path.removeprefix("/data/src") for entry in snapshot.walk("/data/src")} | {"/"}
        assert told == paths - {path.removeprefix("/data/src") for path in result.left_out}
        (ended,) = (event for event in events if isinstance(event, Ended))
        assert (ended.errors, ended.size) == (0, result.size)


def examined(repository: Repository, **settings: Any) -> Checked:
    snapshots = [(snapshot, "/") for snapshot in repository.snapshots()]
    return check(repository.reader, repository.files, snapshots, settings=CheckSettings(**settings))


@pytest.mark.parametrize("fast", [False, True])
def test_golden_repositories_are_whole(repository: Repository, fast: bool) -> None:
    result = examined(repository, fast=fast, files=True)
    assert result.is_whole
    assert result.failures == []
    for found, snapshot in zip(result.snapshots, repository.snapshots(), strict=True):
        assert found.items == len(list(snapshot.walk())) + 1


def copied(files: dict[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in files.items():
        store.write(key, io.BytesIO(data), len(data))
    return store


@pytest.mark.parametrize("name", ["sha256-nocompress", "xattr-change"])
def test_a_flipped_bit_anywhere_is_found_and_the_rest_restored(goldens: Callable[[str], Golden], name: str) -> None:
    golden = goldens(name)
    with Repository.open(copied(golden.files)) as repository:
        right = {
            snapshot.identifier: {
                entry.path: b"".join(snapshot.content(entry)) for entry in snapshot.walk() if entry.has_content
            }
            for snapshot in repository.snapshots()
        }
    for key in sorted(golden.files):
        if not key.startswith("packfiles/"):
            continue
        data = golden.files[key]
        for position in (3, 17, len(data) // 3, len(data) // 2, len(data) - 3):
            broken = bytearray(data)
            broken[position] ^= 0x04
            with Repository.open(copied({**golden.files, key: bytes(broken)})) as repository:
                result = examined(repository, files=True)
                assert [file.key for file in result.files] == [key]
                damaged = {(failure.snapshot, failure.path) for failure in result.failures}
                for snapshot in repository.snapshots():
                    target = MemoryStore()
                    restored = restore(snapshot, StoreTarget(target, SETTINGS), "/")
                    failed = {failure.path for failure in restored.failures}
                    assert failed <= {path for identifier, path in damaged if identifier == snapshot.identifier}
                    for path, content in right[snapshot.identifier].items():
                        if path in failed:
                            with pytest.raises(ObjectNotFoundError):
                                target.stat(path[1:])
                        else:
                            with target.read(path[1:]) as reader:
                                assert reader.read() == content


@pytest.mark.parametrize("name", ["plain", "removed"])
def test_a_damaged_state_is_named_and_nothing_is_lost(goldens: Callable[[str], Golden], name: str) -> None:
    golden = goldens(name)
    with Repository.open(copied(golden.files)) as repository:
        right = {
            snapshot.identifier: sorted(entry.path for entry in snapshot.walk()) for snapshot in repository.snapshots()
        }
    for key in sorted(golden.files):
        if not key.startswith("states/") or len(key.rpartition("/")[2]) != 64:
            continue
        broken = bytearray(golden.files[key])
        broken[len(broken) // 2] ^= 0x20
        with Repository.open(copied({**golden.files, key: bytes(broken)})) as repository:
            assert list(repository.reader.damaged_states) == [key]
            found = {snapshot.identifier: snapshot for snapshot in repository.snapshots()}
            # A removal that only the damaged state tells of is not known any more.
            assert found.keys() >= right.keys()
            for identifier, paths in right.items():
                assert sorted(entry.path for entry in found[identifier].walk()) == paths
                assert restore(found[identifier], StoreTarget(MemoryStore(), SETTINGS)).failed == 0
            for files in (False, True):
                result = examined(repository, files=files)
                assert key in {file.key for file in result.files}
                assert name == "removed" or len(result.files) == 1
                assert not result.is_whole


def test_a_missing_packfile_costs_no_more_than_what_is_in_it(goldens: Callable[[str], Golden]) -> None:
    files = goldens("plain").files
    for key in sorted(files):
        if not key.startswith("packfiles/"):
            continue
        with Repository.open(copied({other: data for other, data in files.items() if other != key})) as repository:
            snapshots = repository.snapshots()
            # The header of one snapshot at most was in it.
            assert len(snapshots) >= 2
            result = examined(repository, files=True)
            assert [file.key for file in result.files] == [key]
            assert any(snapshot.failed for snapshot in result.snapshots) or len(snapshots) == 2
            for snapshot, found in zip(snapshots, result.snapshots, strict=True):
                restored = restore(snapshot, StoreTarget(MemoryStore(), SETTINGS))
                assert restored.directories
                assert not restored.failed or found.failed
