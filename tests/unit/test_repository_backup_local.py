"""Backups of trees of this machine: what is saved, what is told, and what is not read again."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.engine.workers import Cancellation
from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    DirectoryNotFoundError,
    PlaitError,
    SecretError,
    UsageError,
)
from plait.repository import index as indexing
from plait.repository.backup import local
from plait.repository.backup.excludes import Excludes, read_ignore_file
from plait.repository.backup.local import LocalSource
from plait.repository.backup.saving import BackupSettings
from plait.repository.events import Done, Ended, Failed, Warned
from plait.repository.format import btrees, entries
from plait.repository.format.resources import Resource
from plait.repository.repository import NewRepository, Repository
from plait.stores.local.store import LocalStore
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.backup.local import LocalFolder, WayFolder
    from plait.repository.backup.saving import BackupResult
    from plait.repository.events import Event
    from plait.repository.snapshots import SnapshotReader

GRAIN = 20_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "docs" / "deep").mkdir(parents=True)
    (root / "docs" / "a.txt").write_text("hello")
    (root / "docs" / "deep" / "b.json").write_text('{"a": 1}')
    (root / "empty").mkdir()
    (root / "link").symlink_to("docs/a.txt")
    (root / "big").write_bytes(os.urandom(3_000_000))
    return root


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setattr(local, "_GRAIN", GRAIN)
    with Repository.create(MemoryStore(), None, cache=tmp_path / "cache") as repository:
        yield repository


def settle() -> None:
    """Until a change gets another time than what was before; files that are younger are read again in any case."""
    time.sleep(2 * GRAIN / 1e9)


def save(repository: Repository, root: Path, **settings: object) -> tuple[SnapshotReader, BackupResult]:
    result = repository.backup([root], BackupSettings(**settings))  # type: ignore[arg-type]  # fields by name, of any type
    return repository.snapshot(result.snapshot), result


def everything_resolves(snapshot: SnapshotReader) -> None:
    """Every identifier that the original's maintenance walks is that of a blob."""
    reader, source = snapshot.repository, snapshot.source
    for _, mac in reader.items(btrees.VFS, source.root.root):
        reader.blob(Resource.VFS_ENTRY, mac)
    for index in source.indexes or ():
        kind = btrees.CONTENT_TYPES if index.name == "content-type" else btrees.INDEX
        for _, mac in reader.items(kind, index.value):
            if index.name == "dirpack":
                b"".join(reader.content(mac))
            else:
                reader.blob(Resource.VFS_SUMMARY if index.name == "summary" else Resource.VFS_ENTRY, mac)
    for entry in snapshot.walk():
        assert snapshot.entry(entry.path) == entry
        if entry.has_content:
            assert sum(map(len, snapshot.content(entry))) == entry.file_info.size
    values = {(item.path, item.name): b"".join(reader.content(item.object)) for item in snapshot.xattrs()}
    assert set(values) == {(entry.path, name) for entry in snapshot.walk() for name in entry.extended_attributes}
    list(snapshot.errors())


def test_a_second_backup_reads_nothing(repository: Repository, root: Path) -> None:
    first, _ = save(repository, root)
    settle()
    second, _ = save(repository, root)
    third, result = save(repository, root)
    assert result.unchanged >= 8
    assert result.written < 400_000
    assert first.source.summary == third.source.summary
    for snapshot in (first, second, third):
        everything_resolves(snapshot)


def test_only_names_of_attributes_change(repository: Repository, root: Path) -> None:
    """The original never writes the entry then, and its snapshot is broken for ever."""
    os.setxattr(root / "docs" / "a.txt", "user.one", b"1")
    save(repository, root)
    settle()
    save(repository, root)
    os.setxattr(root / "docs" / "a.txt", "user.two", b"2")
    settle()
    snapshot, _ = save(repository, root)
    everything_resolves(snapshot)
    assert snapshot.entry(f"{root}/docs/a.txt").extended_attributes == ("user.one", "user.two")
    for cached in (True, False):
        if not cached:
            shutil.rmtree(root.parent / "cache")
        os.setxattr(root / "docs" / "a.txt", "user.two", b"other")
        settle()
        changed, _ = save(repository, root)
        item = changed.xattr(f"{root}/docs/a.txt", "user.two")
        assert item is not None
        assert b"".join(repository.reader.content(item.object)) == b"other"
        os.removexattr(root / "docs" / "a.txt", "user.one") if cached else None
        everything_resolves(changed)


def test_no_attribute_is_lost_whatever_their_order(repository: Repository, root: Path) -> None:
    """The original loses one now and then, where the system lists them in another order than that of their bytes."""
    names = ["user.zz", "user.mm", "user.aa", "user.big", "user.\u00e9"]
    for number, path in enumerate(sorted(root.rglob("*"))):
        if not path.is_symlink():
            for name in names[number % 3 :]:
                os.setxattr(path, name, name.encode() * (300 if name == "user.big" else 1))
    snapshot, _ = save(repository, root)
    everything_resolves(snapshot)
    found = {(item.path, item.name): b"".join(repository.reader.content(item.object)) for item in snapshot.xattrs()}
    assert found == {
        (str(path), name): os.getxattr(path, name)
        for path in root.rglob("*")
        if not path.is_symlink()
        for name in os.listxattr(path)
    }
    plain = repository.backup(LocalSource([str(root)], with_xattrs=False))
    assert list(repository.snapshot(plain.snapshot).xattrs()) == []


def test_hard_links(repository: Repository, root: Path) -> None:
    os.link(root / "big", root / "docs" / "again")
    snapshot, _ = save(repository, root)
    one, other = snapshot.entry(f"{root}/big"), snapshot.entry(f"{root}/docs/again")
    assert one.object == other.object
    assert one.file_info.links == other.file_info.links == 2
    assert one.file_info.inode == other.file_info.inode != 0
    settle()
    save(repository, root)
    (root / "docs" / "again").unlink()
    later, _ = save(repository, root)
    assert later.entry(f"{root}/big").file_info.links == 1


def test_special_files_and_bits(repository: Repository, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket")) if len(str(root)) < 90 else os.mkfifo(root / "socket")
    (root / "docs").chmod(0o3775)
    (root / "docs" / "a.txt").chmod(0o4711)
    os.utime(root / "docs" / "a.txt", ns=(0, -1))
    snapshot, _ = save(repository, root)
    assert snapshot.entry(f"{root}/pipe").file_info.mode & entries.MODE_FIFO
    assert snapshot.entry(f"{root}/docs").file_info.mode == (
        entries.MODE_DIRECTORY | entries.MODE_SETGID | entries.MODE_STICKY | 0o775
    )
    entry = snapshot.entry(f"{root}/docs/a.txt")
    assert entry.file_info.mode == entries.MODE_SETUID | 0o711
    assert entry.file_info.mod_time == -1
    assert snapshot.entry(f"{root}/link").symlink_target == "docs/a.txt"
    assert snapshot.entry(f"{root}/link").content_type == entries.NOT_REGULAR_CONTENT_TYPE
    everything_resolves(snapshot)


def test_a_content_changed_behind_its_times_is_found(repository: Repository, root: Path) -> None:
    path = root / "docs" / "a.txt"
    before = path.stat()
    save(repository, root)
    settle()
    save(repository, root)
    path.write_text("HELLO")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    settle()
    snapshot, _ = save(repository, root)
    assert b"".join(snapshot.content(snapshot.entry(str(path)))) == b"HELLO"


def test_what_changes_within_the_grain_of_the_clock_is_read_again(repository: Repository, root: Path) -> None:
    path = root / "docs" / "a.txt"
    for number in range(20):
        content = f"{number:05}"
        path.write_text(content)
        os.utime(path, ns=(0, 0))
        snapshot, _ = save(repository, root)
        assert b"".join(snapshot.content(snapshot.entry(str(path)))) == content.encode()


@pytest.mark.parametrize("how", ["remove", "flip", "cut", "foreign"])
def test_what_is_remembered_may_be_damaged_or_gone(repository: Repository, root: Path, how: str) -> None:
    save(repository, root)
    settle()
    save(repository, root)
    (path,) = (root.parent / "cache" / "sources").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= how == "flip"
    path.write_bytes(data[: len(data) // 2] if how == "cut" else b"x" * 1000 if how == "foreign" else data)
    if how == "remove":
        path.unlink()
    (root / "docs" / "a.txt").write_text("changed")
    (root / "new").write_text("new")
    snapshot, _ = save(repository, root)
    everything_resolves(snapshot)
    assert b"".join(snapshot.content(snapshot.entry(f"{root}/docs/a.txt"))) == b"changed"


def test_nothing_is_taken_from_a_snapshot_that_was_removed(repository: Repository, root: Path) -> None:
    first, _ = save(repository, root)
    settle()
    second, _ = save(repository, root)
    repository.remove([first.identifier, second.identifier])
    assert repository.snapshots() == []
    third, result = save(repository, root)
    assert result.unchanged == 0
    everything_resolves(third)
    with pytest.raises(DirectoryNotFoundError):
        repository.remove([first.identifier])


def test_places(repository: Repository, root: Path) -> None:
    single, _ = save(repository, root / "docs" / "a.txt")
    assert single.source.importer.directory == str(root / "docs")
    assert [entry.path for entry in single.walk() if entry.has_content] == [f"{root}/docs/a.txt"]
    several = repository.snapshot(repository.backup([root / "docs" / "deep", root / "empty", root / "big"]).snapshot)
    assert several.source.importer.directory == str(root)
    below = [entry.path.removeprefix(f"{root}/") for entry in several.walk(str(root))]
    assert below == ["big", "docs", "docs/deep", "docs/deep/b.json", "empty"]
    (root.parent / "way").symlink_to(root / "docs")
    linked, _ = save(repository, root.parent / "way")
    assert linked.source.importer.directory == str(root.parent)
    link = linked.entry(f"{root.parent}/way")
    assert (link.symlink_target, link.file_info.user) == ("", "")
    assert linked.entry(f"{root}/docs/a.txt").has_content
    above = single.entry(str(root.parent))
    assert (above.file_info.user, above.file_info.group, above.extended_attributes) == ("", "", ())
    assert single.entry("/").parent_path == "/"
    for snapshot in (single, several, linked):
        everything_resolves(snapshot)
    with pytest.raises(DirectoryNotFoundError):
        save(repository, root / "missing")


def test_names_of_any_bytes_deep_and_wide(repository: Repository, root: Path) -> None:
    for name in (b"\xff\xfe", b"\xff", b"new\nline", "\u00e9".encode(), b"a-b", b"a", b" "):
        directory = os.path.join(os.fsencode(root), b"dir" + name)
        os.mkdir(directory)
        Path(os.fsdecode(directory), os.fsdecode(name)).write_bytes(name)
    deep = root
    for _ in range(60):
        deep /= "deep"
    deep.mkdir(parents=True)
    (deep / "end").write_text("end")
    (root / "wide").mkdir()
    for number in range(700):
        (root / "wide" / f"{number}").write_text(str(number % 7))
    snapshot, _ = save(repository, root)
    everything_resolves(snapshot)
    found = {entry.path for entry in snapshot.walk() if entry.path.startswith(f"{root}/")}
    assert found == {str(path) for path in root.rglob("*")}


def test_a_long_hole(repository: Repository, root: Path) -> None:
    with (root / "hole").open("wb") as file:
        file.truncate(70_000_001)
        file.seek(40_000_000)
        file.write(b"island")
    snapshot, result = save(repository, root)
    assert result.written < 6_000_000
    content = b"".join(snapshot.content(snapshot.entry(f"{root}/hole")))
    assert content == (root / "hole").read_bytes()


class Fickle(LocalSource):
    """A tree that changes right after a directory of it was listed."""

    def __init__(self, root: Path, change: Callable[[], object]) -> None:
        super().__init__([str(root)])
        self._at = str(root / "docs")
        self._change = change

    def walk(self, cancelled: Callable[[], bool]) -> Iterator[LocalFolder | WayFolder]:
        for folder in super().walk(cancelled):
            if folder.path == self._at:
                self._change()
            yield folder


def test_what_vanishes_is_told_and_is_no_error(repository: Repository, root: Path) -> None:
    told: list[Event] = []

    def vanish() -> None:
        (root / "docs" / "a.txt").unlink()
        shutil.rmtree(root / "docs" / "deep")

    source = Fickle(root, vanish)
    result = repository.backup(source, listener=told.append)
    assert not result.errors
    assert [event.path for event in told if isinstance(event, Warned)] == [f"{root}/docs/a.txt"]
    snapshot = repository.snapshot(result.snapshot)
    everything_resolves(snapshot)
    assert [entry.path for entry in snapshot.walk(f"{root}/docs")] == [f"{root}/docs/deep"]


@pytest.mark.parametrize("content", [b"", b"short", b"much longer than it was", b"x" * 2_000_000])
def test_a_file_that_changes_after_it_was_listed(repository: Repository, root: Path, content: bytes) -> None:
    result = repository.backup(Fickle(root, lambda: (root / "docs" / "a.txt").write_bytes(content)))
    snapshot = repository.snapshot(result.snapshot)
    everything_resolves(snapshot)
    entry = snapshot.entry(f"{root}/docs/a.txt")
    assert b"".join(snapshot.content(entry)) == content
    assert entry.file_info.size == len(content)


def test_a_file_in_whose_place_something_else_stands(repository: Repository, root: Path) -> None:
    path = root / "docs" / "a.txt"
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR):

        def replace(kind: int = kind) -> None:
            path.unlink()
            if kind == stat.S_IFLNK:
                path.symlink_to("/etc/passwd")
            elif kind == stat.S_IFIFO:
                os.mkfifo(path)
            else:
                path.mkdir()

        result = repository.backup(Fickle(root, replace))
        assert str(path) not in {
            entry.path for entry in repository.snapshot(result.snapshot).walk() if entry.has_content
        }
        everything_resolves(repository.snapshot(result.snapshot))
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        path.write_text("hello")


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A directory of a user whom permissions bind, who the process is meanwhile."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    user = os.geteuid()
    if user == 0:
        os.chown(place, 65534, 65534)
        os.seteuid(65534)
    yield place
    os.seteuid(user)
    for path in place.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(place)


def test_what_cannot_be_read_is_recorded_and_told(nobody: Path) -> None:
    (nobody / "shut").mkdir()
    (nobody / "shut" / "in").write_text("x")
    (nobody / "open").mkdir()
    (nobody / "open" / "secret").write_text("x")
    (nobody / "open" / "fine").write_text("y")
    (nobody / "shut").chmod(0)
    (nobody / "open" / "secret").chmod(0)
    told: list[Event] = []
    with Repository.create(MemoryStore(), None) as repository:
        result = repository.backup([nobody], listener=told.append)
        wanted = {
            f"{nobody}/open/secret": f"open {nobody}/open/secret: permission denied",
            f"{nobody}/shut": f"open {nobody}/shut: permission denied",
        }
        assert dict(result.errors) == wanted
        assert {event.path: event.error for event in told if isinstance(event, Failed)} == wanted
        (ended,) = [event for event in told if isinstance(event, Ended)]
        assert ended.errors == 2
        snapshot = repository.snapshot(result.snapshot)
        assert {error.path: error.error for error in snapshot.errors()} == wanted
        below = {entry.path.removeprefix(f"{nobody}/") for entry in snapshot.walk(str(nobody))}
        assert below == {"shut", "open", "open/fine"}
        everything_resolves(snapshot)
        # As soon as it can be read it is, though nothing else of its directory has changed.
        (nobody / "open" / "secret").chmod(0o600)
        (nobody / "shut").chmod(0o700)
        assert not repository.backup([nobody]).errors


def test_every_path_is_told_once(repository: Repository, root: Path) -> None:
    for _ in range(3):
        told: list[Event] = []
        result = repository.backup([root], listener=told.append)
        snapshot = repository.snapshot(result.snapshot)
        names = [f"{e.directory.rstrip('/')}/{name}" for e in told if isinstance(e, Done) for name in e.names]
        assert sorted(names) == ["/", *sorted(entry.path for entry in snapshot.walk())]
        assert isinstance(told[-1], Ended)
        assert told[-1].size == sum(
            path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()
        )
        settle()


def test_what_a_snapshot_says_of_itself(repository: Repository, root: Path) -> None:
    snapshot, result = save(
        repository, root, name="n", category="c", environment="e", perimeter="p", job="j", tags=("a", "b"),
        timestamp=10**18, context={"CommandLine": "plait backup"},
    )  # fmt: skip
    header = snapshot.header
    assert (header.name, header.category, header.environment, header.perimeter, header.job) == ("n", "c", "e", "p", "j")
    assert (header.tags, header.timestamp) == (("a", "b"), 10**18)
    context = {pair.key: pair.value for pair in header.context or ()}
    assert list(context) == [
        "Hostname", "Username", "OperatingSystem", "MachineID", "CommandLine", "ProcessID", "Architecture", "NumCPU",
        "MaxProcs", "Client",
    ]  # fmt: skip
    assert context["CommandLine"] == "plait backup"
    assert result.header == header
    with pytest.raises(UsageError):
        save(repository, root, timestamp=time.time_ns() + 10**12)


def test_a_repository_does_not_save_itself(root: Path) -> None:
    with Repository.create(LocalStore(root / "store"), None) as repository:
        source = LocalSource([str(root)], skips=repository.own_directories())
        result = repository.backup(source)
        assert source.skipped == [f"{root}/store"]
        assert not any(entry.path.startswith(f"{root}/store") for entry in repository.snapshot(result.snapshot).walk())


def test_a_cancelled_backup_leaves_no_snapshot_and_no_lock(repository: Repository, root: Path) -> None:
    cancellation = Cancellation()

    def stop(event: Event) -> None:
        if isinstance(event, Done):
            cancellation.cancel()

    with pytest.raises(CancelledError):
        repository.backup([root], listener=stop, cancellation=cancellation)
    repository.refresh()
    assert repository.snapshots() == []
    assert [page.names for page in repository.writable_files.store.list("locks/")] == []


def test_repositories_are_made_in_empty_places_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AlreadyExistsError):
        Repository.create(LocalStore(tmp_path), None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    store = LocalStore(tmp_path / "new")
    Repository.create(store, None, NewRepository(hashing="SHA256", compression=None)).close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert len(list((tmp_path / "new" / "packfiles").iterdir())) == 256
    with pytest.raises(AlreadyExistsError):
        Repository.create(store, None)
    with pytest.raises(SecretError):
        Repository.create(MemoryStore(), b"")


def test_a_full_temporary_directory_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The original waits for ever."""
    store = MemoryStore()
    Repository.create(store, None).close()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr(indexing, "_IN_MEMORY", ())
    with pytest.raises(PlaitError, match="temporary directory"):
        Repository.open(store)


IGNORED = {
    "a.log": "a.log",
    "src": "src src/m.c src/m.o",
    "keep": "keep keep/k.txt",
    "k.log": "keep/k.log",
    "build": "build build/x",
    "modules": "node_modules node_modules/y",
    "set": "[ab]",
}


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        (["*.log"], "a.log k.log"),
        (["node_modules", "build/"], "modules build"),
        (["/build", "src/*.o"], ""),
        (["ROOT/src"], "src"),
        (["ROOT/**/*.log"], "a.log k.log"),
        (["**/build/**"], "build"),
        (["*.log", "!*.log"], ""),
        (["*.log", "!keep/k.log", "[ab].*", "?.t", "sp*"], "a.log k.log"),
        (["", "[", "\\[ab\\]"], "set"),
    ],
)
def test_patterns_leave_out_what_the_originals_do(
    repository: Repository, tmp_path: Path, patterns: list[str], left_out: str
) -> None:
    root = tmp_path / "ig"
    for name in ("a.log", "src/m.c", "src/m.o", "keep/k.log", "keep/k.txt", "build/x", "node_modules/y", "[ab]"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    excludes = Excludes([pattern.replace("ROOT", str(root)) for pattern in patterns])
    snapshot = repository.snapshot(repository.backup(LocalSource([str(root)], excludes=excludes)).snapshot)
    kept = {name for key, names in IGNORED.items() if key not in left_out.split() for name in names.split()}
    assert {entry.path.removeprefix(f"{root}/") for entry in snapshot.walk(str(root))} == kept


def test_files_of_patterns() -> None:
    text = "# no\n\n*.log  \n  lead\n\\#yes\r\n\\!bang\nblank\\ \n"
    assert read_ignore_file(text) == ["*.log", "  lead", "\\#yes", "\\!bang", "blank\\ "]
