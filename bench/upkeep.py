"""Upkeep of a repository: snapshots pruned and the space given back, everything checked, statistics.

    python -m bench.upkeep [--rounds N] [--megabytes N] [--case prune|check|stats]

Plait, restic and borg in turn, encrypted, each on a fresh copy of its own repository of eight snapshots, half of which
go. What the derivation of the key costs is part of each run. Plait's space comes back at once, as that of the others.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.measure import Competitor, compete, run, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PASSPHRASE: Final = "correct horse battery staple"
_PLAIT: Final = (sys.executable, "-m", "plait")
_SNAPSHOTS: Final = 8
_GOING: Final = "going"
_CASES: Final = ("prune", "check", "stats")


class Ground:
    """The repositories as they were made, and the place at which each is worked on."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        secrets = dict.fromkeys(("PLAKAR_PASSPHRASE", "RESTIC_PASSWORD", "BORG_PASSPHRASE"), _PASSPHRASE)
        self.environment: Mapping[str, str] = {"HOME": str(folder / "home"), **secrets}
        (folder / "home").mkdir()
        self._make(megabytes)

    def place(self, name: str) -> Path:
        """Where the repository of a program is worked on: always the same, as caches go by it."""
        return self._folder / name

    def restored(self, name: str) -> None:
        """Lays the repository of a program as it was made."""
        shutil.rmtree(self.place(name), ignore_errors=True)
        subprocess.run(("cp", "-a", "--reflink=auto", self._folder / f"{name}.made", self.place(name)), check=True)
        # borg takes a repository that is older than what it remembers for an attack.
        shutil.rmtree(self._folder / "home")
        subprocess.run(("cp", "-a", self._folder / "home.made", self._folder / "home"), check=True)

    def _make(self, megabytes: int) -> None:
        environment = {**os.environ, **self.environment}
        plait, restic, borg = (self.place(name) for name in ("plait", "restic", "borg"))
        run((*_PLAIT, "at", plait, "create"), environment)
        run(("restic", "-r", restic, "init", "-q"), environment)
        run(("borg", "init", "-e", "repokey-blake2", borg), environment)
        tree = self._folder / "tree"
        noise = random.Random(1)
        for number in range(_SNAPSHOTS):
            _churn(tree, noise, megabytes, first=not number)
            tag = _GOING if number % 2 == 0 else "staying"
            run((*_PLAIT, "at", plait, "backup", "--quiet", "--tag", tag, tree), environment)
            run(("restic", "-r", restic, "backup", "-q", "--tag", tag, tree), environment)
            run(("borg", "create", "-C", "lz4", f"{borg}::{tag}-{number}", tree), environment)
        shutil.copytree(self._folder / "home", self._folder / "home.made", symlinks=True)
        for name in ("plait", "restic", "borg"):
            self.place(name).rename(self._folder / f"{name}.made")
            self.restored(name)

    def going(self) -> list[str]:
        """The snapshots of restic that go."""
        command = ("restic", "-q", "-r", self.place("restic"), "snapshots", "--json", "--tag", _GOING)
        environment = {**os.environ, **self.environment}
        printed = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        return [snapshot["id"] for snapshot in json.loads(printed)]


def _churn(tree: Path, noise: random.Random, megabytes: int, *, first: bool) -> None:
    """Writes half of the bytes at first, and replaces a share of them before each further snapshot."""
    small = megabytes * 10
    for number in range(small) if first else noise.sample(range(small), small // 6):
        path = tree / str(number % 100) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(noise.randrange(500, 12_000)))
    large = max(megabytes // 16, 1)
    for number in range(large) if first else noise.sample(range(large), max(large // 6, 1)):
        (tree / f"large{number}").write_bytes(noise.randbytes(6 << 20))


def competitors(ground: Ground, case: str) -> list[Competitor]:
    """Those who do the work of a case."""
    plait, restic, borg = (ground.place(name) for name in ("plait", "restic", "borg"))
    going = ground.going()
    commands: dict[str, dict[str, Sequence[str | Path]]] = {
        "prune": {
            "plait": (
                *(*_PLAIT, "at", plait, "rm", "--tag", _GOING, "--apply", "--quiet"),
                *("--maintenance", "--repack", "--no-grace", "--threshold", "95%"),
            ),
            "restic": ("restic", "-q", "-r", restic, "forget", "--prune", "--max-unused", "5%", *going),
            "borg": ("sh", "-c", f"borg delete -a '{_GOING}-*' {borg} && borg compact {borg}"),
        },
        "check": {
            "plait": (*_PLAIT, "at", plait, "check", "--quiet"),
            "restic": ("restic", "-q", "-r", restic, "check", "--read-data"),
            "borg": ("borg", "check", "--verify-data", borg),
        },
        "stats": {
            "plait": (*_PLAIT, "at", plait, "stats"),
            "restic": ("restic", "-q", "-r", restic, "stats", "--mode", "raw-data"),
            "borg": ("borg", "info", "-a", "*", borg),
        },
    }

    def laid(name: str) -> Callable[[int], None]:
        return lambda _: ground.restored(name) if case == "prune" else None

    return [
        Competitor(name, lambda _, words=words: words, laid(name), ground.environment)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
        for name, words in commands[case].items()
    ]


def main() -> None:
    """Lays the ground, and prints a table for each case."""
    parser = argparse.ArgumentParser(description="Plait, restic and borg keep repositories up in turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--case", choices=_CASES, action="append")
    arguments = parser.parse_args()
    for program in ("restic", "borg"):
        if shutil.which(program) is None:
            parser.error(f"{program} is not installed")
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as place:
        ground = Ground(Path(place), arguments.megabytes)
        for case in arguments.case or _CASES:
            print(table(case, compete(competitors(ground, case), arguments.rounds)), flush=True)
            for name in ("plait", "restic", "borg"):
                kept = sum(path.stat().st_size for path in ground.place(name).rglob("*") if path.is_file())
                print(f"{name}: {kept / 1e6:.0f} MB are kept", flush=True)
            print()


if __name__ == "__main__":
    main()
