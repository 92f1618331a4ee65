"""Upkeep by Plait and the original in turn: one colours, the other sweeps; both find the same, whole."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.plakar.conftest import Programs

LINES = """
prune
prune -days 1
prune -per-day 1
prune -per-year 1 -group-by root
prune -years 3 -per-month 1 -tag beta
prune -tag alpha
prune -name nosuch
prune -group-by name
prune -policy nosuch
prune -days x
maintenance extra words
repair
repair extra
policy
policy nosuch
policy add
policy add p nokey
policy add p days=x
policy add p days=-1
policy add p foo=1
policy add p since=foo
policy add p latest=maybe
policy rm
policy rm nosuch
policy set
policy set nosuch a=b
policy show nosuch
policy unset nosuch k
"""


@pytest.mark.parametrize("line", LINES.split("\n")[1:-1])
def test_a_command_line(line: str, programs: Programs) -> None:
    programs.unpack("removed")
    shutil.copytree(programs.directory / "removed", programs.directory / "kept")
    theirs = programs.plakar("at", "removed", *line.split(), status=None)
    shutil.rmtree(programs.directory / "removed")
    shutil.move(programs.directory / "kept", programs.directory / "removed")
    ours = programs.front("at", "removed", *line.split(), status=None)
    if " -days x" in line:
        assert (ours.status, ours.err.splitlines()[0]) == (theirs.status, theirs.err.splitlines()[0])
    else:
        assert ours == theirs


def test_policies_are_written_as_the_original_writes_them(programs: Programs) -> None:
    lines = (
        "add p1 days=1 per-day=1",
        "add p2 since=2026-01-02 tags=k,x roots=/a,/b",
        "add p4",
        "set p4 weeks=4 per-monday=2 latest=true name=yes",
        "set p4 weeks=0",
        "add p5 job=1 ids=ab,cd",
        "rm p1",
        "unset p2 roots nosuch",
        "add 1 hours=3",
    )
    for line in lines:
        programs.plakar("-configdir", "theirs", "policy", *line.split())
        programs.front("-configdir", "ours", "policy", *line.split())
    theirs, ours = (programs.directory / name / "policies.yml" for name in ("theirs", "ours"))
    assert ours.read_text() == theirs.read_text()
    for name in ("p2", "p4", "p5", "1"):
        for style in ("-json", "-yaml"):
            shown = programs.plakar("-configdir", "ours", "policy", "show", style, name)
            assert programs.front("-configdir", "ours", "policy", "show", style, name) == shown


def test_the_original_takes_a_policy_that_is_relative(programs: Programs) -> None:
    programs.unpack("plain")
    programs.plait("policy", "--configdir", "c", "add", "rel", "since=3 years", "per-year=1")
    theirs = programs.plakar("-configdir", "c", "at", "plain", "prune", "-policy", "rel")
    assert programs.front("-configdir", "c", "at", "plain", "prune", "-policy", "rel") == theirs


def unlocked(repository: Path) -> None:
    """The original leaves its locks behind now and then; ten minutes later they count no more."""
    for lock in (repository / "locks").iterdir():
        lock.unlink()


class Life:
    """A repository on which the two programs work in turn."""

    def __init__(self, programs: Programs, seed: int) -> None:
        self.programs = programs
        self.pick = random.Random(seed)
        self.source = programs.directory / "source"
        self.repository = programs.directory / "repository"
        self.source.mkdir()
        self.run("create", "-plaintext")

    def run(self, *words: str, status: int | None = 0) -> str:
        """One of the two does something."""
        program = self.pick.choice([self.programs.plakar, self.programs.front])
        done = program("at", "repository", *words, status=status)
        unlocked(self.repository)
        return done.out

    def change(self) -> None:
        for _ in range(4):
            path = self.source / f"d{self.pick.randrange(3)}" / f"f{self.pick.randrange(6)}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.pick.randbytes(self.pick.choice([0, 10, 200_000])))

    def snapshots(self) -> list[str]:
        return [line.split()[1] for line in self.programs.front("at", "repository", "ls").out.splitlines()]

    def step(self) -> None:
        match self.pick.randrange(6):
            case 0 | 1:
                self.change()
                self.run("backup", str(self.source))
            case 2:
                listed = self.snapshots()
                if len(listed) > 1:
                    self.run("rm", "-apply", self.pick.choice(listed))
            case 3 | 4:
                self.run("maintenance")
            case 5:
                words = self.pick.choice([("repack",), ("maintenance", "--repack", "--no-grace")])
                self.programs.plait("at", "repository", *words, "--threshold", "100%")
                unlocked(self.repository)
        self.verify()

    def verify(self) -> None:
        """Both list the same, and find it whole."""
        theirs, ours = (program("at", "repository", "ls") for program in (self.programs.plakar, self.programs.front))
        assert ours == theirs
        self.programs.plakar("at", "repository", "check")

    def end(self) -> None:
        """Both restore equal."""
        self.verify()
        self.programs.front("at", "repository", "check")
        for name in self.snapshots()[:2]:
            for out, program in (("theirs", self.programs.plakar), ("ours", self.programs.front)):
                shutil.rmtree(self.programs.directory / out, ignore_errors=True)
                program("at", "repository", "restore", "-to", out, name)
            assert _tree(self.programs.directory / "ours") == _tree(self.programs.directory / "theirs")


def _tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_life_with_both(programs: Programs, seed: int) -> None:
    programs.environment["PLAKAR_GRACEPERIOD"] = "0s"
    life = Life(programs, seed)
    life.change()
    life.run("backup", str(life.source))
    for _ in range(8):
        life.step()
    # A machine that has never seen the repository sees the same.
    shutil.rmtree(programs.directory / "home/.cache")
    programs.plakar("-disable-security-check")
    life.end()


@pytest.mark.parametrize("first", ["plakar", "front"])
def test_one_colours_and_the_other_sweeps(programs: Programs, first: str) -> None:
    repository, source = programs.directory / "r", programs.directory / "source"
    source.mkdir()
    programs.plakar("at", "r", "create", "-plaintext")
    for number in range(3):
        (source / "file").write_bytes(random.Random(number).randbytes(100_000))
        programs.plakar("at", "r", "backup", str(source))
    order = [programs.plakar, programs.front] if first == "plakar" else [programs.front, programs.plakar]
    programs.environment["PLAKAR_GRACEPERIOD"] = "1ms"
    programs.plakar("at", "r", "rm", "-apply", "-latest")
    unlocked(repository)
    before = len(list((repository / "packfiles").rglob("*/*")))
    coloured = order[0]("at", "r", "maintenance").out
    unlocked(repository)
    shutil.rmtree(programs.directory / "home/.cache", ignore_errors=True)
    programs.plakar("-disable-security-check")
    swept = order[1]("at", "r", "maintenance").out
    unlocked(repository)
    count = int(coloured.split()[2])
    assert count
    assert swept.splitlines()[-1] == f"maintenance: 0 blobs and {count} packfiles were removed"
    assert len(list((repository / "packfiles").rglob("*/*"))) == before - count
    for program in order:
        program("at", "r", "check")


def test_a_repaired_repository_is_whole_for_the_original(programs: Programs) -> None:
    repository = programs.unpack("plain")
    unlocked(repository)
    largest = max((repository / "packfiles").rglob("*"), key=lambda path: path.stat().st_size)
    programs.plait("at", "helper", "create", "--plaintext")
    programs.plait("at", "plain", "sync", "to", "helper")
    with largest.open("r+b") as file:
        file.seek(300_000)
        file.write(b"damaged")
    state = min((repository / "states").rglob("*/*"))
    state.write_bytes(b"damaged")
    shutil.rmtree(programs.directory / "home/.cache", ignore_errors=True)
    programs.plait("at", "plain", "repair", "--apply", "--from", "helper")
    unlocked(repository)
    for _ in range(2):
        programs.plakar("at", "plain", "check")
        programs.environment["PLAKAR_GRACEPERIOD"] = "0s"
        programs.plakar("at", "plain", "maintenance")
        unlocked(repository)
        shutil.rmtree(programs.directory / "home/.cache", ignore_errors=True)
    programs.front("at", "plain", "check")


def test_a_lock_of_the_other_keeps_both_out(programs: Programs) -> None:
    repository = programs.unpack("plain")
    unlocked(repository)
    programs.plakar("at", "plain", "backup", str(programs.directory / "home"))
    lock = next((repository / "locks").iterdir(), None)
    if lock is not None:
        # Of a snapshot that is committed: it protects nothing, and Plait passes over it.
        programs.front("at", "plain", "maintenance")
