"""The peers that other tests rely on are what they claim to be."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from plait.testing.servers import S3Endpoint, ServerError, free_ports, program


def test_rclone_lists_what_a_signed_request_wrote(rclone: Path, seaweedfs: S3Endpoint, bucket: str) -> None:
    seaweedfs.request("PUT", f"{bucket}/a directory/ü", b"content")
    listing = subprocess.run(
        [rclone, "--config", "", "lsf", "-R", "--files-only", f"s3:{bucket}"],
        env={**os.environ, **seaweedfs.rclone_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert listing.stdout == "a directory/ü\n"
    assert seaweedfs.request("GET", f"{bucket}/a directory/ü") == b"content"


def test_a_bucket_is_made_on_purpose_only(seaweedfs: S3Endpoint) -> None:
    with pytest.raises(ServerError, match="404"):
        seaweedfs.request("PUT", "no-such-bucket/key", b"content")


def test_a_stranger_is_refused(seaweedfs: S3Endpoint, bucket: str) -> None:
    stranger = S3Endpoint(seaweedfs.url, seaweedfs.access_key, "wrong-secret")
    with pytest.raises(ServerError, match="403"):
        stranger.request("GET", bucket)


def test_a_missing_program_names_its_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ServerError, match="pip install no-such-wheel"):
        program("no-such-program", "no-such-wheel")


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_a_server_and_its_data_end_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from plait.testing.servers import seaweedfs\n"
        "with seaweedfs(Path(sys.argv[1])) as endpoint:\n"
        "    print(endpoint.url, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == -9
    for _ in range(400):
        if not list(tmp_path.iterdir()):
            break
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(run.stdout.strip(), timeout=5)
