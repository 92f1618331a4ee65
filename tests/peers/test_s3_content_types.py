"""The content type of a name is the one that rclone finds."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from plait.stores.objects.content_types import _tables, content_type_of

if TYPE_CHECKING:
    from pathlib import Path


def test_types_by_extension(rclone: Path, tmp_path: Path) -> None:
    extensions = [extension for extension in _tables()[0] if "/" not in extension and len(extension) < 60]
    names = [f"a{number}{extension}" for number, extension in enumerate(extensions)]
    names += [f"b{number}{extension.upper()}" for number, extension in enumerate(extensions)]
    names += ["none", ".hidden", "trailing.", "two.tar.gz", "mixed.Html", "upper.C", "a.unknown-extension"]
    for name in names:
        (tmp_path / name).touch()
    command = [str(rclone), "--config", "", "lsjson", str(tmp_path)]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(listed) == len(names)
    assert {entry["Name"]: content_type_of(entry["Name"]) for entry in listed} == {
        entry["Name"]: entry["MimeType"] for entry in listed
    }
