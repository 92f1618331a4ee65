"""Backups of a tree, restored and checked: Plait, restic, borg, plakar in turn, each where it is installed, encrypted.

plakar is the program that the environment variable PLAIT_PEER_PLAKAR names. What the derivation of the key costs (a
second or two, of all but borg) is part of each run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from bench.cases import Ground, plait
from bench.measure import Competitor, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_PASSPHRASE = "correct horse battery staple"


class _Program(NamedTuple):
    """A program that backs up: how it makes a repository, saves a tree into one, and brings the newest one back.

    `check` reads all data back and verifies it. borg restores to where it is started, so not here.
    """

    name: str
    create: Callable[[Path], Sequence[str | Path]]
    backup: Callable[[Path, Path], Sequence[str | Path]]
    check: Callable[[Path], Sequence[str | Path]]
    restore: Callable[[Path, Path], Sequence[str | Path]] | None = None


def _programs(ground: Ground) -> list[_Program]:
    found = [
        _Program(
            "plait",
            lambda place: plait(ground, "at", place, "create"),
            lambda place, tree: plait(ground, "at", place, "backup", "--quiet", tree),
            lambda place: plait(ground, "at", place, "check", "--quiet"),
            lambda place, out: plait(ground, "at", place, "restore", "--quiet", "-o", out),
        )
    ]
    if restic := shutil.which("restic"):
        found.append(
            _Program(
                "restic",
                lambda place: (restic, "-r", place, "init", "-q"),
                lambda place, tree: (restic, "-r", place, "backup", "-q", tree),
                lambda place: (restic, "-r", place, "check", "-q", "--read-data"),
                lambda place, out: (restic, "-r", place, "restore", "-q", "latest", "--target", out),
            )
        )
    if borg := shutil.which("borg"):
        found.append(
            _Program(
                "borg",
                lambda place: (borg, "init", "-e", "repokey-blake2", place),
                lambda place, tree: (borg, "create", "-C", "lz4", f"{place}::{{now:%f}}", tree),
                lambda place: (borg, "check", "--verify-data", place),
            )
        )
    if plakar := os.environ.get("PLAIT_PEER_PLAKAR"):
        found.append(
            _Program(
                "plakar",
                lambda place: (plakar, "at", place, "create"),
                lambda place, tree: (plakar, "-quiet", "at", place, "backup", "-no-progress", tree),
                lambda place: (plakar, "-quiet", "at", place, "check"),
                lambda place, out: (plakar, "-quiet", "at", place, "restore", "-to", out),
            )
        )
    return found


def _environment(ground: Ground, name: str) -> dict[str, str]:
    home = ground.root / "homes" / name
    home.mkdir(parents=True, exist_ok=True)
    secrets = dict.fromkeys(("PLAKAR_PASSPHRASE", "RESTIC_PASSWORD", "BORG_PASSPHRASE"), _PASSPHRASE)
    return {"HOME": str(home), **secrets}


def first_backup(ground: Ground, tree: Path) -> list[Competitor]:
    """A tree into an empty repository."""

    def lay(program: _Program) -> Competitor:
        environment = _environment(ground, program.name)

        def place(number: int) -> Path:
            return ground.fresh(f"first-{program.name}-{number}")

        def before(number: int) -> None:
            place(number).parent.mkdir(parents=True, exist_ok=True)
            run(program.create(place(number)), {**os.environ, **environment})

        return Competitor(program.name, lambda number: program.backup(place(number), tree), before, environment)

    return [lay(program) for program in _programs(ground)]


def next_backup(ground: Ground, tree: Path, *, changes: bool) -> list[Competitor]:
    """A tree that was saved before, as it was or with one file in a hundred changed."""

    def lay(program: _Program) -> Competitor:
        environment = _environment(ground, program.name)
        place = ground.fresh(f"next-{program.name}-{changes}")
        own = ground.root / f"own-{program.name}-{changes}"

        def before(number: int) -> None:
            if not own.exists():
                subprocess.run(("cp", "-a", tree, own), check=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                run(program.create(place), {**os.environ, **environment})
                run(program.backup(place, own), {**os.environ, **environment})
            if changes:
                files = sorted(path for path in own.rglob("*") if path.is_file() and not path.is_symlink())
                for path in files[number % 100 :: 100]:
                    with path.open("ab") as file:
                        file.write(b"changed")

        return Competitor(program.name, lambda _: program.backup(place, own), before, environment)

    return [lay(program) for program in _programs(ground)]


def read_back(ground: Ground, tree: Path, *, restore: bool) -> list[Competitor]:
    """The snapshot of a tree restored to an empty directory, or checked."""

    def lay(program: _Program) -> Competitor:
        environment = _environment(ground, program.name)
        place = ground.fresh(f"saved-{program.name}")

        def before(_: int) -> None:
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                run(program.create(place), {**os.environ, **environment})
                run(program.backup(place, tree), {**os.environ, **environment})

        def command(number: int) -> Sequence[str | Path]:
            if restore and program.restore is not None:
                return program.restore(place, ground.fresh(f"restored-{program.name}-{number}"))
            return program.check(place)

        return Competitor(program.name, command, before, environment)

    return [lay(program) for program in _programs(ground) if program.restore is not None or not restore]
