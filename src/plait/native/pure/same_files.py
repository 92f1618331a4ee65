"""Comparing the contents of many small files in two directories."""

from __future__ import annotations

import os
import stat as modes
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.native.pure.scan import clamped, refuse_negative, refuse_paths, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.pure.content import Flag

SAME: Final = 0
OTHER: Final = 1
UNKNOWN: Final = 2
"""Only a look at this file alone can tell: it is large, not the expected one any more, or cannot be read."""

_LARGEST = 128 * 1024 - 1
_EXPECTED = Struct("=10q")


class File(NamedTuple):
    """What is to be found of a file: bytes, and nanoseconds since the epoch."""

    size: int
    modified: int
    changed: int
    inode: int
    device: int


def same_files(left: int, right: int, names: Sequence[bytes], expected: Flag, /) -> bytes:
    """Compares the files of these names in the directories open as `left` and `right`.

    `expected` holds, for each name, five native int64 of the one file and five of the other: size in bytes,
    modification and change time in ns, inode, device, as `scan` gives them.

    Returns a byte for each name: `SAME`, `OTHER` or `UNKNOWN`. Links are not followed. Raises ValueError for names that
    are empty, `.`, `..` or hold `/` or NUL, for negative descriptors and for arguments whose lengths do not fit.
    """
    names = tuple(names)
    refuse_negative(left, right)
    refuse_paths(names)
    if len(expected) != len(names) * _EXPECTED.size:
        raise ValueError("expected holds ten int64 for each name")
    rows = zip(names, _EXPECTED.iter_unpack(expected), strict=True)
    return bytes(_compare(left, right, name, File(*row[:5]), File(*row[5:])) for name, row in rows)


def _compare(left: int, right: int, name: bytes, one: File, other: File) -> int:
    ours = read_expected(left, name, one, _LARGEST)
    theirs = None if ours is None else read_expected(right, name, other, _LARGEST)
    if theirs is None:
        return UNKNOWN
    return SAME if ours == theirs else OTHER


def read_expected(directory: int, name: bytes, expected: File, largest: int) -> bytes | None:
    """All of a file that is, and stays, the expected one; None where it is not, or is larger than `largest` bytes."""
    if not 0 <= expected.size <= largest:
        return None
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not is_expected(found, expected):
            return None
        data = b""
        while len(data) <= expected.size and (more := os.read(descriptor, expected.size + 1 - len(data))):
            data += more
            if len(data) == expected.size:
                break
        found = os.fstat(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    held = (found.st_size, clamped(found.st_mtime_ns)) == (expected.size, expected.modified)
    return data if held and len(data) == expected.size else None


def is_expected(found: os.stat_result, expected: File) -> bool:
    """True for a regular file that is the expected one."""
    return modes.S_ISREG(found.st_mode) and expected == (
        found.st_size,
        clamped(found.st_mtime_ns),
        clamped(found.st_ctime_ns),
        wrapped(found.st_ino),
        wrapped(found.st_dev),
    )
