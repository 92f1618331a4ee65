"""A first signal ends a run within moments, whatever it waits for; partial files go, and what was there stays."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.stores.local.parts import PART_SIZE
from plait.testing.mirrors import EPOCH, File, harvest, plant
from plait.testing.servers import S3Endpoint

PATIENCE = 60.0
"""Far below the five minutes after which a silent server is given up by itself."""


class Stalling:
    """A way to a server that stops carrying bytes back after the first `limit`; 0 lets nothing through."""

    def __init__(self, target: str | None, limit: int) -> None:
        self.met = threading.Event()
        self._target = target
        self._limit = limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._target is None:
                self.met.set()
                continue
            host, _, port = self._target.removeprefix("http://").partition(":")
            server = socket.create_connection((host, int(port)))
            self._sockets.append(server)
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, counts: bool) -> None:
        try:
            while data := one.recv(65536):
                if counts:
                    self._limit -= len(data)
                    if self._limit < 0:
                        self.met.set()
                        return
                other.sendall(data)
        except OSError:
            return


@pytest.fixture
def silent() -> Iterator[Stalling]:
    server = Stalling(None, 0)
    yield server
    server.close()


def start(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "plait", "sync", "--no-record", *words]
    return subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("down", [True, False])
def test_a_server_that_says_nothing_does_not_hold_the_exit(
    number: signal.Signals, code: int, down: bool, silent: Stalling, tmp_path: Path
) -> None:
    plant(tmp_path / "local", {"a": File(b"a")})
    endpoint = S3Endpoint(silent.url, "key", "secret")
    words = ["s3://bucket/tree", str(tmp_path / "local")]
    process = start(endpoint.environment(), *(words if down else reversed(words)))
    assert silent.met.wait(PATIENCE)
    ended, said = end(process, number)
    assert ended == code
    assert "interrupted" in said or "terminated" in said
    assert "Traceback" not in said
    assert harvest(tmp_path / "local") == {"a": File(b"a")}


@pytest.mark.parametrize("streams", [0, 4])
def test_content_that_stops_coming_does_not_hold_the_exit(
    streams: int, seaweedfs: S3Endpoint, bucket: str, tmp_path: Path
) -> None:
    seaweedfs.request("PUT", f"{bucket}/tree/large", b"2" * (2 * PART_SIZE))
    plant(tmp_path / "local", {"large": File(b"1" * 1000), "extra": File(b"extra", EPOCH)})
    before = harvest(tmp_path / "local")
    # Less than the smallest part: of a part that came whole, a partial file would stay for the next run to go on with.
    way = Stalling(seaweedfs.url, 3_000_000)
    environment = S3Endpoint(way.url, seaweedfs.access_key, seaweedfs.secret_key).environment()
    flags = [f"--multi-thread-streams={streams}", "--multi-thread-cutoff=1M"]
    try:
        process = start(environment, *flags, f"s3://{bucket}/tree", str(tmp_path / "local"))
        assert way.met.wait(PATIENCE)
        ended, said = end(process, signal.SIGINT)
    finally:
        way.close()
    assert ended == 130
    assert "Traceback" not in said
    assert harvest(tmp_path / "local") == before, "old content, nothing deleted, no partial files"


def test_a_silent_server_is_given_up_at_the_deadline(silent: Stalling, tmp_path: Path) -> None:
    plant(tmp_path / "local", {"a": File(b"a")})
    environment = S3Endpoint(silent.url, "key", "secret").environment()
    flags = ["--timeout=1s", "--low-level-retries=1", "--retries=1"]
    process = start(environment, *flags, "s3://bucket/tree", str(tmp_path / "local"))
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode not in {0, 130}
    assert "Traceback" not in said
    assert harvest(tmp_path / "local") == {"a": File(b"a")}


def test_interrupted_at_any_moment(tmp_path: Path) -> None:
    old = {f"d{n % 9}/f{n}": File(b"old %d" % n, EPOCH) for n in range(0, 1500, 2)} | {"extra": File(b"extra")}
    new = {f"d{n % 9}/f{n}": File(b"new and other %d" % n * 50, EPOCH + 1) for n in range(1500)}
    new["large"] = File(b"2" * 30_000_000, EPOCH + 1)
    source, destination = tmp_path / "source", tmp_path / "dest"
    plant(source, new)
    codes = []
    for part in (0.05, 0.2, 0.5, 0.9):
        shutil.rmtree(destination, ignore_errors=True)
        plant(destination, old)
        process = start({}, str(source), str(destination))
        wanted = len(old) + part * (len(new) - len(old))
        while process.poll() is None and sum(len(names) for _, _, names in os.walk(destination)) < wanted:
            pass
        code, said = end(process, signal.SIGINT)
        codes.append(code)
        assert code in {0, 130}
        assert "Traceback" not in said
        there = {path: entry for path, entry in harvest(destination).items() if entry is not None}
        assert all(entry in (old.get(path), new.get(path)) for path, entry in there.items())
        assert code == 0 or old.keys() <= there.keys(), "nothing is deleted"
    assert 130 in codes
    process = start({}, str(source), str(destination))
    process.communicate()
    assert process.returncode == 0
    assert {path: entry for path, entry in harvest(destination).items() if entry is not None} == new
