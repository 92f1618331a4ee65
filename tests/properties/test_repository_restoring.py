"""Random trees come back from a repository as they were; whatever its bytes are, a reader ends with its own errors."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plait.model.errors import PlaitError
from plait.repository.checking.checking import check
from plait.repository.checking.findings import CheckSettings
from plait.repository.repository import NewRepository, Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import RestoreSettings
from plait.repository.restoring.stored import StoreTarget
from plait.stores.memory import MemoryStore

NAMES = st.one_of(
    st.sampled_from([b"a", b"b", b" ", b"\n", b"\xff", b"\xc3\xa9", b"...", b"-rf", b"*", b"x" * 255, b"a.partial"]),
    st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & set(b"/\0") and name not in {b".", b".."}),
)
CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.integers(0, 400_000), st.integers(0, 400_000), st.binary(max_size=9)).map(
        lambda sizes: bytes(sizes[0]) + sizes[2] * 1000 + bytes(sizes[1])
    ),
)
TIMES = st.integers(-(10**18), 4 * 10**18)
MODES = st.sampled_from([0o644, 0o600, 0o4755, 0o2750, 0o1777, 0o000, 0o400])
LEAVES = st.one_of(
    st.tuples(st.just("file"), CONTENTS, MODES, TIMES, st.dictionaries(st.sampled_from("abc"), st.binary(max_size=50))),
    st.tuples(st.just("link"), st.binary(min_size=1, max_size=40).filter(lambda target: b"\0" not in target)),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.tuples(st.just("fifo"), MODES),
)
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=5),
    lambda inner: st.dictionaries(
        NAMES, st.one_of(LEAVES, st.tuples(st.just("directory"), inner, MODES, TIMES)), max_size=4
    ),
    max_leaves=12,
)


def make(tree: dict[bytes, Any], path: bytes, files: list[bytes]) -> None:
    for name, what in tree.items():
        below = os.path.join(path, name)
        match what:
            case ("file", content, mode, time, attributes):
                Path(os.fsdecode(below)).write_bytes(content)
                for attribute, value in attributes.items():
                    os.setxattr(below, f"user.{attribute}", value)
                os.chmod(below, mode)
                os.utime(below, ns=(time, time))
                files.append(below)
            case ("link", target):
                os.symlink(target, below)
            case ("again", number):
                if files:
                    os.link(files[number % len(files)], below)
            case ("fifo", mode):
                os.mkfifo(below)
                os.chmod(below, mode)
            case ("directory", inner, mode, time):
                os.mkdir(below)
                make(inner, below, files)
                # The user of the tests may be one whom the mode keeps out.
                os.chmod(below, mode | 0o700)
                os.utime(below, ns=(time, time))


def described(root: Path) -> dict[bytes, Any]:
    """All that is to come back of a tree."""
    found: dict[bytes, Any] = {}
    groups: dict[int, bytes] = {}
    base = os.fsencode(root)
    for folder, directories, names in os.walk(base):
        for name in sorted(directories + names):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            attributes = {
                attribute: os.getxattr(path, attribute, follow_symlinks=False)
                for attribute in os.listxattr(path, follow_symlinks=False)
            }
            content: object = None
            if stat.S_ISREG(info.st_mode):
                content = Path(os.fsdecode(path)).read_bytes(), groups.setdefault(info.st_ino, path[len(base) :])
            elif stat.S_ISLNK(info.st_mode):
                content = os.readlink(path)
            mode = None if stat.S_ISLNK(info.st_mode) else info.st_mode
            found[path[len(base) :]] = (mode, info.st_mtime_ns, info.st_uid, info.st_gid, attributes, content)
    return found


@settings(max_examples=40, deadline=None)
@given(tree=TREES)
def test_random_trees_come_back(tree: dict[bytes, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "source"
        root.mkdir()
        make(tree, os.fsencode(root), [])
        before = described(root)
        with Repository.create(MemoryStore(), None) as repository:
            snapshot = repository.snapshot(repository.backup([root]).snapshot)
            for number in range(2):
                target = LocalTarget(f"{folder}/out", RestoreSettings())
                result = restore(snapshot, target)
                assert result.failures == [], number
                # The second restore replaces everything that the first one made.
                assert described(Path(folder) / "out") == before
            assert check(
                repository.reader, repository.files, [(snapshot, "/")], settings=CheckSettings(files=True)
            ).is_whole
        shutil.rmtree(root)


def small_repository() -> dict[str, bytes]:
    store = MemoryStore()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(12):
            path = Path(folder) / f"d{number % 3}" / f"f{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"%d" % number * number)
        os.symlink("d0", f"{folder}/link")
        os.setxattr(f"{folder}/d0/f0", "user.a", b"value")
        with Repository.create(store, None, NewRepository(compression=None)) as repository:
            repository.backup([folder])
    files = {}
    for page in store.list():
        for item in page.items():
            with store.read(item.key) as reader:
                files[item.key] = reader.read()
    return files


FILES = small_repository()


def stored(files: dict[str, bytes]) -> MemoryStore:
    store = MemoryStore()
    for key, data in files.items():
        store.write(key, io.BytesIO(data), len(data))
    return store


def damage(data: bytes, kind: str, place: int, amount: int) -> bytes:
    if not data:
        return data
    place %= len(data)
    if kind == "flip":
        return data[:place] + bytes([data[place] ^ (amount % 255 + 1)]) + data[place + 1 :]
    if kind == "cut":
        return data[:place]
    if kind == "zero":
        return data[:place] + bytes(min(amount, len(data) - place)) + data[place + amount :]
    return data[:place] + data[place : place + amount] + data[place:]


@settings(max_examples=60, deadline=None)
@given(
    damages=st.lists(
        st.tuples(
            st.sampled_from(sorted(FILES)),
            st.sampled_from(["flip", "cut", "zero", "repeat"]),
            st.integers(0, 2**20),
            st.integers(1, 5000),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_damaged_repositories_end_in_errors_of_the_catalogue(damages: list[tuple[str, str, int, int]]) -> None:
    files = dict(FILES)
    for key, kind, place, amount in damages:
        files[key] = damage(files[key], kind, place, amount)
    with contextlib.suppress(PlaitError), Repository.open(stored(files)) as repository:
        snapshots = repository.snapshots()
        result = check(
            repository.reader,
            repository.files,
            [(snapshot, "/") for snapshot in snapshots],
            settings=CheckSettings(files=True),
        )
        changed = files != FILES
        assert not (changed and result.is_whole and snapshots) or _only_locks(files)
        for snapshot in snapshots:
            target = MemoryStore()
            with contextlib.suppress(PlaitError):
                restored = restore(snapshot, StoreTarget(target, RestoreSettings()))
                for page in target.list():
                    for item in page.items():
                        with target.read(item.key) as reader:
                            number = int(item.key.rpartition("f")[2])
                            assert reader.read() == b"%d" % number * number
                        assert item.key not in {failure.path for failure in restored.failures}


def _only_locks(files: dict[str, bytes]) -> bool:
    return all(files[key] == data for key, data in FILES.items() if not key.startswith("locks/"))
