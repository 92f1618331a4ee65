"""`--json` of the verbs on Plait's own face: an object a line, and a summary at the end."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY = {"key": "sub", "kind": "directory", "modified": "2020-09-13T12:26:40Z"}
FILES = [
    {"key": "a", "kind": "file", "size": 2, "modified": "2020-09-13T12:26:40Z"},
    {"key": "sub/b", "kind": "file", "size": 4, "modified": "2020-09-13T12:26:40Z"},
]
MD5 = [
    {"key": "a", "hashes": {"md5": "60b725f10c9c85c70d97880dfe8191b3"}},
    {"key": "sub/b", "hashes": {"md5": "b8694d827c0f13f22ed3bc610c19ec15"}},
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lsf -R", [*FILES, DIRECTORY]),
        ("lsf", [FILES[0], DIRECTORY]),
        ("lsl", FILES),
        ("lsd", [DIRECTORY]),
        ("tree", [*FILES, DIRECTORY]),
        ("md5sum", MD5),
        ("lsf -R --format ph --files-only", [file | hashed for file, hashed in zip(FILES, MD5, strict=True)]),
    ],
)
def test_records(
    words: str,
    expected: list[dict[str, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t/sub").mkdir(parents=True)
    (tmp_path / "t/a").write_text("a\n")
    (tmp_path / "t/sub/b").write_text("bbb\n")
    for name in ("t/a", "t/sub/b", "t/sub"):
        os.utime(tmp_path / name, (1_600_000_000, 1_600_000_000))
    verb, *more = words.split()
    assert main([verb, "t", "--json", *more], "plait") == 0
    *records, summary = map(json.loads, capfdbinary.readouterr().out.splitlines())
    assert sorted(records, key=lambda record: str(record["key"])) == sorted(expected, key=lambda r: str(r["key"]))
    assert (summary["event"], summary["exit_code"]) == ("summary", 0)
