"""What Plait knows of S3 by table is what the real rclone knows: options, and the content types of names."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from plait.stores.objects.content_types import _tables, content_type_of
from plait.stores.objects.options import REFUSED, WITHOUT_EFFECT, S3Options

if TYPE_CHECKING:
    from pathlib import Path


def test_every_option_of_rclone_is_known(rclone: Path) -> None:
    words = [str(rclone), "--config", "", "help", "backend", "s3"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    options = {line.split(":")[1].strip() for line in text.splitlines() if line.startswith("- Config: ")}
    assert len(options) > 70
    assert options - {*S3Options.__struct_fields__, *WITHOUT_EFFECT, *REFUSED} == set()


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
