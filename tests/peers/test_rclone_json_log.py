"""What JSON log lines say of themselves, beside the real rclone: the object's type and the line of its code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLAIT = Path(sys.executable).with_name("plait")
FILES = {"s/a": "1", "s/sub/n": "n", "s/q": "same", "s/t": "same", "d/a": "12", "d/old/o": "o", "d/q": "same"}
LINES = [
    "sync s d -v --links --no-update-dir-modtime",
    "sync s d -n",
    "sync s d -v --backup-dir bk --suffix .o",
    "sync s d --immutable",
    "sync s d --max-delete 0",
    "sync nosuch d",
    "copy s s",
    "move s d -v --exclude nothing --delete-empty-src-dirs",
    "check s d -v",
    "check d s -v",
    "check s d --download",
]


def told(program: list[str | Path], words: str, root: Path) -> set[tuple[str | None, ...]]:
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    (root / "s/link").symlink_to("nowhere")
    done = subprocess.run(
        [*program, *words.split(), "--use-json-log", "--config="],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    records = [json.loads(line) for line in done.stderr.splitlines()]
    return {
        (re.sub(r" \(using.*|\n.*", "", found["msg"]), *map(found.get, ("object", "objectType", "source", "size")))
        for found in records
    }


@pytest.mark.parametrize("words", LINES)
def test_same_origins(words: str, rclone: Path, tmp_path: Path) -> None:
    theirs = told([rclone], words, tmp_path / "theirs")
    assert any(line[3] for line in theirs)
    assert told([PLAIT, "rclone"], words, tmp_path / "ours") == theirs
