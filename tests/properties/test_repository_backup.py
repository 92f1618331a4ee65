"""Trees round-trip, and an incremental backup has the trees that a backup from scratch has."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.repository.backup import local
from plait.repository.backup.local import LocalSource
from plait.repository.backup.saving import BackupSettings
from plait.repository.format import btrees
from plait.repository.repository import Repository
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.repository.snapshots import SnapshotReader

GRAIN = 15_000_000
NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: not {0, 47} & set(name) and name not in {b".", b".."})
FEW = st.sampled_from([b"a", b"b", b"a-b", b"a.txt", b"\xff\xfe", b"\n", "\u00e9".encode()])
PATHS = st.lists(FEW | NAMES, min_size=1, max_size=4).map(b"/".join)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"plain text\n", b"{}", b"x,y\n1,2\n", b"\x89PNG\r\n\x1a\n", b"\0" * 700_000]),
)
KINDS = st.sampled_from(["file", "directory", "symlink", "fifo", "link", "hole"])
STEP = st.one_of(
    st.tuples(st.just("make"), PATHS, KINDS, CONTENTS),
    st.tuples(st.just("remove"), PATHS, st.none(), st.none()),
    st.tuples(st.just("chmod"), PATHS, st.sampled_from([0o600, 0o755, 0o4711, 0o1777]), st.none()),
    st.tuples(
        st.just("xattr"),
        PATHS,
        st.sampled_from(["user.a", "user.b", "user.\u00e9"]),
        CONTENTS.filter(lambda data: len(data) < 100),
    ),
    st.tuples(st.just("touch"), PATHS, st.integers(-(10**18), 10**18), st.none()),
    st.tuples(st.just("rename"), PATHS, PATHS, st.none()),
)


def apply(root: bytes, step: tuple[object, ...]) -> None:
    """One change of a tree, where it is possible."""
    what, name, first, second = step
    assert isinstance(name, bytes)
    path = os.path.join(root, name)
    try:
        if what == "make":
            make(path, str(first), second if isinstance(second, bytes) else b"")
        elif what == "remove":
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        elif what == "chmod" and isinstance(first, int):
            os.chmod(path, first) if not os.path.islink(path) else None
        elif what == "xattr" and isinstance(second, bytes):
            os.setxattr(path, str(first), second, follow_symlinks=False)
        elif what == "touch" and isinstance(first, int):
            os.utime(path, ns=(0, first), follow_symlinks=False)
        elif isinstance(first, bytes):
            os.makedirs(os.path.dirname(os.path.join(root, first)), exist_ok=True)
            os.rename(path, os.path.join(root, first))
    except OSError:
        return


def make(path: bytes, kind: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if kind == "directory":
        os.makedirs(path, exist_ok=True)
    elif kind == "symlink":
        os.symlink(content.replace(b"\0", b"0")[:50] or b"x", path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        with os.scandir(os.path.dirname(path)) as entries:
            files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
        if files:
            os.link(files[0], path)
    else:
        # What is there may be a pipe, at which nobody reads: that is an error, and nothing to wait for.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o666)
        with open(descriptor, "wb") as file:
            if kind == "hole":
                file.truncate(9_000_000)
            file.write(content)


KINDS_OF_TREES = {"content-type": btrees.CONTENT_TYPES, "dirpack": btrees.INDEX, "summary": btrees.INDEX}


def trees(snapshot: SnapshotReader, root: str) -> dict[str, dict[str, bytes]]:
    """What the trees hold at and below a path; what is above changes by itself. Each has the original's own shape."""
    source = snapshot.source
    descriptors = {"vfs": (btrees.VFS, source.root.root), "xattrs": (btrees.XATTRS, source.root.xattrs)}
    descriptors |= {index.name: (KINDS_OF_TREES[index.name], index.value) for index in source.indexes or ()}
    found = {}
    for name, (kind, descriptor) in descriptors.items():
        items = dict(snapshot.repository.items(kind, descriptor))
        *_, grown = btrees.grow(kind, items.items(), snapshot.repository.codec.mac)
        assert grown.mac == descriptor, name
        found[name] = {key: value for key, value in items.items() if f"{root}/" in f"{key}/"}
    return found


def on_disk(root: bytes) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}

    def look(path: bytes) -> None:
        info = os.lstat(path)
        extra: object = None
        if stat.S_ISLNK(info.st_mode):
            extra = os.fsdecode(os.readlink(path))
        elif stat.S_ISREG(info.st_mode):
            extra = Path(os.fsdecode(path)).read_bytes()
        names = tuple(sorted(os.listxattr(path, follow_symlinks=False)))
        values = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
        found[os.fsdecode(path)] = (stat.S_IFMT(info.st_mode), info.st_mode & 0o777, info.st_mtime_ns, extra, values)
        if stat.S_ISDIR(info.st_mode):
            for name in os.listdir(path):
                look(os.path.join(path, name))

    look(root)
    return found


def in_snapshot(snapshot: SnapshotReader, root: str) -> dict[str, tuple[object, ...]]:
    kinds = {31: stat.S_IFDIR, 27: stat.S_IFLNK, 25: stat.S_IFIFO}
    values: dict[str, dict[str, bytes]] = {}
    for item in snapshot.xattrs():
        values.setdefault(item.path, {})[item.name] = b"".join(snapshot.repository.content(item.object))
    found: dict[str, tuple[object, ...]] = {}
    for entry in snapshot.walk():
        if (entry.path + "/").startswith(root + "/"):
            info = entry.file_info
            kind = next((kind for bit, kind in kinds.items() if info.mode >> bit & 1), stat.S_IFREG)
            extra: object = None
            if kind == stat.S_IFLNK:
                extra = entry.symlink_target
            elif kind == stat.S_IFREG:
                extra = b"".join(snapshot.content(entry))
            attributes = values.get(entry.path, {})
            assert tuple(sorted(attributes)) == tuple(sorted(entry.extended_attributes))
            found[entry.path] = (kind, info.mode & 0o777, info.mod_time, extra, attributes)
    return found


@pytest.fixture(name="place", scope="module")
def place_to_work(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    counter = iter(range(1_000_000))
    base = tmp_path_factory.mktemp("backup")
    return lambda: base / str(next(counter))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEP, min_size=1, max_size=12), st.lists(st.lists(STEP, max_size=5), min_size=1, max_size=3))
def test_every_backup_is_the_tree_and_as_from_scratch(
    place: Callable[[], Path], first: list[tuple[object, ...]], later: list[list[tuple[object, ...]]]
) -> None:
    work = place()
    root = work / "source"
    root.mkdir(parents=True)
    raw = os.fsencode(root)
    with (
        patch.object(local, "_GRAIN", GRAIN),
        Repository.create(MemoryStore(), None, cache=work / "cache") as repository,
    ):
        for steps in ([*first], *later):
            for step in steps:
                apply(raw, step)
            # What is as young as the grain of the clock is looked at again in any case.
            time.sleep(2 * GRAIN / 1e9)
            saved = repository.backup([root], BackupSettings(workers=1))
            assert not saved.errors
            snapshot = repository.snapshot(saved.snapshot)
            assert in_snapshot(snapshot, str(root)) == on_disk(raw)
            scratch = repository.backup(LocalSource([str(root)]), BackupSettings(workers=1, incremental=False))
            assert trees(repository.snapshot(scratch.snapshot), str(root)) == trees(snapshot, str(root))
    shutil.rmtree(work)
