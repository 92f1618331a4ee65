"""Buckets with keys that few trees can hold, mirrored down, up and to another bucket.

No server on a file system holds them all, so one that keeps its objects in memory stands in; where the real rclone has
an answer, Plait's front is compared with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plait.testing.s3_memory import MemoryS3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_PATHS = ("a//b", "./x", "../y", "/x", "..", "a/../b", "a/./b", "x/..", "//", "full/")
"""Keys that would be no path below a directory, or that have content where a directory stands."""
CLASHES = ("pre", "pre/fix")
TOO_LONG = ("L" * 1024, f"deep/{'d' * 300}/f")
FINE = (
    *("plain", "ctl\x01c", "nl\nx", "tab\tt", "Case", "case", "trail./t", "sp /y ", " lead", "back\\slash", "\x7fdel"),
    *("\u2400pic", 'q?*<>|:"', "per%2Fcent", "plus+ &", "n" * 255, "emoji\U0001f600", "quo\u201b", "\ufffd", "e\u0301"),
)
TWIN = "\u00e9"
"""Equal to the last of `FINE` after normalisation."""
ALL = (*NO_PATHS, *CLASHES, *TOO_LONG, *FINE, TWIN)


def content(key: str) -> bytes:
    return b"<" + key.encode() + b">"


class Ground:
    """The server, and the two programs that know it as `m:`."""

    def __init__(self, server: MemoryS3, base: Path, rclone: Path) -> None:
        self.server = server
        options = {"TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}
        options |= {"ENDPOINT": server.url, "FORCE_PATH_STYLE": "true"}
        remote = {f"RCLONE_CONFIG_M_{name}": value for name, value in options.items()}
        self._environment = {**os.environ, **remote, "PLAIT_STATE_DIR": str(base / "state")}
        plait = [sys.executable, "-m", "plait"]
        self._programs = {"plait": plait, "front": [*plait, "rclone"], "rclone": [str(rclone), "--config", ""]}

    def run(self, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [*self._programs[program], *map(str, words)]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, errors="surrogateescape", check=False
        )


@pytest.fixture
def ground(tmp_path: Path, rclone: Path) -> Iterator[Ground]:
    server = MemoryS3()
    server.put("odd", {key: content(key) for key in ALL})
    server.put("empty", {})
    yield Ground(server, tmp_path, rclone)
    server.close()


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("program", ["plait", "front"])
def test_down_what_cannot_be_is_told_by_name_and_nothing_escapes(ground: Ground, tmp_path: Path, program: str) -> None:
    destination = tmp_path / "out/destination"
    done = ground.run(program, "sync", "--retries=1", "m:odd", destination)
    assert done.returncode == 1
    found = files(tmp_path / "out")
    assert all(path.startswith("destination/") for path in found)
    kept = {path.removeprefix("destination/"): data for path, data in found.items()}
    for path, data in kept.items():
        assert data == content(path)
    assert set(FINE) <= set(kept)
    assert len(set(CLASHES) & set(kept)) == 1
    assert set(kept) <= {*FINE, *CLASHES}
    errors = [line.partition("ERROR : ")[2] for line in done.stderr.splitlines() if "ERROR : " in line]
    dots = str.maketrans({".": "\uff0e"}) if program == "front" else {}
    for key in (*NO_PATHS, *TOO_LONG):
        shown = "/".join(part.translate(dots) if part in {".", ".."} else part for part in key.split("/"))
        assert any(line.startswith(f"{shown}: ") for line in errors), key
    assert f"{len(NO_PATHS) + len(TOO_LONG) + 1} errors" in done.stderr


@pytest.mark.parametrize("program", ["plait", "front"])
def test_up_again_every_name_is_what_it_was(ground: Ground, tmp_path: Path, program: str) -> None:
    ground.run(program, "sync", "--retries=1", "m:odd", tmp_path / "there")
    assert ground.run(program, "sync", tmp_path / "there", "m:empty").returncode == 0
    held = ground.server.contents("empty")
    assert set(FINE) <= set(held)
    assert all(data == content(key) for key, data in held.items())


@pytest.mark.parametrize("program", ["plait", "front"])
def test_from_bucket_to_bucket_every_key_is_exact(ground: Ground, program: str) -> None:
    ground.server.put("empty", {"gone//x": b"", "../gone": b"", "old/": b""})
    done = ground.run(program, "sync", "m:odd", "m:empty")
    assert done.returncode == 0, done.stderr
    assert "\u00e9: Duplicate object found in source - ignoring" in done.stderr
    # As with rclone, what stands for an empty directory is no file to delete.
    assert ground.server.contents("empty").pop("old/") == b""
    del ground.server.buckets["empty"]["old/"]
    assert ground.server.contents("empty") == {key: content(key) for key in ALL if key != TWIN}
    again = ground.run(program, "sync", "--no-unicode-normalization", "-v", "m:odd", "m:empty")
    assert ground.server.contents("empty") == ground.server.contents("odd"), again.stderr
    checked = ground.run(program, "check", "--no-unicode-normalization", "m:odd", "m:empty")
    assert checked.returncode == 0, checked.stderr


def test_rclone_agrees_wherever_it_can_hold_a_key(ground: Ground) -> None:
    ground.run("front", "sync", "m:odd", "m:empty")
    ours = ground.server.contents("empty")
    ground.server.put("theirs", {})
    ground.run("rclone", "sync", "--retries=1", "m:odd", "m:theirs")
    theirs = ground.server.contents("theirs")
    assert len(theirs) > len(FINE)
    assert {key: ours.get(key) for key in theirs} == theirs
