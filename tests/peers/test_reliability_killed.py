"""Mirrors to and from S3 that are killed at random moments: files are old or new, and the next run finishes the job."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.testing.mirrors import EPOCH, File, Tree, harvest, plant
from plait.testing.servers import S3Endpoint

KILLS = 12
FILES = 200


def version(number: int) -> Tree:
    """One of the trees between which the mirror goes back and forth: files that change, come and go, a large one."""
    moment = EPOCH + number * 10**9
    tree: Tree = {
        f"d{n % 5}/f{n}": File(b"%d/%d " % (number, n) * (500 if n % 10 == 0 else 3), moment)
        for n in range(FILES)
        if n % 7 != number
    }
    tree["large"] = File(b"%d" % number * (12_000_000 + number), moment)
    return tree


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: entry.content for path, entry in tree.items() if entry is not None}


class Ground:
    """Two versions of a source, and a destination, one side of them on a server."""

    def __init__(self, base: Path, rclone: Path, endpoint: S3Endpoint, bucket: str, *, up: bool) -> None:
        self._base = base
        self._rclone = [str(rclone), "--config", ""]
        self._environment = {**os.environ, **endpoint.environment(), **endpoint.rclone_environment("s")}
        self._bucket = bucket
        self.up = up
        self.versions = (version(0), version(1))
        for number, tree in enumerate(self.versions):
            plant(base / f"v{number}", tree)
            if not up:
                self.rclone("copy", str(base / f"v{number}"), f"s:{bucket}/v{number}")

    def rclone(self, *words: str) -> None:
        subprocess.run([*self._rclone, *words], check=True, capture_output=True, env=self._environment)

    def command(self, number: int) -> list[str]:
        local = [str(self._base / f"v{number}"), f"s3://{self._bucket}/dest"]
        remote = [f"s3://{self._bucket}/v{number}", str(self._base / "dest")]
        flags = ["--no-record", "--multi-thread-cutoff=5M"]
        return [sys.executable, "-m", "plait", "sync", *flags, *(local if self.up else remote)]

    def start(self, number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(number), env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def tree(self) -> dict[str, bytes]:
        """What a reader finds at the destination; partial files of living or killed writers are not looked at."""
        place = self._base / "dest"
        if self.up:
            self.rclone("sync", "--size-only", "--ignore-times", f"s:{self._bucket}/dest", str(place))
        return {path: data for path, data in contents(harvest(place)).items() if not path.endswith(".partial")}

    def check(self, number: int) -> None:
        here, there = str(self._base / f"v{number}"), f"s:{self._bucket}/dest" if self.up else str(self._base / "dest")
        self.rclone("check", here, there)
        assert not list((self._base / "dest").rglob("*.partial"))


@pytest.mark.parametrize("up", [True, False])
def test_killed_at_any_moment(up: bool, tmp_path: Path, rclone: Path, seaweedfs: S3Endpoint, bucket: str) -> None:
    ground = Ground(tmp_path, rclone, seaweedfs, bucket, up=up)
    with ground.start(0) as run:
        assert run.wait() == 0
    began = time.monotonic()
    with ground.start(1) as run:
        assert run.wait() == 0
    whole = time.monotonic() - began
    moments = random.Random(11)
    old = new = contents(ground.versions[1])
    killed = 0
    for turn in range(KILLS):
        with ground.start(turn % 2) as run:
            time.sleep(moments.uniform(0.2, 1.0) * whole)
            run.send_signal(signal.SIGKILL)
        killed += run.returncode != 0
        old, new = (contents(each) for each in ground.versions)
        for path, data in ground.tree().items():
            assert data in (old.get(path), new.get(path)), path
    assert killed
    # What both versions have has never been gone.
    assert ground.tree().keys() >= old.keys() & new.keys()
    with ground.start(1) as run:
        assert run.wait() == 0
    ground.check(1)
    assert ground.tree() == new
