"""What the file system below a root does with names and times, found out without leaving anything behind."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from plait.stores.local.paths import DIRECTORY

LOOKED_AT = 1000
"""How many entries are looked at for a name that has letters."""
_SECOND = 10**9
_INSENSITIVE = {"vfat": 2 * _SECOND, "msdos": 2 * _SECOND, "exfat": _SECOND // 100, "hfs": _SECOND, "hfsplus": _SECOND}
"""Linux file systems that do not tell names apart by case, and the precision of their times in nanoseconds."""
_DECOMPOSING = {"hfs", "hfsplus"}


class Properties(msgspec.Struct, frozen=True):
    """`time_precision` in nanoseconds."""

    case_sensitive: bool
    keeps_unicode: bool
    time_precision: int


def probe(root: str) -> Properties:
    """The properties at a path, or at what exists above it.

    An existing name is looked up with its case swapped; only where no name has letters, the kind of the file system
    tells, or the habit of the platform.
    """
    path = Path(root)
    while not path.is_dir() and path.parent != path:
        path = path.parent
    kind = file_system(path)
    sensitive: bool | None = None
    with suppress(OSError):
        descriptor = os.open(path, DIRECTORY)
        try:
            sensitive = tells_case_apart(descriptor)
        finally:
            os.close(descriptor)
    if sensitive is None:
        sensitive = kind not in _INSENSITIVE and sys.platform not in {"darwin", "win32"}
    return Properties(sensitive, kind not in _DECOMPOSING, _INSENSITIVE.get(kind, 1))


def tells_case_apart(directory: int) -> bool | None:
    """Whether an open directory tells names apart by case; None where it holds no name to try."""
    with os.scandir(directory) as entries:
        for entry in islice(entries, LOOKED_AT):
            swapped = entry.name.swapcase()
            if swapped == entry.name or swapped.swapcase() != entry.name:
                continue
            try:
                other = os.stat(swapped, dir_fd=directory, follow_symlinks=False)
            except OSError:
                return True
            return other.st_ino != entry.inode()
    return None


def file_system(path: Path) -> str:
    """The kind of the file system that holds the path, by Linux' name for it; "" where it is not known."""
    try:
        device = path.stat().st_dev
        with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="surrogateescape") as mounts:
            wanted = f" {os.major(device)}:{os.minor(device)} "
            for line in mounts:
                if wanted in line:
                    return line.partition(" - ")[2].partition(" ")[0]
    except OSError:
        return ""
    return ""
