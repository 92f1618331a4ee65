"""Random trees and flags, mirrored by the real rclone and by Plait: the same trees, exit codes and reports."""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plait.testing.mirrors import EPOCH, File, Outcome, Tree, Twins

SECOND = 1_000_000_000
PATHS = (
    "a",
    "b.txt",
    "B.txt",
    "caf\u00e9",
    "new\nline",
    ".hidden",
    "d/a",
    "d/b.txt",
    "d/e/f",
    "d/e/g.txt",
    "d-x/a",
    "d.x",
    "g/skip",
    "g/i.jpg",
    "g/h/i/j.txt",
)
EMPTY = ("x", "x/y", "d/z", "g/h/k")
CONTENTS = (b"", b"1", b"2", b"12", b"3" * 5000)
TIMES = (EPOCH, EPOCH + 1, EPOCH + 5 * SECOND, EPOCH - 3600 * SECOND)

files = st.builds(File, st.sampled_from(CONTENTS), st.sampled_from(TIMES))
trees = st.builds(
    lambda some, empty: {**dict.fromkeys(empty), **some},
    st.dictionaries(st.sampled_from(PATHS), files, max_size=9),
    st.sets(st.sampled_from(EMPTY), max_size=2),
)

COMPARISON = (
    "--checksum",
    "--size-only",
    "--ignore-existing",
    "--ignore-times",
    "--ignore-size",
    "--update",
    "--immutable",
    "--no-update-modtime",
    "--modify-window=2ns",
    "--modify-window=6s",
    "--refresh-times",
)
CARRYING = ("--create-empty-src-dirs", "--inplace", "--check-first", "--no-update-dir-modtime", "--ignore-checksum")
DELETIONS = ("--delete-before", "--delete-during", "--delete-after")
KEEPING = (
    ("--backup-dir=BASE/backup",),
    ("--backup-dir=BASE/backup", "--suffix=.old"),
    ("--suffix=.old",),
    ("--suffix=-old", "--suffix-keep-extension"),
)
FILTERS = (
    "--exclude=*.txt",
    "--exclude=/d/",
    "--exclude=d/**",
    "--exclude=h/**",
    "--include=*.txt",
    "--include=/d/**",
    "--include=*.{jpg,txt}",
    "--filter=+ /d/e/*",
    "--filter=- e/**",
    "--filter=- *.jpg",
    "--max-depth=1",
    "--max-depth=2",
    "--min-size=1B",
    "--max-size=1B",
    "--exclude-if-present=skip",
    "--hash-filter=1/2",
    "--ignore-case",
    "--delete-excluded",
    "--min-age=2000-01-01",
    "--max-age=2020-09-13T12:26:41Z",
)


def some(flags: tuple[str, ...], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(flags), max_size=most, unique=True)


mirror_flags = st.builds(
    lambda *parts: [flag for part in parts for flag in part],
    some(COMPARISON, 2),
    some(CARRYING, 2),
    some(FILTERS, 2),
    st.sampled_from(((), (), (), *KEEPING)),
)


@pytest.fixture(scope="module")
def twins(rclone: Path) -> Iterator[Twins]:
    with tempfile.TemporaryDirectory(prefix="plait-twins-") as base:
        yield Twins(Path(base), rclone)


def assert_alike(theirs: Outcome, ours: Outcome) -> None:
    assert ours.code == theirs.code, (theirs.log[-8:], ours.log[-8:])
    assert ours.source == theirs.source
    assert ours.destination == theirs.destination
    assert ours.reports == theirs.reports


@given(source=trees, destination=trees, flags=mirror_flags, deletions=some(DELETIONS, 1))
@example({"g/i.jpg": File(b"12")}, {"g/i.jpg": File(b"1"), "g/skip": File()}, ["--exclude-if-present=skip"], [])
def test_sync(twins: Twins, source: Tree, destination: Tree, flags: list[str], deletions: list[str]) -> None:
    theirs, ours = twins.run("sync", source, destination, [*flags, *deletions, "--retries=1"])
    if deletions == ["--delete-before"]:
        # rclone walks both trees twice, and the second time it meets what it has just kept.
        theirs = replace(theirs, reports={})
        ours = replace(ours, reports={})
    assert_alike(theirs, ours)


@given(source=trees, destination=trees, flags=mirror_flags)
def test_copy(twins: Twins, source: Tree, destination: Tree, flags: list[str]) -> None:
    flags = [flag for flag in flags if flag != "--delete-excluded"]
    assert_alike(*twins.run("copy", source, destination, [*flags, "--retries=1"]))


@given(source=trees, destination=trees, flags=mirror_flags, empties=st.booleans())
def test_move(twins: Twins, source: Tree, destination: Tree, flags: list[str], *, empties: bool) -> None:
    flags = [flag for flag in flags if flag != "--delete-excluded"]
    more = ["--delete-empty-src-dirs"] if empties else []
    theirs, ours = twins.run("move", source, destination, [*flags, *more, "--retries=1"])
    assert ours.code == theirs.code
    assert ours.source == theirs.source
    assert ours.destination == theirs.destination
    # rclone reports each file that it need not copy as an error, though none happened.
    for report in ("missing-on-src", "missing-on-dst", "match", "differ"):
        assert ours.reports[report] == theirs.reports[report]


@given(source=trees, destination=trees, flags=mirror_flags)
def test_dry_run(twins: Twins, source: Tree, destination: Tree, flags: list[str]) -> None:
    theirs, ours = twins.run("sync", source, destination, [*flags, "--dry-run", "--retries=1"])
    assert_alike(theirs, ours)
    assert ours.destination.keys() == {*destination, *(path.rpartition("/")[0] for path in destination)} - {""} | {
        path for path in ours.destination if ours.destination[path] is None
    }


@given(
    source=trees,
    destination=trees,
    flags=some(tuple(flag for flag in FILTERS if flag != "--delete-excluded"), 2),
    how=st.sampled_from(((), ("--size-only",), ("--download",), ("--one-way",))),
)
def test_check(twins: Twins, source: Tree, destination: Tree, flags: list[str], how: tuple[str, ...]) -> None:
    assert_alike(*twins.run("check", source, destination, [*flags, *how]))


# What a marker at the destination alone hides is there, but the real check does not see it.
@given(source=trees, destination=trees, flags=some(tuple(flag for flag in FILTERS if "present" not in flag), 2))
def test_the_real_check_passes_after_a_sync(
    twins: Twins, source: Tree, destination: Tree, flags: list[str], rclone: Path
) -> None:
    flags = [*flags, "--checksum"]
    _, ours = twins.run("sync", source, destination, flags)
    assert ours.code == 0
    base = twins.base / "plait"
    filters = [flag for flag in flags if flag not in {"--delete-excluded", "--checksum"}]
    command = [str(rclone), "--config", "", "check", str(base / "source"), str(base / "dest"), *filters]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
