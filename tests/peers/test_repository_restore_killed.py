"""A restore that is killed leaves whole files only, and the next one completes it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plait.repository.repository import Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import RestoreSettings
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import os, signal, sys
from plait.repository.events import Done
from plait.repository.repository import Repository
from plait.repository.restoring.local import LocalTarget
from plait.repository.restoring.restoring import restore
from plait.repository.restoring.settings import RestoreSettings
from plait.stores.local.store import LocalStore

left = int(sys.argv[3])

def listener(event):
    global left
    left -= isinstance(event, Done)
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Repository.open(LocalStore(sys.argv[1])) as repository:
    restore(repository.snapshots()[0], LocalTarget(sys.argv[2], RestoreSettings()), listener=listener)
"""


@pytest.mark.parametrize("after", [1, 7, 25, 60])
def test_killed_at_any_time(tmp_path: Path, after: int) -> None:
    source = tmp_path / "source"
    contents = {}
    chance = random.Random(after)
    for number in range(400):
        path = source / f"d{number % 40}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = chance.randbytes(chance.choice([0, 10, 5000, 200_000 if number % 20 == 0 else 900]))
        path.write_bytes(data)
        contents[path.relative_to(source)] = data
    with Repository.create(LocalStore(tmp_path / "repository"), None) as repository:
        repository.backup([source])
    out = tmp_path / "out"
    for path in list(contents)[::5]:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(b"old")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "repository"), str(out), str(after)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=100)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for path in out.rglob("*"):
        if path.is_file() and path.suffix != ".partial":
            assert path.read_bytes() in {contents[path.relative_to(out)], b"old"}
    with Repository.open(LocalStore(tmp_path / "repository")) as repository:
        assert restore(repository.snapshots()[0], LocalTarget(str(out), RestoreSettings())).failures == []
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()} == contents
