"""Plait and plakar back up into the same repositories, on top of each other's snapshots, and make the same trees."""

from __future__ import annotations

import os
import random
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.repository.format import btrees
from plait.repository.repository import NewRepository, Repository
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.plakar.conftest import Programs

    from plait.repository.snapshots import SnapshotReader

PASSPHRASE = b"correct horse battery staple"
KINDS = {
    "default": (PASSPHRASE, NewRepository()),
    "plain": (None, NewRepository()),
    "sha256-nocompress": (None, NewRepository(hashing="SHA256", compression=None)),
    "gzip": (None, NewRepository(compression="GZIP")),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pick = random.Random(3)
    root = tmp_path / "source"
    contents = {
        "docs/a.txt": b"hello\n",
        "docs/empty": b"",
        "docs/page.html": b"<html><body>x</body></html>",
        "docs/data.json": b'{"a": [1, 2]}',
        "docs/table.csv": b"a,b\n1,2\n",
        "docs/latin": "caf\u00e9\n".encode("latin-1"),
        "bin/random": pick.randbytes(3_000_000),
        "bin/zeros": bytes(9_000_001),
        "bin/small": bytes(range(256)),
        "bin/script": b"#!/bin/sh\necho\n",
    }
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for number in range(150):
        (root / "wide" / f"n{number}").parent.mkdir(exist_ok=True)
        (root / "wide" / f"n{number}").write_text(f"number {number % 40}\n")
    (root / "docs" / "link").symlink_to("a.txt")
    os.link(root / "bin" / "small", root / "docs" / "hard")
    os.mkfifo(root / "bin" / "pipe")
    (root / "bin" / "script").chmod(0o4755)
    (root / "nothing").mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).write_text("odd")
    os.setxattr(root / "docs" / "a.txt", "user.note", b"value")
    os.setxattr(root / "docs", "user.on-directory", b"v" * 300)
    os.utime(root / "docs" / "empty", ns=(0, -1))
    return root


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    passphrase, settings = KINDS[request.param]
    with closing(LocalStore(tmp_path / "repository")) as store:
        Repository.create(store, passphrase, settings).close()
    return tmp_path / "repository"


def opened(place: Path) -> Repository:
    return Repository.open(LocalStore(place), PASSPHRASE, cache=place.parent / "cache")


def trees(snapshot: SnapshotReader, root: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What each tree holds at and below a directory; what is above it changes by itself."""
    source = snapshot.source
    found = {"vfs": (btrees.VFS, source.root.root), "xattrs": (btrees.XATTRS, source.root.xattrs)}
    for index in source.indexes or ():
        found[index.name] = (btrees.CONTENT_TYPES if index.name == "content-type" else btrees.INDEX, index.value)
    for name, (kind, descriptor) in found.items():
        items = snapshot.repository.items(kind, descriptor)
        yield name, {key: value for key, value in items if f"{root}" in key}


def test_both_make_the_same_trees(programs: Programs, place: Path, source: Path) -> None:
    programs.plakar("at", str(place), "backup", str(source))
    with opened(place) as repository:
        (theirs,) = repository.snapshots()
        ours = repository.snapshot(repository.backup([source]).snapshot)
        assert dict(trees(ours, source)) == dict(trees(theirs, source))
        assert ours.source.importer == theirs.source.importer


@pytest.mark.parametrize("place", ["default", "plain"], indirect=True)
def test_each_goes_on_from_the_other(programs: Programs, place: Path, source: Path) -> None:
    with opened(place) as repository:
        for number in range(3):
            (source / "docs" / "a.txt").write_text(f"ours {number}")
            (source / f"new{number}").write_text("new")
            repository.backup([source])
            programs.plakar("at", str(place), "check")
            (source / "docs" / "data.json").write_text(f"[{number}]")
            os.setxattr(source / "docs" / "page.html", "user.one", b"%d" % number)
            programs.plakar("at", str(place), "backup", str(source))
            repository.refresh()
            for snapshot in repository.snapshots():
                for entry in snapshot.walk():
                    if entry.has_content:
                        b"".join(snapshot.content(entry))
        newest = repository.backup([source]).snapshot
    done = programs.plakar("at", str(place), "check")
    assert "without errors" in done.out
    out = source.parent / "out"
    programs.plakar("at", str(place), "restore", "-to", str(out), newest.hex()[:12])
    for path in source.rglob("*"):
        # (The original loses all but one name of a hard link, and named pipes.)
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            assert (out / path.relative_to(source)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("place", ["plain"], indirect=True)
def test_the_original_maintains_what_plait_wrote_and_removed(programs: Programs, place: Path, source: Path) -> None:
    programs.environment["PLAKAR_GRACEPERIOD"] = "0s"
    with opened(place) as repository:
        first = repository.backup([source]).snapshot
        (source / "bin" / "random").write_bytes(random.Random(9).randbytes(2_000_000))
        repository.backup([source])
        repository.remove([first])
    assert first.hex()[:8] not in programs.plakar("at", str(place), "ls").out
    for _ in range(3):
        programs.plakar("at", str(place), "maintenance")
        # It leaves its lock behind now and then, which would stand in everybody's way for ten minutes.
        for lock in (place / "locks").iterdir():
            lock.unlink()
    assert "without errors" in programs.plakar("at", str(place), "check").out
    with opened(place) as repository:
        (left,) = repository.snapshots()
        for entry in left.walk():
            if entry.has_content:
                b"".join(left.content(entry))
        repository.backup([source])
