"""A mirror that carries new files together ends as one that carries each by itself, and says the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plait.testing.mirrors import run_plait

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = 1_700_000_000_123_456_789
EACH_ALONE = "--max-transfer=1P"


def lay(root: Path) -> None:
    for key, content in {
        "a": "1",
        "b": "22",
        "d/e/x": "deep",
        "d/e/y": "deeper",
        "d/m": "",
        "d/n.skip": "left out",
        "d/o": "new here, hidden there",
        "é/1": "one",
        "é/2": "two",
        "z": "last",
    }.items():
        path = root / "source" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (root / "source" / "d" / "empty").mkdir()
    (root / "source" / "big").write_bytes(bytes(3 << 20))
    (root / "source" / os.fsdecode(b"\xff")).write_text("undecodable")
    (root / "destination" / "d").mkdir(parents=True)
    (root / "destination" / "d" / "o").write_text("is as long as nothing else")
    (root / "destination" / "gone").write_text("not at the source")
    for path in root.rglob("*"):
        os.utime(path, ns=(MOMENT, MOMENT + len(path.name)))


def tree(root: Path) -> dict[str, tuple[int, bytes] | None]:
    return {
        os.fsdecode(os.fsencode(path.relative_to(root))): (path.stat().st_mtime_ns, path.read_bytes())
        if path.is_file()
        else None
        for path in root.rglob("*")
    }


@pytest.mark.parametrize("verb", ["sync", "copy", "move"])
@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--exclude=*.skip",),
        ("--max-size=10b",),
        ("--create-empty-src-dirs",),
        ("--ignore-existing",),
        ("--inplace",),
        ("--metadata",),
        ("--suffix=.old",),
        ("--dry-run",),
    ],
)
def test_carried_together_or_alone_the_end_is_the_same(tmp_path: Path, verb: str, flags: tuple[str, ...]) -> None:
    ends = []
    for extra in ((), (EACH_ALONE,)):
        root = tmp_path / str(len(extra))
        lay(root)
        report = f"--combined={root / 'report'}"
        code, log = run_plait(verb, [str(root / "source"), str(root / "destination")], (*flags, *extra, report))
        lines = sorted((root / "report").read_bytes().splitlines())
        said = sorted(line.replace(str(root), "") for line in log)
        ends.append((code, said, lines, tree(root / "source"), tree(root / "destination")))
    together, alone = ends
    assert together == alone
    assert together[0] == 0
