"""A mirror that is killed at any moment leaves old or new files, never a mixture, and the next run finishes the job."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.testing.mirrors import EPOCH, File, Tree, harvest, plant

KILLS = 12
FILES = 400
PATIENCE = 60.0


def content(version: int, number: int) -> bytes:
    return b"%d/%d " % (version, number) * (2000 if number % 10 == 0 else 3)


def versions() -> tuple[Tree, Tree]:
    """A tree before and after: files that change, come and go, and one large one."""
    old: Tree = {f"d{n % 7}/f{n}": File(content(1, n), EPOCH) for n in range(FILES) if n % 5 != 0}
    new: Tree = {f"d{n % 7}/f{n}": File(content(2, n), EPOCH + 1) for n in range(FILES) if n % 7 != 0}
    old["large"], new["large"] = File(b"1" * 30_000_000, EPOCH), File(b"2" * 40_000_000, EPOCH + 1)
    return old, new


def changes(root: Path, old: Tree) -> int:
    """How many files of the destination are no longer what they were; a measure of how far a run has come."""
    return sum(1 for path, entry in old.items() if entry is not None and modified(root / path) != entry.modified)


def modified(path: Path) -> int | None:
    """A file's time; None where there is none, or none any more."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


@pytest.mark.parametrize("flags", [[], ["--backup-dir=BACKUP"], ["--delete-before"]])
def test_killed_at_any_moment(tmp_path: Path, flags: list[str]) -> None:
    old, new = versions()
    source, destination = tmp_path / "source", tmp_path / "dest"
    plant(source, new)
    plant(destination, old)
    flags = [flag.replace("BACKUP", str(tmp_path / "backup")) for flag in flags]
    command = [sys.executable, "-m", "plait", "sync", "--no-record", str(source), str(destination), *flags]
    moments = random.Random(7)
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            wanted = changes(destination, old) + moments.randrange(1, FILES // KILLS * 3)
            until = time.monotonic() + PATIENCE
            while run.poll() is None and changes(destination, old) < wanted and time.monotonic() < until:
                pass
            run.send_signal(signal.SIGKILL)
        kept = harvest(tmp_path / "backup")
        for path, entry in harvest(destination).items():
            if entry is not None and ".partial" not in path:
                assert entry in (old.get(path), new.get(path)), path
        if "--backup-dir" in str(flags):
            there = harvest(destination)
            assert all(old[path] in (there.get(path), kept.get(path)) for path in old)
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert not list(destination.rglob("*.partial"))
    assert harvest(destination) == {**{path.rpartition("/")[0]: None for path in new if "/" in path}, **new}


def test_what_a_killed_copy_left_over_is_removed(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "dest"
    plant(source, {"large": File(b"2" * 60_000_000)})
    command = [
        sys.executable,
        "-m",
        "plait",
        "copy",
        "--no-record",
        "--multi-thread-streams=0",
        str(source),
        str(destination),
    ]
    left = False
    for _ in range(20):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and not list(destination.glob("*.partial")):
                pass
            run.send_signal(signal.SIGKILL)
        left = bool(list(destination.glob("*.partial")))
        if left:
            break
        (destination / "large").unlink(missing_ok=True)
    assert left
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert harvest(destination) == harvest(source)
