"""Looking into a repository: statistics, and reading through a mount; Plait and restic in turn, encrypted.

    python -m bench.looking [--rounds N] [--files N]

The tree has small files and a quarter of a gigabyte of large ones, in five snapshots. Statistics run as whole
processes, so that the derivation of the key is part of each run. What is read through the mounts is timed here; the
CPU time is that of the process that serves the mount.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.measure import Competitor, compete, run, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PASSPHRASE = "correct horse battery staple"
ENVIRONMENT = {"PLAKAR_PASSPHRASE": PASSPHRASE, "RESTIC_PASSWORD": PASSPHRASE}
PLAIT = (sys.executable, "-m", "plait")
SNAPSHOTS = 5
LARGE = 8
_SECONDS = 60.0


class Mounted(NamedTuple):
    """A mount: who serves it, and where the tree is in it."""

    name: str
    process: subprocess.Popen[bytes]
    tree: Path


def lay(folder: Path, files: int) -> Path:
    """The tree, saved by both programs after each of a few changes."""
    tree = folder / "tree"
    noise = random.Random(1)
    for number in range(files):
        path = tree / str(number % 200) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(noise.randrange(500, 8000)))
    for number in range(LARGE):
        (tree / f"large{number}").write_bytes(noise.randbytes(32 << 20))
    environment = {**os.environ, **ENVIRONMENT}
    run((*PLAIT, "at", folder / "plait", "create"), environment)
    run(("restic", "-r", folder / "restic", "init", "-q"), environment)
    for number in range(SNAPSHOTS):
        run((*PLAIT, "at", folder / "plait", "backup", "--quiet", tree), environment)
        run(("restic", "-r", folder / "restic", "backup", "-q", tree), environment)
        for one in range(files // 60):
            (tree / str(one % 200) / f"new{number}-{one}").write_bytes(noise.randbytes(3000))
    return tree


@contextlib.contextmanager
def mounted(folder: Path, tree: Path) -> Iterator[list[Mounted]]:
    """Both repositories, mounted."""
    found: list[Mounted] = []
    commands: list[tuple[str, Sequence[str | Path], str]] = [
        ("plait", (*PLAIT, "at", folder / "plait", "mount", "--latest", "--to", folder / "plait-mount"), f"*{tree}"),
        ("restic", ("restic", "-r", folder / "restic", "mount", folder / "restic-mount"), f"snapshots/latest{tree}"),
    ]
    try:
        for name, command, pattern in commands:
            place = folder / f"{name}-mount"
            place.mkdir()
            process = subprocess.Popen(
                command, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            found.append(Mounted(name, process, _appeared(place, pattern)))
        yield found
    finally:
        for one in found:
            # restic unmounts for this one only.
            one.process.send_signal(signal.SIGINT)
            one.process.wait(_SECONDS)


def _appeared(place: Path, pattern: str) -> Path:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        trees = list(place.glob(pattern))
        if trees:
            return trees[0]
        time.sleep(0.1)
    message = f"nothing was mounted at {place}"
    raise RuntimeError(message)


def read_large(tree: Path) -> None:
    """Reads the large files."""
    for number in range(LARGE):
        with (tree / f"large{number}").open("rb") as file:
            while file.read(1 << 20):
                pass


def read_small(tree: Path) -> None:
    """Reads the small files."""
    for directory in sorted(path for path in tree.iterdir() if path.is_dir()):
        for path in sorted(directory.iterdir()):
            path.read_bytes()


def list_all(tree: Path) -> None:
    """Looks at every file."""
    for path in tree.rglob("*"):
        path.stat()


def _cpu(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def through(mounts: Sequence[Mounted], title: str, work: Callable[[Path], None], rounds: int) -> str:
    """A Markdown table of reading through mounts, in turn."""
    walls: dict[str, list[float]] = {one.name: [] for one in mounts}
    costs: dict[str, list[float]] = {one.name: [] for one in mounts}
    for _ in range(rounds):
        for one in mounts:
            cpu, began = _cpu(one.process), time.monotonic()
            work(one.tree)
            walls[one.name].append(time.monotonic() - began)
            costs[one.name].append(_cpu(one.process) - cpu)
    lines = [f"**{title}**", "", "| program | wall s (min-max) | CPU s of the mount |", "|---|---|---|"]
    for name, taken in walls.items():
        wall, cost = statistics.median(taken), statistics.median(costs[name])
        lines.append(f"| {name} | {wall:.2f} ({min(taken):.2f}-{max(taken):.2f}) | {cost:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Lays the ground, and prints a table for each kind of looking."""
    parser = argparse.ArgumentParser(description="Plait and restic look into repositories in turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=20_000)
    arguments = parser.parse_args()
    if shutil.which("restic") is None:
        parser.error("restic is not installed")
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as place:
        folder = Path(place)
        tree = lay(folder, arguments.files)
        competitors = [
            Competitor("plait", lambda _: (*PLAIT, "at", folder / "plait", "stats"), environment=ENVIRONMENT),
            Competitor(
                "restic (totals only)",
                lambda _: ("restic", "-q", "-r", folder / "restic", "stats", "--mode", "raw-data"),
                environment=ENVIRONMENT,
            ),
        ]
        print(table("statistics of five snapshots", compete(competitors, arguments.rounds)), flush=True)
        with mounted(folder, tree) as mounts:
            for title, work in (
                ("reading large files", read_large),
                ("reading small files", read_small),
                ("looking at every file", list_all),
            ):
                print(through(mounts, title, work, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
