"""Mirrors to, from and within S3, by the real rclone and by Plait side by side."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plait.testing.mirrors import EPOCH, File, Tree, harvest, plant
from plait.testing.servers import S3Endpoint

SECOND = 1_000_000_000
PROGRAMS = ("rclone", "plait")


def f(content: bytes = b"x", modified: int = EPOCH) -> File:
    return File(content, modified)


OLD: Tree = {
    "same": f(b"same"),
    "differs": f(b"old"),
    "time": f(b"t"),
    "size": f(b"s"),
    "extra": f(),
    "d/extra": f(),
    "d/same": f(b"same", EPOCH + 1),
    "gone/a": f(),
}
NEW: Tree = {
    "same": f(b"same"),
    "differs": f(b"new", EPOCH + 5),
    "time": f(b"t", EPOCH + SECOND + 1),
    "size": f(b"ss"),
    "new": f(b"n", EPOCH - 7),
    "d/same": f(b"same", EPOCH + 1),
    "d/e/large": f(b"0123456789abcdef" * 400_000, EPOCH + 2),
    "sp ace/\u00fc+%&?#.txt": f(),
    "empty": f(b""),
    "nothing/in/here": None,
}


class Peers:
    """Both programs, each with a directory and a prefix of its own in one bucket."""

    def __init__(self, base: Path, rclone: Path, endpoint: S3Endpoint, bucket: str) -> None:
        self.base = base
        self.bucket = bucket
        self._environment = {**os.environ, **endpoint.rclone_environment("s")}
        self._programs = {"rclone": [str(rclone)], "plait": [sys.executable, "-m", "plait", "rclone"]}

    def run(self, name: str, verb: str, *words: str) -> int:
        """Runs a command; LOCAL stands for the program's directory, S3 for its prefix."""
        places = {"LOCAL": str(self.base / name), "S3": f"s:{self.bucket}/{name}"}
        command = [*self._programs[name], "--config", "", verb]
        for word in words:
            for place, path in places.items():
                word = word.replace(place, path)  # noqa: PLW2901  (two places)
            command.append(word)
        return subprocess.run(command, env=self._environment, capture_output=True, check=False).returncode

    def objects(self, name: str) -> list[str]:
        """Path, size, time and MD5 of what lies below the program's prefix, as rclone sees it."""
        command = [*self._programs["rclone"], "--config", "", "lsf", "-R", "--files-only", "--format", "psth"]
        place = f"s:{self.bucket}/{name}"
        answer = subprocess.run([*command, place], env=self._environment, capture_output=True, text=True, check=False)
        return sorted(answer.stdout.splitlines())

    def both(self, verb: str, *words: str, code: int = 0) -> None:
        """Runs the command with both, and compares objects and files afterwards."""
        assert {name: self.run(name, verb, *words) for name in PROGRAMS} == dict.fromkeys(PROGRAMS, code)
        assert self.objects("plait") == self.objects("rclone")
        assert harvest(self.base / "plait") == harvest(self.base / "rclone")


@pytest.fixture
def peers(tmp_path: Path, rclone: Path, seaweedfs: S3Endpoint, bucket: str) -> Peers:
    made = Peers(tmp_path, rclone, seaweedfs, bucket)
    for name in PROGRAMS:
        plant(tmp_path / name / "old", OLD)
        plant(tmp_path / name / "new", NEW)
    return made


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--checksum",),
        ("--size-only", "--delete-before"),
        ("--update", "--no-update-modtime"),
        ("--backup-dir", "S3/kept", "--suffix", ".old"),
        ("--suffix", ".old", "--exclude", "*.old"),
        ("--include", "d/**", "--delete-excluded"),
        ("--dry-run",),
    ],
)
def test_up(peers: Peers, flags: tuple[str, ...]) -> None:
    peers.both("sync", "LOCAL/old", "S3/dest")
    peers.both("sync", "LOCAL/new", "S3/dest", *flags)


@pytest.mark.parametrize(
    "flags", [(), ("--checksum",), ("--ignore-times", "--inplace"), ("--backup-dir", "LOCAL/kept")]
)
def test_down(peers: Peers, flags: tuple[str, ...]) -> None:
    peers.both("sync", "LOCAL/new", "S3/source")
    peers.both("sync", "S3/source", "LOCAL/old", *flags)
    assert peers.run("rclone", "check", "S3/source", "LOCAL/old") == 0


def test_on_the_server(peers: Peers) -> None:
    peers.both("sync", "LOCAL/old", "S3/a")
    peers.both("sync", "LOCAL/new", "S3/b")
    peers.both("sync", "S3/b", "S3/a")
    peers.both("copy", "S3/a", "S3/c/d", "--max-depth", "1")
    peers.both("move", "S3/a", "S3/e")
    peers.both("check", "S3/e", "S3/b")
    peers.both("check", "S3/e", "S3/c/d", code=1)


def test_places(peers: Peers) -> None:
    peers.both("sync", "LOCAL/new", "S3/a")
    peers.both("sync", "S3/a", "S3/a/b", code=7)
    peers.both("sync", "S3/a", "S3", code=7)
    peers.both("copy", "S3/a/same", "LOCAL/file")
    peers.both("copy", "LOCAL/new/same", "S3/file")
    peers.both("move", "LOCAL/new", "S3/moved", "--delete-empty-src-dirs")
    peers.both("sync", "s:no-such-bucket/x", "LOCAL/old", code=3)
    peers.both("sync", "S3/no/such/prefix", "LOCAL/nothing")


def test_links_travel_as_text(peers: Peers) -> None:
    for name in PROGRAMS:
        plant(peers.base / name / "links", {"l": File(b"", EPOCH, "to/there"), "f": f()})
    peers.both("sync", "LOCAL/links", "S3/links", "--links")
    peers.both("sync", "S3/links", "LOCAL/back", "--links")
    assert harvest(peers.base / "plait" / "back")["l"] == File(b"", EPOCH, "to/there")


def test_metadata_makes_the_round_trip(peers: Peers) -> None:
    for name in PROGRAMS:
        (peers.base / name / "new" / "same").chmod(0o640)
    peers.both("sync", "LOCAL/new", "S3/meta", "--metadata")
    peers.both("sync", "S3/meta", "LOCAL/back", "--metadata")
    for name in PROGRAMS:
        assert (peers.base / name / "back" / "same").stat().st_mode & 0o777 == 0o640
