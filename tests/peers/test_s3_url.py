"""`s3://BUCKET` finds its server and its keys as AWS's tools and rclone's `env_auth` do."""

import os
import subprocess
import sys
from pathlib import Path

from plait.testing.servers import S3Endpoint


def test_a_url_is_what_rclone_finds_with_env_auth(rclone: Path, seaweedfs: S3Endpoint, bucket: str) -> None:
    seaweedfs.request("PUT", f"{bucket}/below/file", b"content")
    environment = {**os.environ, **seaweedfs.environment()}
    commands = (
        [sys.executable, "-m", "plait", "ls", f"s3://{bucket}/below"],
        [str(rclone), "--config", "", "lsf", f":s3,env_auth:{bucket}/below"],
    )
    listings = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for command in commands
    ]
    assert listings == ["file\n", "file\n"]
