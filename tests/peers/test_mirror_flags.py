"""Flags of the mirror beside the real rclone: what is left, what is said, and how both end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plait.testing.mirrors import EPOCH, File, Tree, Twins, harvest, plant

SECOND = 1_000_000_000


@pytest.fixture
def twins(tmp_path: Path, rclone: Path) -> Twins:
    return Twins(tmp_path, rclone, front=True)


def f(content: bytes = b"x", modified: int = EPOCH) -> File:
    return File(content, modified)


SOURCE: Tree = {"a": f(b"1"), "d/b": f(b"2"), "new": f(b"33", EPOCH + SECOND), "d/e/c": f(b"4444")}
DESTINATION: Tree = {"a": f(b"1"), "d/b": f(b"5"), "extra": f(b"666"), "d/x": f(b"7")}


@pytest.mark.parametrize("verb", ["sync", "copy"])
@pytest.mark.parametrize(
    "flags",
    [[], ["--format=tps"], ["--format=hp", "--separator=@"], ["--absolute", "--dry-run"], ["--size-only"], ["-I"]],
    ids=" ".join,
)
def test_what_will_be_there(twins: Twins, verb: str, flags: list[str]) -> None:
    theirs, ours = twins.run(verb, SOURCE, DESTINATION, [*flags, "--dest-after=BASE/after"])
    assert ours.code == theirs.code
    left, right = ((twins.base / name / "after").read_text().splitlines() for name in ("plait", "rclone"))
    assert sorted(left) == sorted(right)


MANY: Tree = {f"f{number}": f(b"x" * 1000) for number in range(8)}


@pytest.mark.parametrize("limit", ["2500B", "3000B"])
@pytest.mark.parametrize("mode", ["HARD", "SOFT", "CAUTIOUS"])
def test_a_limit_of_transfers(twins: Twins, mode: str, limit: str) -> None:
    flags = [f"--max-transfer={limit}", f"--cutoff-mode={mode}", "--transfers=1", "--checkers=1"]
    theirs, ours = twins.run("sync", MANY, {"extra": f()}, flags)
    assert ours.code == theirs.code == 8
    assert len(ours.destination) == len(theirs.destination)
    assert "extra" in ours.destination
    assert ours.logged("max transfer limit reached as set by --max-transfer")


@pytest.mark.parametrize("mode", ["HARD", "SOFT", "CAUTIOUS"])
def test_a_limit_of_time(twins: Twins, mode: str) -> None:
    theirs, ours = twins.run("sync", MANY, {"extra": f()}, ["--max-duration=1ns", f"--cutoff-mode={mode}"])
    assert ours.code == theirs.code == 10
    assert ours.destination == theirs.destination == {"extra": f()}
    assert ours.logged(f"Transfer session {mode} deadline: ")
    assert ours.logged("max transfer duration reached as set by --max-duration")


ORDERED: Tree = {
    "big": f(b"x" * 3000, EPOCH + 3 * SECOND),
    "mid": f(b"x" * 200, EPOCH + SECOND),
    "a/small": f(b"x", EPOCH + 2 * SECOND),
    "z.log": f(b"x" * 20, EPOCH),
}


@pytest.mark.parametrize(
    "order",
    [
        *("name", "size", "size,desc", "modtime,descending", "modtime,asc", "name,mixed,100", "size,mixed,0"),
    ],
)
def test_an_order_of_transfers(twins: Twins, order: str) -> None:
    flags = [f"--order-by={order}", "--check-first", "--transfers=1", "--checkers=1"]
    theirs, ours = twins.run("copy", ORDERED, {}, flags)
    assert ours.code == theirs.code == 0
    assert copied(ours.log) == copied(theirs.log)
    for text in ("Running all checks before starting transfers", "Checks finished, now starting transfers"):
        assert ours.logged(text)
        assert theirs.logged(text)


def copied(log: tuple[str, ...]) -> list[str]:
    return [line.split(": ")[1] for line in log if "Copied (new)" in line]


@pytest.mark.parametrize(
    ("verb", "flags", "code"),
    [
        ("sync", ["--order-by=foo"], 7),
        ("sync", ["--order-by=size,foo"], 7),
        ("sync", ["--order-by=size,mixed,1,2"], 7),
        ("sync", ["--compare-dest=BASE/c", "--copy-dest=BASE/c"], 1),
        ("sync", ["--copy-dest=BASE/c"], 7),
        ("sync", ["--track-renames", "--delete-before"], 7),
        ("sync", ["--track-renames", "--track-renames-strategy=foo"], 1),
        ("sync", ["--no-check-dest"], 1),
        ("copy", ["--no-check-dest", "--immutable"], 1),
        ("sync", ["--cutoff-mode=foo"], 2),
        ("sync", ["--max-duration=1d"], 2),
        ("sync", ["--log-format=foo"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_is_refused(twins: Twins, verb: str, flags: list[str], code: int) -> None:
    theirs, ours = twins.run(verb, {"a": f()}, {"b": f()}, flags, {"c": {"a": f()}})
    assert (ours.code, theirs.code) == (code, code), ours.log
    assert ours.destination == theirs.destination == {"b": f()}


@pytest.mark.parametrize(
    ("verb", "flag", "said"),
    [
        ("copy", "--track-renames", "Ignoring --track-renames as it doesn't work with copy or move, only sync"),
        ("sync", "--no-traverse", "Ignoring --no-traverse with sync"),
    ],
)
def test_what_has_no_effect_is_said(twins: Twins, verb: str, flag: str, said: str) -> None:
    theirs, ours = twins.run(verb, {"a": f()}, {"b": f()}, [flag])
    assert ours.logged(said)
    assert theirs.logged(said)
    assert ours.destination == theirs.destination


def test_renames_are_told_as_by_rclone(twins: Twins) -> None:
    content: dict[str, File | None] = {"x/one": f(b"1" * 100), "x/two": f(b"2" * 200)}
    theirs, ours = twins.run(
        "sync", content, {"y/one": f(b"1" * 100), "z": f(b"2" * 200), "del": f()}, ["--track-renames"]
    )
    assert ours.destination == theirs.destination
    assert told(ours.log) == told(theirs.log)
    for part in ('x/one: Renamed from "y/one"', "y/one: Moved (server-side) to: x/one"):
        assert ours.logged(part)
    theirs, ours = twins.run("sync", content, {"y/one": f(b"1" * 100)}, ["--track-renames", "--dry-run"])
    assert told(ours.log) == told(theirs.log)


def told(log: tuple[str, ...]) -> list[str]:
    """Lines about single files, without times."""
    words = ("Renamed", "Moved", "Copied", "Deleted", "Skipped move", "Skipped copy", "Skipped delete")
    return sorted(line[20:] for line in log if any(word in line for word in words) and line[:2] == "20")


def test_names_that_differ_in_case_become_the_source_s(tmp_path: Path) -> None:
    """rclone does so where the destination ignores case; elsewhere it lists the old directory and finds it empty."""
    plant(tmp_path / "s", {"Dir/Sub/File": f(b"1"), "Dir/b": f(b"2")})
    plant(tmp_path / "d", {"dir/sub/FILE": f(b"1"), "dir/B": f(b"3", EPOCH - SECOND)})
    command = [sys.executable, "-m", "plait", "rclone", "--config", "", "sync"]
    places = [str(tmp_path / "s"), str(tmp_path / "d")]
    subprocess.run([*command, *places, "--ignore-case-sync", "--fix-case"], check=True)
    assert harvest(tmp_path / "d") == harvest(tmp_path / "s")
    assert (tmp_path / "d/Dir").stat().st_mtime_ns == EPOCH


def test_a_limit_of_bandwidth_is_lifted_by_a_signal(tmp_path: Path, rclone: Path) -> None:
    plant(tmp_path / "s", {"big": f(b"x" * 3_000_000)})
    for number, program in enumerate(([str(rclone)], [sys.executable, "-m", "plait", "rclone"])):
        command = [*program, "--config", "", "copy", "-v", "--bwlimit=20k", str(tmp_path / "s")]
        with subprocess.Popen([*command, str(tmp_path / str(number))], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert "INFO  : Starting bandwidth limiter at 20Ki Byte/s" in said
            deadline = time.monotonic() + 60
            while not (tmp_path / str(number)).exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGUSR2)
            assert "NOTICE: Bandwidth limit disabled by user (now off)" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            process.stderr.read()


def test_links_keep_their_owner_with_metadata(twins: Twins) -> None:
    """Of a process that may not give files away, the owner is its own, and stays so."""
    source: Tree = {"l": File(b"", EPOCH, "target"), "a": f()}
    for name in ("rclone", "plait"):
        plant(twins.base / name / "s", source)
        if os.geteuid() == 0:
            os.chown(twins.base / name / "s" / "l", 1234, 1235, follow_symlinks=False)
        program = [str(twins.rclone)] if name == "rclone" else [sys.executable, "-m", "plait", "rclone"]
        places = [twins.base / name / "s", twins.base / name / "d"]
        subprocess.run([*program, "--config", "", "sync", "--links", "--metadata", *places], check=True)
    ours, theirs = ((twins.base / name / "d" / "l").lstat() for name in ("plait", "rclone"))
    assert (ours.st_uid, ours.st_gid, ours.st_mode) == (theirs.st_uid, theirs.st_gid, theirs.st_mode)
    assert ours.st_uid == (1234 if os.geteuid() == 0 else os.geteuid())


def test_check_of_a_source_that_is_missing(twins: Twins) -> None:
    plant(twins.base / "d", {"a": f()})
    said = []
    for program in ([str(twins.rclone)], [sys.executable, "-m", "plait", "rclone"]):
        command = [*program, "--config", "", "check", "nosuch", "d"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=twins.base)
        said.append(
            (answer.returncode, sorted(line[20:].replace(str(twins.base), "") for line in answer.stderr.splitlines()))
        )
    assert said[0] == said[1]
    assert said[0][0] == 3


@pytest.mark.parametrize("verb", ["copy", "move", "sync"])
@pytest.mark.parametrize("limit", [["--max-depth=1"], ["--exclude-if-present=b"], ["--exclude=d/**"]], ids=" ".join)
def test_new_names_bring_nothing_that_is_not_selected(twins: Twins, verb: str, limit: list[str]) -> None:
    flags = [*limit, "--name-transform=file,prefix=z_"]
    theirs, ours = twins.run(verb, SOURCE, {"z_a": f(b"1")}, flags)
    assert (ours.code, ours.destination, ours.source) == (theirs.code, theirs.destination, theirs.source)


@pytest.mark.parametrize("limit", ["--max-delete=0", "--max-delete-size=0", "--max-delete=1", "--max-delete=9"])
def test_what_a_move_deletes_at_its_source_counts(twins: Twins, limit: str) -> None:
    equal: Tree = {name: f(b"1") for name in "abc"}
    theirs, ours = twins.run("move", equal, equal, [limit, "--checkers=1", "--transfers=1"])
    assert ours.code == theirs.code
    assert len(ours.source) == len(theirs.source)
