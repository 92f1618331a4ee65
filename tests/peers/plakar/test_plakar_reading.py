"""Plait reads what plakar wrote: the same snapshots are chosen, and more of them comes back than plakar brings back."""

from __future__ import annotations

import os
import random
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.plakar.conftest import Programs

DAYS = ["2025-12-31", "2026-01-01", "2026-01-04", "2026-01-05", "2026-02-28", "2026-03-01", "2026-03-02"]
CHOICES = [
    "",
    "-name two",
    "-name Two",
    "-tag a",
    "-tag a,b",
    "-tag b,!a",
    "-tag a -tag b",
    "-category c",
    "-environment e",
    "-perimeter p",
    "-job j",
    "-before 2026-01-04",
    "-since 2026-01-04",
    "-since 2026-01-04T01:00:00Z -before '2026-02-28 02:00'",
    "-since 2026/01/05",
    "-latest",
    "-latest -tag a",
    "-type fs",
    "-type s3",
    "-root ROOT/one",
    "-root ROOT/one/",
    "-per-month 1",
    "-per-year 1",
    "-per-week 1",
    "-per-day 1",
    "-per-hour 1",
    "-per-minute 1",
    "-per-sunday 1",
    "-per-monday 2",
    "-years 3 -per-year 2",
    "-months 500 -per-month 1",
    "-days -1",
    "-group-by tag -per-year 1",
    "-group-by root -per-month 1",
    "-group-by name -per-year 1 -tag a",
    "-group-by x",
    "-since 2026-01-04T01:00",
    "-since yesterday",
    "-before '1 fortnights'",
    "-since 20y",
    "-tags -tag a",
    "-uuid -latest",
]


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    found = []
    for name in ("one", "two"):
        root = tmp_path / name
        (root / "docs").mkdir(parents=True)
        (root / "docs/a.txt").write_text(f"{name}\n")
        found.append(root)
    return found


def test_the_same_snapshots_are_chosen(programs: Programs, sources: list[Path], tmp_path: Path) -> None:
    programs.plakar("at", "repository", "create", "-plaintext")
    pick = random.Random(7)
    for number, day in enumerate(DAYS):
        words = ["-force-timestamp", f"{day}T0{number}:30:00Z"]
        words += ["-tag", pick.choice(["a", "b", "a,b", "c"])]
        if number % 2:
            words += ["-name", "two", "-category", "c", "-job", "j"]
        if number % 3 == 0:
            words += ["-environment", "e", "-perimeter", "p"]
        programs.plakar("at", "repository", "backup", *words, str(sources[number % 2]))
    differing = {}
    for choice in CHOICES:
        words = [word.strip("'").replace("ROOT", str(tmp_path)) for word in re.findall(r"'[^']*'|\S+", choice)]
        theirs = programs.plakar("at", "repository", "ls", *words, status=None)
        ours = programs.front("at", "repository", "ls", *words, status=None)
        if (theirs.status, theirs.out) != (ours.status, ours.out):
            differing[choice] = theirs, ours
    assert not differing
    # As documented, and not as the original does: any of several.
    either = programs.front("at", "repository", "ls", "-root", f"{sources[0]},{sources[1]}")
    assert either.out == programs.plakar("at", "repository", "ls").out


def described(root: Path) -> dict[str, Any]:
    found = {}
    groups: dict[int, str] = {}
    for path in sorted(root.rglob("*")):
        info = path.lstat()
        name = str(path.relative_to(root))
        names = os.listxattr(path, follow_symlinks=False)
        attributes = {attribute: os.getxattr(path, attribute, follow_symlinks=False) for attribute in names}
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes(), groups.setdefault(info.st_ino, name)
        mode = None if path.is_symlink() else info.st_mode
        found[name] = mode, info.st_mtime_ns, info.st_uid, info.st_gid, attributes, content
    return found


def test_all_that_plakar_saved_comes_back(programs: Programs, tmp_path: Path) -> None:
    root = tmp_path / "source"
    (root / "docs/deep").mkdir(parents=True)
    pick = random.Random(2)
    (root / "big").write_bytes(pick.randbytes(4_000_000) + bytes(3_000_000))
    for number in range(130):
        (root / f"docs/n{number}").write_bytes(pick.randbytes(number * 7))
    (root / "docs/link").symlink_to("n1")
    (root / "docs/nowhere").symlink_to("no/such/file")
    os.link(root / "docs/n2", root / "docs/deep/again")
    os.link(root / "docs/n2", root / "third")
    os.mkfifo(root / "pipe", 0o640)
    os.setxattr(root / "docs/n3", "user.note", b"value")
    os.setxattr(root / "docs", "user.folder", b"v" * 500)
    (root / "docs/n4").chmod(0o4711)
    if os.geteuid() == 0:
        os.chown(root / "docs/n5", 1234, 5678)
        os.chown(root / "docs/deep", 77, 88)
    for number, path in enumerate(sorted(root.rglob("*"))):
        if not path.is_symlink():
            os.utime(path, ns=(0, 1_600_000_000_000_000_000 + number * 1_000_000_007))
    before = described(root)
    programs.plakar("at", "repository", "create", "-plaintext")
    programs.plakar("at", "repository", "backup", str(root))
    programs.front("at", "repository", "restore", "-to", "out")
    assert described(tmp_path / "out") == before
    programs.front("at", "repository", "check")
    for words in (
        ("ls", "-recursive", ":/"),
        ("digest", ":docs/n1"),
        ("locate", "n1*"),
        ("cat", ":docs/n7", ":docs/n9"),
    ):
        assert programs.front("at", "repository", *words).out == programs.plakar("at", "repository", *words).out
