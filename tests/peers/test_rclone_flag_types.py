"""Every flag of the real rclone takes a value here where it takes one there, of the same kind."""

import re
import subprocess
from pathlib import Path

from plait.cli.fronts.rclone_verbs import GLOBAL
from plait.mirror.absent_options import absent_option
from plait.mirror.option_types import DURATION, INTEGER, NUMBER, SIZE

LINE = re.compile(r" +(?:-\w, )?--([\w-]+)(?: (\S+))?(?: {2,}.*|$)")
KINDS = {"int": INTEGER, "SizeSuffix": SIZE, "Duration": DURATION, "float": NUMBER}
COUNTED = "count"
NOT_HERE = {"help", "group", "name", "cpuprofile", "memprofile", "rc", "metrics-addr"}
"""Those of help itself, and those that are refused by name."""


def alike(name: str, kind: str | None) -> bool:
    live = GLOBAL.named(name)
    option = live or absent_option(name)
    if option is None:
        return False
    if kind != COUNTED and option.type.is_switch != (kind is None):
        return False
    return live is not None or kind not in KINDS or option.type is KINDS[kind]


def test_flags_take_what_they_take_in_rclone(rclone: Path) -> None:
    told = subprocess.run([rclone, "help", "flags"], capture_output=True, text=True, check=True).stdout
    flags = [(found[1], found[2]) for line in told.splitlines() if (found := LINE.fullmatch(line))]
    assert len(flags) > 1000
    wrong = {name for name, kind in flags if not alike(name, kind)}
    assert wrong <= NOT_HERE
