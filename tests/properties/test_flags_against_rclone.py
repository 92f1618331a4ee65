"""Random trees and flags that widen a mirror, by the real rclone and by Plait: the same trees, codes and reports."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.testing.mirrors import EPOCH, File, Outcome, Tree, Twins

SECOND = 1_000_000_000
PATHS = (
    "a",
    "b.txt",
    "c.tar.gz",
    "d/a",
    "d/b.txt",
    "d/e/a",
    "e/b.txt",
    "f g/h",
    "f g/caf\u00e9.txt",
    "longer.name.jpg",
)
CONTENTS = (b"", b"1", b"2", b"12", b"3" * 5000)
TIMES = (EPOCH, EPOCH + 5 * SECOND)
files = st.builds(File, st.sampled_from(CONTENTS), st.sampled_from(TIMES))
trees = st.dictionaries(st.sampled_from(PATHS), files, max_size=8)
few = st.sampled_from(((), (), ("--checksum",), ("--size-only",), ("--exclude=*.txt",), ("--update",), ("--dry-run",)))


@pytest.fixture(scope="module")
def twins(rclone: Path) -> Iterator[Twins]:
    with tempfile.TemporaryDirectory(prefix="plait-flags-") as base:
        yield Twins(Path(base), rclone)


def assert_alike(theirs: Outcome, ours: Outcome, *, reports: bool = True) -> None:
    assert ours.code == theirs.code, (theirs.log[-8:], ours.log[-8:])
    assert ours.source == theirs.source
    assert files_of(ours.destination) == files_of(theirs.destination)
    if reports:
        assert ours.reports == theirs.reports


def files_of(tree: Tree) -> Tree:
    return {path: entry for path, entry in tree.items() if entry is not None}


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: entry.content for path, entry in tree.items() if entry is not None}


STRATEGIES = ("hash", "leaf", "modtime", "size", "hash,leaf", "hash,modtime", "modtime,leaf", "")


@settings(max_examples=20)
@given(
    source=trees,
    destination=trees,
    strategy=st.sampled_from(STRATEGIES),
    flags=few,
    backup=st.sampled_from(((), (), ("--backup-dir=BASE/kept",))),
)
def test_track_renames(
    twins: Twins, source: Tree, destination: Tree, strategy: str, flags: tuple[str, ...], backup: tuple[str, ...]
) -> None:
    more = [*flags, *backup, "--track-renames", f"--track-renames-strategy={strategy}", "--retries=1"]
    theirs, ours = twins.run("sync", source, destination, more)
    assert ours.code == theirs.code
    assert ours.reports == theirs.reports
    # Which of several equal files is renamed is not told; what stands there in the end is.
    assert ours.destination.keys() == theirs.destination.keys()
    if "hash" in strategy:
        assert contents(ours.destination) == contents(theirs.destination)


@settings(max_examples=20)
@given(
    verb=st.sampled_from(("sync", "copy", "move")),
    source=trees,
    destination=trees,
    others=st.lists(trees, min_size=1, max_size=2),
    flags=few,
)
def test_compare_dest(
    twins: Twins, verb: str, source: Tree, destination: Tree, others: list[Tree], flags: tuple[str, ...]
) -> None:
    places = {f"other{number}": tree for number, tree in enumerate(others)}
    more = [f"--compare-dest=BASE/{place}" for place in places]
    # rclone fails over the times of directories into which nothing had to be copied.
    theirs, ours = twins.run(
        verb, source, destination, [*flags, *more, "--no-update-dir-modtime", "--retries=1"], places
    )
    # rclone also reports what the comparisons with the other trees found.
    assert_alike(theirs, ours, reports=False)


@settings(max_examples=20)
@given(
    verb=st.sampled_from(("copy", "move")),
    source=trees,
    destination=trees,
    flags=few,
    how=st.sampled_from((("--no-traverse",), ("--no-check-dest",), ("--no-traverse", "--no-check-dest"))),
)
def test_an_unlisted_destination(
    twins: Twins, verb: str, source: Tree, destination: Tree, flags: tuple[str, ...], how: tuple[str, ...]
) -> None:
    theirs, ours = twins.run(verb, source, destination, [*flags, *how, "--retries=1"])
    assert_alike(theirs, ours, reports=False)


TRANSFORMS = (
    *("none", "uppercase", "lowercase", "titlecase", "nfd", "nfc", "ascii", "url", "base64encode"),
    *("prefix=p-", "suffix=-s", "suffix_keep_extension=-k", "trimprefix=b", "trimsuffix=.txt", "replace=a:b"),
    *("truncate=3", "truncate_keep_extension=9", "truncate_bytes=4", "truncate_bytes_keep_extension=10"),
    *("regex=[aeiou]/_", "regex=(.)\\./$1-", "ISO-8859-1", "Windows-1252", "charmap=IBM-Code-Page-437"),
    *("encoder=Dot,LtGt", "encoder=LeftSpace,RightPeriod", "decoder=Slash", "date=-x"),
    *("dir,prefix=D-", "all,prefix=A-", "all,uppercase", "file,suffix=.f", "dir,replace=d:x", "all,truncate=1"),
)


@settings(max_examples=20)
@given(
    verb=st.sampled_from(("sync", "copy", "move")),
    source=trees,
    destination=trees,
    transforms=st.lists(st.sampled_from(TRANSFORMS), min_size=1, max_size=2),
)
def test_name_transform(twins: Twins, verb: str, source: Tree, destination: Tree, transforms: list[str]) -> None:
    more = [f"--name-transform={transform}" for transform in transforms]
    theirs, ours = twins.run(verb, source, destination, [*more, "--retries=1"])
    assert_alike(theirs, ours, reports=False)
