"""A sync that is killed, and the one after it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from plait.repository.layout import Folder
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

FILES = 500
SIZE = 150_000


def stored(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and "tmp" not in path.name)


def test_what_arrived_before_a_kill_is_not_moved_again(tmp_path: Path) -> None:
    """Killed when four fifths have arrived, a rerun moves less than a third of the whole."""
    noise = random.Random(7)
    for number in range(FILES):
        path = tmp_path / f"tree/{number % 30}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(SIZE))
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in ("a", "b"):
        plait(environment, "at", str(tmp_path / name), "create", "--plaintext")
    plait(environment, "at", str(tmp_path / "a"), "backup", "--quiet", str(tmp_path / "tree"))
    sync = ("at", str(tmp_path / "a"), "sync", "--bwlimit", "25M", "to", str(tmp_path / "b"))
    peer = tmp_path / "b/packfiles"
    whole = FILES * SIZE
    running = subprocess.Popen([sys.executable, "-m", "plait", *sync], env=environment)
    while stored(peer) < whole * 0.8:
        assert running.poll() is None
        wait_a_little(running)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = stored(tmp_path / "b")
    plait(environment, *sync)
    assert stored(tmp_path / "b") - before < whole * 0.3
    with Repository.open(LocalStore(str(tmp_path / "b"))) as opened:
        assert len(opened.reader.snapshots()) == 1
        # The lock of the killed one stays until it is stale, and is in nobody's way.
        assert len(opened.writable_files.keys(Folder.LOCKS)) <= 1
    plait(environment, "at", str(tmp_path / "b"), "check")


def wait_a_little(running: subprocess.Popen[bytes]) -> None:
    try:
        running.wait(0.05)
    except subprocess.TimeoutExpired:
        return


def plait(environment: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, "-m", "plait", *words], env=environment, check=True, capture_output=True)
