"""Archives of golden snapshots, unpacked again."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plait.cli.main import main
from plait.model.errors import ExitCode
from plait.repository.archiving import ArchiveKind, archive
from plait.repository.format import entries
from plait.repository.repository import Repository
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.golden.conftest import Golden

    from plait.repository.snapshots import SnapshotReader


def opened(files: dict[str, bytes]) -> Repository:
    store = MemoryStore()
    for key, data in files.items():
        store.write(key, io.BytesIO(data), len(data))
    return Repository.open(store)


@pytest.fixture
def snapshot(goldens: Callable[[str], Golden]) -> Iterator[SnapshotReader]:
    with opened(goldens("plain").files) as repository:
        yield repository.snapshots()[-1]


def archived(snapshot: SnapshotReader, path: str, kind: ArchiveKind, **how: Any) -> io.BytesIO:
    file = io.BytesIO()
    assert archive(snapshot, path, kind, file, **how).failures == []
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", [ArchiveKind.TAR, ArchiveKind.TARBALL])
def test_tar_has_everything(snapshot: SnapshotReader, kind: ArchiveKind) -> None:
    file = archived(snapshot, "/data/src", kind)
    with tarfile.open(fileobj=file, encoding="utf-8", errors="surrogateescape") as tar:
        members = {member.name: member for member in tar}
        for entry in snapshot.walk("/data/src"):
            info = entry.file_info
            name = entry.path[1:]
            if info.mode & (entries.MODE_SOCKET | entries.MODE_DEVICE):
                assert name not in members
                continue
            member = members[name]
            assert (member.uid, member.gid, member.uname) == (info.uid, info.gid, info.user)
            assert member.mode & 0o777 == info.mode & 0o777
            time = Decimal(member.pax_headers.get("mtime", str(int(member.mtime))))
            assert time == Decimal(info.mod_time).scaleb(-9)
            assert member.isdir() == info.is_directory
            assert member.isfifo() == bool(info.mode & entries.MODE_FIFO)
            for attribute in entry.extended_attributes:
                found = snapshot.xattr(entry.path, attribute)
                if found is not None:
                    value = b"".join(snapshot.repository.content(found.object))
                    held = member.pax_headers[f"SCHILY.xattr.{attribute}"]
                    assert held.encode("utf-8", "surrogateescape") == value
            if info.mode & entries.MODE_SYMLINK:
                assert member.linkname == entry.symlink_target
            if info.is_regular:
                content = tar.extractfile(member)
                assert content is not None
                assert content.read() == b"".join(snapshot.content(entry))
        assert any(member.islnk() for member in members.values())


def test_zip(snapshot: SnapshotReader) -> None:
    file = io.BytesIO()
    result = archive(snapshot, "/data/src", ArchiveKind.ZIP, file)
    failed = {failure.path for failure in result.failures}
    assert all(any("\udc80" <= char <= "\udcff" for char in path) for path in failed)
    with zipfile.ZipFile(file) as packed:
        assert packed.testzip() is None
        for entry in snapshot.walk("/data/src"):
            if entry.has_content and entry.path not in failed:
                assert packed.read(entry.path[1:]) == b"".join(snapshot.content(entry))


def test_zip_tells_times_of_the_world_and_owners(snapshot: SnapshotReader) -> None:
    """Zip's own times are local and even, so that another zone would unpack others."""
    file = io.BytesIO()
    archive(snapshot, "/data/src", ArchiveKind.ZIP, file)
    with zipfile.ZipFile(file) as packed:
        members = {member.filename.rstrip("/"): member for member in packed.infolist()}
    seen = set()
    for entry in snapshot.walk("/data/src"):
        info = entry.file_info
        if (member := members.get(entry.path[1:])) is None:
            continue
        fields, extra = {}, member.extra
        while extra:
            field, length = struct.unpack_from("<HH", extra)
            fields[field], extra = extra[4 : 4 + length], extra[4 + length :]
        assert struct.unpack("<BBIBI", fields[0x7875]) == (1, 4, info.uid, 4, info.gid)
        seconds = info.mod_time // 10**9
        if -(1 << 31) <= seconds < 1 << 31:
            assert struct.unpack("<Bi", fields[0x5455]) == (1, seconds)
            seen.add(seconds % 2)
    assert seen == {0, 1}


def test_zeros_of_a_large_file_are_archived(tmp_path: Path) -> None:
    content = b"begin" + bytes(20 << 20) + b"middle" + bytes(20 << 20)
    (tmp_path / "large").write_bytes(content)
    with Repository.create(MemoryStore(), None) as repository:
        repository.backup([tmp_path])
        [saved] = repository.snapshots()
        with tarfile.open(fileobj=archived(saved, str(tmp_path), ArchiveKind.TAR, rebase=True)) as tar:
            found = tar.extractfile("large")
            assert found is not None
            assert found.read() == content


def test_names_relative_to_the_path(snapshot: SnapshotReader) -> None:
    with tarfile.open(fileobj=archived(snapshot, "/data/src/docs", ArchiveKind.TAR, rebase=True)) as tar:
        assert {name.partition("/")[0] for name in tar.getnames()} == {
            entry.file_info.name for entry in snapshot.children("/data/src/docs")
        }
    entry = next(entry for entry in snapshot.children("/data/src/docs") if entry.has_content)
    with tarfile.open(fileobj=archived(snapshot, entry.path, ArchiveKind.TAR, rebase=True)) as tar:
        assert tar.getnames() == [entry.file_info.name]


def test_a_damaged_file_is_left_out_and_named(goldens: Callable[[str], Golden]) -> None:
    golden = goldens("plain")
    key = max((key for key in golden.files if key.startswith("packfiles/")), key=lambda key: len(golden.files[key]))
    broken = bytearray(golden.files[key])
    broken[len(broken) // 3] ^= 0x08
    with opened({**golden.files, key: bytes(broken)}) as repository:
        snapshot = repository.snapshots()[-1]
        file = io.BytesIO()
        result = archive(snapshot, "/data/src", ArchiveKind.TAR, file)
        (failure,) = result.failures
        assert failure.packfiles == (bytes.fromhex(key.rpartition("/")[2]),)
        file.seek(0)
        with tarfile.open(fileobj=file, encoding="utf-8", errors="surrogateescape") as tar:
            names = set(tar.getnames())
            assert failure.path[1:] not in names
            assert len([member for member in tar if member.isreg() or member.islnk()]) == result.files


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parent / "kloset"
    with tarfile.open(folder / "sha256-nocompress.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "old.tar").write_text("old")
    at = ["at", "sha256-nocompress", "archive"]
    assert main([*at, "-format", "rar", "d452"]) == 2
    assert main([*at, "-format", "tar", "-output", "old.tar", "d452:/no/such"]) != 0
    assert (tmp_path / "old.tar").read_text() == "old"
    assert main([*at, "-format", "tar", "-output", "old.tar", "d452"]) == 0
    assert (tmp_path / "old.tar").stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "old.tar") as tar:
        assert "data/src/docs" in tar.getnames()
    # The name says the kind; on the front it does not.
    # One name in it is no text, which a zip cannot hold.
    assert main([*at, "-output", "new.zip", "d452"]) == ExitCode.PARTLY
    assert zipfile.is_zipfile("new.zip")
    assert main([*at, "-format", "tgz", "-output", "new.zip", "d452"]) == 0
    assert main(["plakar", *at, "-output", "other.zip", "d452"]) == 0
    for name in ("new.zip", "other.zip"):
        with tarfile.open(tmp_path / name, "r:gz") as tar:
            assert "data/src/docs" in tar.getnames()
    assert main(["plakar", *at, "d452"]) == 0
    assert len(list(tmp_path.glob("plakar-*Z.tar.gz"))) == 1
    assert main(["plakar", *at]) == 1
    assert list(tmp_path.glob("*.partial")) == []
    capsys.readouterr()
