"""Metadata on their way to S3, between buckets and back: by the real rclone and by Plait's front, side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from plait.testing.s3_memory import MemoryS3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("rclone", "front")
MAPPER = """
import json, sys
asked = json.load(sys.stdin)
with open(sys.argv[1], "a") as log:
    log.write(json.dumps(asked) + "\\n")
metadata = asked.get("Metadata") or {}
metadata.pop("color", None)
metadata["mapped"] = asked["Remote"]
json.dump({"Metadata": metadata}, sys.stdout)
"""
SET = ("--metadata-set", "cache-control=max-age=5", "--metadata-set", "Foo=bar", "--metadata-set", "tier=GLACIER")
TYPES = ("--metadata-set", "content-type=text/x-foo", "--metadata-set", "btime=2001-02-03T04:05:06Z")
TIME = ("--metadata-set", "mtime=2002-03-04T05:06:07.5Z", "--metadata-set", "mode=0600")


class Ground:
    """A server, a source with metadata, and both programs."""

    def __init__(self, server: MemoryS3, base: Path, rclone: Path) -> None:
        self.server = server
        self.base = base
        self.source = base / "source"
        options = {"TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}
        options |= {"ENDPOINT": server.url, "FORCE_PATH_STYLE": "true"}
        remote = {f"RCLONE_CONFIG_M_{name}": value for name, value in options.items()}
        self._environment = {**os.environ, **remote, "PLAIT_STATE_DIR": str(base / "state")}
        self._programs = {
            "front": [sys.executable, "-m", "plait", "rclone", "--config", ""],
            "rclone": [str(rclone), "--config", ""],
        }
        (base / "mapper.py").write_text(MAPPER)
        self._plant()

    def _plant(self) -> None:
        self.source.mkdir()
        for name in ("f.txt", "g.bin"):
            (self.source / name).write_text(name)
        rich = self.source / "f.txt"
        rich.chmod(0o640)
        os.setxattr(rich, "user.color", b"red")
        os.setxattr(rich, "user.cache-control", b"no-store")
        for path in self.source.iterdir():
            os.utime(path, ns=(1_600_000_000_000_000_000, 1_500_000_000_123_456_789))

    def run(self, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [*self._programs[program], *map(str, words)]
        # A relative source shows what a mapper is told of it.
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, cwd=self.base
        )

    def fill(self, bucket: str) -> None:
        """A bucket as rclone fills it."""
        self.server.put(bucket, {})
        assert self.run("rclone", "copy", "-M", "source", f"m:{bucket}").returncode == 0

    def headers(self, bucket: str) -> dict[str, dict[str, str]]:
        return {
            # Reading may change when a file was last read.
            key: {name: value for name, value in held.headers.items() if name != "x-amz-meta-atime"}
            for key, held in self.server.buckets[bucket].items()
        }

    def mapper(self, program: str) -> tuple[str, Path]:
        log = self.base / f"{program}.log"
        return f"{sys.executable} {self.base / 'mapper.py'} {log}", log


@pytest.fixture
def ground(tmp_path: Path, rclone: Path) -> Iterator[Ground]:
    server = MemoryS3()
    yield Ground(server, tmp_path, rclone)
    server.close()


@pytest.mark.parametrize(
    "flags",
    [(), ("-M",), ("-M", *SET), ("-M", *SET, *TYPES), SET, ("-M", *TIME)],
    ids=lambda flags: "".join(flags)[:40],
)
def test_to_a_bucket(ground: Ground, flags: tuple[str, ...]) -> None:
    for program in PROGRAMS:
        ground.server.put(program, {})
        done = ground.run(program, "copy", *flags, "source", f"m:{program}")
        assert done.returncode == 0, done.stderr
    assert ground.headers("front") == ground.headers("rclone")
    assert len(ground.headers("front")) == 2


@pytest.mark.parametrize("flags", [("-M",), ("-M", *SET)], ids=["kept", "set"])
def test_between_buckets(ground: Ground, flags: tuple[str, ...]) -> None:
    ground.fill("from")
    for program in PROGRAMS:
        ground.server.put(program, {})
        assert ground.run(program, "copy", *flags, "m:from", f"m:{program}").returncode == 0
    assert ground.headers("front") == ground.headers("rclone")


def local(path: Path) -> dict[str, Any]:
    stat = path.stat()
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return {"mode": stat.st_mode, "owner": (stat.st_uid, stat.st_gid), "time": stat.st_mtime_ns, **attributes}


@pytest.mark.parametrize("flags", [("-M",), ("-M", *TIME)], ids=["kept", "set"])
def test_back_again_nothing_is_lost(ground: Ground, flags: tuple[str, ...]) -> None:
    ground.fill("from")
    found = {}
    for program in PROGRAMS:
        assert ground.run(program, "copy", *flags, "m:from", program).returncode == 0
        found[program] = {name: local(ground.base / program / name) for name in ("f.txt", "g.bin")}
    assert found["front"] == found["rclone"]
    if len(flags) == 1:
        before = local(ground.source / "f.txt")
        assert {name: found["front"]["f.txt"][name] for name in before} == before


def test_locally_what_is_set_is_added(ground: Ground) -> None:
    found = {}
    for program in PROGRAMS:
        assert ground.run(program, "copy", "-M", *SET, *TIME, "source", program).returncode == 0
        found[program] = {name: local(ground.base / program / name) for name in ("f.txt", "g.bin")}
    assert found["front"] == found["rclone"]


def test_a_program_maps_them(ground: Ground) -> None:
    asked = {}
    for program in PROGRAMS:
        ground.server.put(program, {})
        command, log = ground.mapper(program)
        flags = ("-M", "--metadata-mapper", command, "--metadata-set", "set=1")
        assert ground.run(program, "copy", *flags, "source", f"m:{program}").returncode == 0
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        asked[program] = sorted(lines, key=lambda line: str(line["Remote"]))
    assert ground.headers("front") == ground.headers("rclone")
    assert "x-amz-meta-color" not in ground.headers("front")["f.txt"]
    for lines in asked.values():
        for line in lines:
            # Rclone appends a hash of what the environment says of the remote.
            line["DstFs"] = line["DstFs"].partition("{")[0].partition(":")[0]
            line["Metadata"].pop("atime")
    assert asked["front"] == asked["rclone"]


@pytest.mark.parametrize("command", ["false", "echo notjson", "/no/such/program"])
def test_a_program_that_fails_fails_the_copy(ground: Ground, command: str) -> None:
    codes = {}
    for program in PROGRAMS:
        ground.server.put(program, {})
        done = ground.run(program, "copy", "-M", "--retries=1", "--metadata-mapper", command, "source", f"m:{program}")
        codes[program] = done.returncode
        assert "failed to read metadata from source object: metadata mapper: failed" in done.stderr
        assert ground.headers(program) == {}
    assert codes["front"] == codes["rclone"]


def test_what_a_header_cannot_hold_is_dropped_and_told(ground: Ground) -> None:
    os.setxattr(ground.source / "f.txt", "user.\u00fcn", b"v")
    for program in PROGRAMS:
        ground.server.put(program, {})
        done = ground.run(program, "copy", "-M", "source", f"m:{program}")
        assert done.returncode == 0
        assert 'f.txt: Dropping invalid metadata key "\u00fcn"' in done.stderr
    assert ground.headers("front") == ground.headers("rclone")


def test_a_listing_shows_the_same(ground: Ground) -> None:
    ground.fill("from")
    shown = {program: json.loads(ground.run(program, "lsjson", "-M", "m:from").stdout) for program in PROGRAMS}
    assert shown["front"] == shown["rclone"]


@pytest.mark.parametrize(
    "rule",
    [
        "--metadata-include=content-type=text/*",
        "--metadata-include=tier=STANDARD",
        "--metadata-exclude=color=red",
        "--metadata-include=mode=100640",
    ],
)
def test_filters_look_at_the_same(ground: Ground, rule: str) -> None:
    ground.fill("from")
    listed = [sorted(ground.run(program, "lsf", rule, "m:from").stdout.split()) for program in PROGRAMS]
    assert listed[0] == listed[1]
    assert listed[1]
