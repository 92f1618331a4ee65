"""Tests against the real plakar, where the environment variable PLAIT_PEER_PLAKAR names one.

There is no wheel of it, so that these are collected only then (docs/development.md); the golden repositories, which it
made, are tested always.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = os.environ.get("PLAIT_PEER_PLAKAR", "")
GOLDEN = Path(__file__).parents[2] / "golden/kloset"
collect_ignore_glob = [] if PROGRAM else ["test_*.py"]


class Done(NamedTuple):
    """What a command line printed, and its exit status."""

    status: int
    out: str
    err: str


class Programs:
    """The original and Plait, side by side: in the same directory, with the same configuration and passphrase."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        home = directory / "home"
        home.mkdir()
        self.environment = os.environ | {"HOME": str(home), "PLAKAR_PASSPHRASE": "correct horse battery staple"}
        self.plakar("-disable-security-check")

    def plakar(self, *words: str, status: int | None = 0) -> Done:
        """Runs the original."""
        return self._run([PROGRAM, *words], status)

    def front(self, *words: str, status: int | None = 0) -> Done:
        """Runs Plait in its place."""
        return self._run(["plait", "plakar", *words], status)

    def plait(self, *words: str, status: int | None = 0) -> Done:
        """Runs Plait."""
        return self._run(["plait", *words], status)

    def _run(self, words: Sequence[str], status: int | None) -> Done:
        done = subprocess.run(
            words,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=100,
        )
        out, err = (
            text.decode("utf-8", "surrogateescape").replace(PROGRAM, "plakar") for text in (done.stdout, done.stderr)
        )
        assert status is None or done.returncode == status, (words, out[-2000:], err[-2000:])
        return Done(done.returncode, out, err)

    def unpack(self, name: str) -> Path:
        """A golden repository."""
        with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(self.directory, filter="data")
        return self.directory / name


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)
