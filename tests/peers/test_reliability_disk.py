"""A full disk, and a source that does not hold still: the old stays, the rest is done, and the next run completes."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plait.testing.mirrors import EPOCH, File, Tree, harvest, plant
from plait.testing.servers import S3Endpoint

MEBIBYTE = 1 << 20
ROOM = 4 * MEBIBYTE
OLD: Tree = {
    "large": File(b"1" * MEBIBYTE),
    "small": File(b"old"),
    "extra": File(b"extra"),
    "d": None,
    "d/f0": File(b"old"),
}
NEW: Tree = {
    "large": File(b"2" * (6 * MEBIBYTE), EPOCH + 1),
    "small": File(b"new", EPOCH + 1),
    "d": None,
    **{f"d/f{number}": File(b"%d" % number * 50, EPOCH + 1) for number in range(20)},
}
MANY: Tree = {"d": None, **{f"d/f{number}": File(b"%03d" % number * 20_000, EPOCH + 1) for number in range(150)}}
LINES = ("no space left on device", "file too large")


def mount(place: Path, options: str) -> bool:
    """Mounts a file system in memory, where this user may."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


class Room:
    """A directory with little room, for everything below it or for each file of a program."""

    def __init__(self, place: Path, *, limits_files: bool) -> None:
        self.place = place
        self._limits_files = limits_files
        self._scarce = True

    def run(self, *words: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Runs the program; exit code and what it said."""
        answer = subprocess.run(
            [sys.executable, "-m", "plait", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
            preexec_fn=self._limit if self._limits_files and self._scarce else None,
        )
        assert "Traceback" not in answer.stderr
        assert "defect" not in answer.stderr
        return answer.returncode, answer.stderr

    def widen(self) -> None:
        """Makes enough room."""
        self._scarce = False
        if not self._limits_files:
            subprocess.run(["mount", "-o", "remount,size=200m", str(self.place)], check=True)

    @staticmethod
    def _limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@contextmanager
def tmpfs(base: Path) -> Iterator[Room]:
    place = base / "disk"
    place.mkdir()
    if not mount(place, f"size={ROOM}"):
        # Without the right to mount, another way to the same error: a limit for each file.
        yield Room(place, limits_files=True)
        return
    try:
        yield Room(place, limits_files=False)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(params=["disk", "limit"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    if request.param == "disk":
        with tmpfs(tmp_path) as made:
            yield made
    else:
        (tmp_path / "limited").mkdir()
        yield Room(tmp_path / "limited", limits_files=True)


def check(rclone: Path, source: str, destination: Path) -> None:
    subprocess.run([rclone, "--config", "", "check", source, destination], check=True, capture_output=True)


WAYS: list[tuple[str, ...]] = [
    (),
    ("--multi-thread-streams=0",),
    ("--backup-dir=BACKUP",),
    ("--ignore-times", "--delete-after"),
]


@pytest.mark.parametrize("flags", WAYS)
def test_a_file_that_does_not_fit(room: Room, flags: tuple[str, ...], tmp_path: Path, rclone: Path) -> None:
    source, destination = tmp_path / "source", room.place / "dest"
    plant(source, NEW)
    plant(destination, OLD)
    words = [flag.replace("BACKUP", str(room.place / "backup")) for flag in flags]
    command = ["sync", "--no-record", "--retries=1", *words, str(source), str(destination)]
    code, said = room.run(*command)
    assert code == 1
    assert any(line in said.lower() for line in LINES), said
    there, kept = harvest(destination), harvest(room.place / "backup")
    assert OLD["large"] in (there.get("large"), kept.get("large"))
    assert there["large"] == OLD["large"], "an overwrite happens once its own replacement is safe"
    assert there["extra"] == OLD["extra"]
    assert there["small"] == NEW["small"], "what fits is done"
    assert not list(room.place.rglob("*.partial"))
    room.widen()
    assert room.run(*command)[0] == 0
    assert harvest(destination) == NEW
    check(rclone, str(source), destination)


def test_many_files_that_do_not_fit(tmp_path: Path, rclone: Path) -> None:
    with tmpfs(tmp_path) as room:
        source, destination = tmp_path / "source", room.place / "dest"
        # One is too large also where each file is limited.
        plant(source, {**MANY, "large": NEW["large"]})
        plant(destination, OLD)
        command = ["sync", "--no-record", "--retries=1", str(source), str(destination)]
        assert room.run(*command)[0] == 1
        for path, entry in harvest(destination).items():
            assert entry in (OLD.get(path), MANY.get(path)), path
        assert harvest(destination).keys() >= OLD.keys()
        assert not list(room.place.rglob("*.partial"))
        room.widen()
        assert room.run(*command)[0] == 0
        check(rclone, str(source), destination)


@pytest.mark.parametrize("streams", [0, 4])
def test_an_object_that_does_not_fit(streams: int, tmp_path: Path, seaweedfs: S3Endpoint, bucket: str) -> None:
    for path, entry in NEW.items():
        if entry is not None:
            seaweedfs.request("PUT", f"{bucket}/tree/{path}", entry.content)
    with tmpfs(tmp_path) as room:
        destination = room.place / "dest"
        plant(destination, OLD)
        flags = [f"--multi-thread-streams={streams}", "--multi-thread-cutoff=1M", "--no-record", "--retries=1"]
        command = ["sync", *flags, f"s3://{bucket}/tree", str(destination)]
        code, said = room.run(*command, environment=seaweedfs.environment())
        assert code == 1
        assert any(line in said.lower() for line in LINES), said
        there = harvest(destination)
        assert (there["large"], there["extra"]) == (OLD["large"], OLD["extra"])
        assert not list(room.place.rglob("*.partial"))
        room.widen()
        assert room.run(*command, environment=seaweedfs.environment())[0] == 0
        found = {path: entry and entry.content for path, entry in harvest(destination).items()}
        assert found == {path: entry and entry.content for path, entry in NEW.items()}


def test_output_that_does_not_fit_is_told(tmp_path: Path) -> None:
    plant(tmp_path / "source", {"a": File(b"a")})
    source, destination = str(tmp_path / "source"), str(tmp_path / "dest")
    for words in (["sync", "--no-record", "--json", source, destination], ["ls", source]):
        with Path("/dev/full").open("wb") as full:
            command = [sys.executable, "-m", "plait", *words]
            answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert answer.returncode == 1
        assert answer.stderr.splitlines()[-1] == "plait: error: failed to write the output: no space left on device"


def test_a_record_that_cannot_be_begun_leaves_everything_alone(tmp_path: Path) -> None:
    plant(tmp_path / "source", {"a": File(b"a")})
    (tmp_path / "file").write_bytes(b"")
    room = Room(tmp_path, limits_files=False)
    words = ["sync", str(tmp_path / "source"), str(tmp_path / "dest")]
    code, said = room.run(*words, environment={"PLAIT_STATE_DIR": str(tmp_path / "file" / "state")})
    assert code == 1
    assert said.splitlines()[-1] == "plait: hint: with --no-record it runs without a record"
    assert not (tmp_path / "dest").exists()


# A source that does not hold still


LARGE = 24 * MEBIBYTE
SLOW = ("--bwlimit=12M", "--transfers=1", "--check-first", "--multi-thread-streams=0")
"""With them one file after the other is carried, and the large one takes a while."""


def meddled(rclone: Path, base: Path, meddle: Callable[[Path], None]) -> dict[str, tuple[int, Tree]]:
    """Runs both programs slowly, meddles with the source while the large file is carried; exit codes and trees."""
    found = {}
    for name, program in (("rclone", [str(rclone)]), ("plait", [sys.executable, "-m", "plait", "rclone"])):
        source, destination = base / name / "source", base / name / "dest"
        plant(source, {"a": File(b"2" * LARGE, EPOCH + 1), "z/b": File(b"new", EPOCH + 1), "z/c": File(b"c")})
        plant(destination, {"a": File(b"1"), "z/b": File(b"old!"), "extra": File(b"extra")})
        command = [*program, "sync", "--config=", "--retries=1", *SLOW, str(source), str(destination)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
            while run.poll() is None and not list(destination.glob("*.partial")):
                time.sleep(0.01)
            meddle(source)
            _, said = run.communicate()
        assert "Traceback" not in said
        found[name] = (run.returncode, harvest(destination))
    return found


def shrink(source: Path) -> None:
    os.truncate(source / "a", MEBIBYTE)


def touch(source: Path) -> None:
    os.utime(source / "a", ns=(EPOCH + 5, EPOCH + 5))


@pytest.mark.parametrize("meddle", [shrink, touch])
def test_a_file_that_changes_while_it_is_read(meddle: Callable[[Path], None], tmp_path: Path, rclone: Path) -> None:
    found = meddled(rclone, tmp_path, meddle)
    assert found["plait"] == found["rclone"]
    code, tree = found["plait"]
    assert code == 6
    kept = {"a": File(b"1"), "extra": File(b"extra"), "z": None}
    assert tree == {**kept, "z/b": File(b"new", EPOCH + 1), "z/c": File(b"c")}


def test_a_file_that_vanishes_after_it_was_listed(tmp_path: Path, rclone: Path) -> None:
    found = meddled(rclone, tmp_path, lambda source: (source / "z" / "b").unlink())
    assert found["plait"][0] == found["rclone"][0] == 1
    for _, tree in found.values():
        assert tree.pop("a") == File(b"2" * LARGE, EPOCH + 1)
        assert tree == {"z": None, "z/b": File(b"old!"), "z/c": File(b"c"), "extra": File(b"extra")}
