"""Large transfers that were killed go on where they stopped, in both directions, and only with what is right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from plait.stores.objects import open_s3
from plait.stores.objects.multipart import uploaded_parts
from plait.testing.generators import content
from plait.testing.proxies import proxying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store
    from plait.testing.proxies import TestProxy
    from plait.testing.servers import S3Endpoint

PATIENCE = 100.0
MIB = 1 << 20
UPLOAD = ("--s3-upload-cutoff=5M", "--s3-chunk-size=5M", "--multi-thread-cutoff=5M")


class Ground:
    """A bucket behind a proxy that counts, and a directory for Plait's state."""

    def __init__(self, base: Path, endpoint: S3Endpoint, bucket: str, proxy: TestProxy) -> None:
        self.bucket = bucket
        self.proxy = proxy
        self.state = base / "state"
        self._environment = {**os.environ, **endpoint.rclone_environment("s"), "PLAIT_STATE_DIR": str(self.state)}
        self.store: S3Store = open_s3(
            {
                "provider": "SeaweedFS",
                "endpoint": endpoint.url,
                "access_key_id": endpoint.access_key,
                "secret_access_key": endpoint.secret_key,
            },
            bucket,
        )

    def command(self, source: object, destination: object, *flags: str) -> list[str]:
        return [
            *(sys.executable, "-m", "plait", "copy", "--no-record", f"--http-proxy={self.proxy.address}"),
            *(*flags, str(source), str(destination)),
        ]

    def killed(self, command: list[str], enough: Callable[[], bool], how: signal.Signals) -> None:
        """Runs a command and ends it as soon as it has done enough."""
        with subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL) as run:
            until = time.monotonic() + PATIENCE
            while not enough() and run.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            assert run.poll() is None, "it came to its end before it could be killed"
            run.send_signal(how)

    def moved(self, command: list[str]) -> tuple[int, int]:
        """Runs a command to its end; the bytes that passed to the server and back."""
        sent, received = self.proxy.sent, self.proxy.received
        run = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return self.proxy.sent - sent, self.proxy.received - received

    def parts(self) -> int:
        """How many parts the server has of what is under way."""
        return sum(
            len(list(uploaded_parts(self.store._client, upload.key, upload.identifier, {})))
            for upload in self.store.uploads()
        )


@pytest.fixture
def ground(tmp_path: Path, seaweedfs: S3Endpoint, bucket: str) -> Iterator[Ground]:
    place = urlsplit(seaweedfs.url)
    with proxying((place.hostname or "", place.port or 0)) as proxy:
        ground = Ground(tmp_path, seaweedfs, bucket, proxy)
        yield ground
        ground.store.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_upload_goes_on(tmp_path: Path, ground: Ground, how: signal.Signals) -> None:
    data = content(60 * MIB)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/large").write_bytes(data)
    command = ground.command(tmp_path / "source", f"s:{ground.bucket}", *UPLOAD)
    ground.killed([*command, "--bwlimit=30M", "--multi-thread-streams=2"], lambda: ground.parts() >= 9, how)
    assert ground.parts() >= 9
    [note] = (ground.state / "uploads").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    sent, _ = ground.moved(command)
    assert sent <= len(data) // 4 + MIB
    with ground.store.read("large") as reader:
        assert reader.read() == data
    assert ground.parts() == 0
    assert not list((ground.state / "uploads").iterdir())


def test_an_upload_of_what_changed_since_begins_anew(tmp_path: Path, ground: Ground) -> None:
    data = content(30 * MIB)
    path = tmp_path / "source/large"
    path.parent.mkdir()
    path.write_bytes(data)
    command = ground.command(tmp_path / "source", f"s:{ground.bucket}", *UPLOAD)
    slow = [*command, "--bwlimit=15M", "--multi-thread-streams=2"]
    ground.killed(slow, lambda: ground.parts() >= 2, signal.SIGKILL)
    changed = data[: 20 * MIB] + content(10 * MIB)[::-1]
    path.write_bytes(changed)
    sent, _ = ground.moved(command)
    assert sent >= len(data)
    with ground.store.read("large") as reader:
        assert reader.read() == changed


def partial(directory: Path) -> Path | None:
    found = list(directory.glob("*.partial")) if directory.exists() else []
    return found[0] if found else None


def done(directory: Path) -> int:
    """How many parts a partial file says it has."""
    path = partial(directory)
    try:
        text = json.loads(os.getxattr(path, "user.plait.parts"))["done"] if path else ""
    except OSError:
        return 0
    pairs = (word.partition("-") for word in text.split(",") if word)
    return sum(int(last or first) - int(first) + 1 for first, _, last in pairs)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_download_goes_on(tmp_path: Path, ground: Ground, how: signal.Signals) -> None:
    data = content(160 * MIB)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/large").write_bytes(data)
    ground.moved(ground.command(tmp_path / "source", f"s:{ground.bucket}"))
    destination = tmp_path / "destination"
    command = ground.command(f"s:{ground.bucket}", destination)
    slow = [*command, "--bwlimit=60M", "--multi-thread-streams=2"]
    ground.killed(slow, lambda: done(destination) >= 8, how)
    _, received = ground.moved(command)
    assert received <= len(data) // 4
    assert [path.name for path in destination.iterdir()] == ["large"]
    assert (destination / "large").read_bytes() == data
    assert not os.listxattr(destination / "large")


def test_a_download_whose_partial_file_is_wrong_is_found_out(tmp_path: Path, ground: Ground) -> None:
    data = content(96 * MIB)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/large").write_bytes(data)
    ground.moved(ground.command(tmp_path / "source", f"s:{ground.bucket}"))
    destination = tmp_path / "destination"
    command = ground.command(f"s:{ground.bucket}", destination)
    ground.killed([*command, "--bwlimit=30M"], lambda: done(destination) >= 2, signal.SIGKILL)
    path = partial(destination)
    assert path is not None
    with path.open("r+b") as file:
        file.write(b"wrong")
    ground.moved(command)
    assert (destination / "large").read_bytes() == data
    assert [path.name for path in destination.iterdir()] == ["large"]
