"""Uploads that were begun and not ended: listed and ended by the real rclone and by Plait, side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plait.stores.objects import open_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.stores.objects.store import S3Store
    from plait.testing.servers import S3Endpoint

PROGRAMS = ("rclone", "front")


class Ground:
    def __init__(self, endpoint: S3Endpoint, rclone: Path, bucket: str) -> None:
        self.bucket = bucket
        self._environment = {**os.environ, **endpoint.rclone_environment("s")}
        plait = [sys.executable, "-m", "plait"]
        self._programs = {
            "rclone": [str(rclone), "--config", ""],
            "front": [*plait, "rclone", "--config", ""],
            "plait": plait,
        }
        keys = {"access_key_id": endpoint.access_key, "secret_access_key": endpoint.secret_key}
        self.store: S3Store = open_s3({"provider": "SeaweedFS", "endpoint": endpoint.url, **keys}, bucket)

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*self._programs[program], *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def begin(self, key: str) -> None:
        self.store.begin(key, 20 << 20)

    def keys(self) -> list[str]:
        return [upload.key for upload in self.store.uploads()]


@pytest.fixture
def ground(seaweedfs: S3Endpoint, rclone: Path, bucket: str) -> Iterator[Ground]:
    ground = Ground(seaweedfs, rclone, bucket)
    yield ground
    ground.store.close()


def test_they_are_listed(ground: Ground) -> None:
    for key in ("a", "d/b c", "d/\u00e9"):
        ground.begin(key)
    listed: list[str] = []
    for place in (f"s:{ground.bucket}", f"s:{ground.bucket}/d"):
        listed = [ground.run(program, "backend", "list-multipart-uploads", place).stdout for program in PROGRAMS]
        assert json.loads(listed[0]) == json.loads(listed[1])
    assert [upload["Key"] for upload in json.loads(listed[1])[ground.bucket]] == ["d/b c", "d/\u00e9"]


def test_of_all_buckets_too(ground: Ground) -> None:
    ground.begin("a")
    listed = [json.loads(ground.run(name, "backend", "list-multipart-uploads", "s:").stdout) for name in PROGRAMS]
    assert listed[0][ground.bucket] == listed[1][ground.bucket]
    assert listed[1][ground.bucket]


@pytest.mark.parametrize("program", [*PROGRAMS, "plait"])
def test_young_ones_are_left_alone(ground: Ground, program: str) -> None:
    ground.begin("a")
    assert ground.run(program, "cleanup", f"s:{ground.bucket}").returncode == 0
    assert ground.keys() == ["a"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_those_of_an_age_are_ended(ground: Ground, program: str) -> None:
    for key in ("a", "d/b"):
        ground.begin(key)
    ended = ground.run(program, "backend", "cleanup", f"s:{ground.bucket}/d", "-o", "max-age=0s")
    assert ended.returncode == 0, ended.stderr
    assert ground.keys() == ["a"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_no_command_is_told(ground: Ground, program: str) -> None:
    for words in (["nothing"], ["cleanup", "-o", "max-age=soon"]):
        failed = ground.run(program, "backend", words[0], f"s:{ground.bucket}", *words[1:])
        assert failed.returncode == 1
        assert ("command not found" if words == ["nothing"] else "bad max-age") in failed.stderr
