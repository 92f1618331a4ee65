"""Reading one small file below a directory."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from plait.native.pure.write_file import numbers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.pure.write_file import Numbers

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def read_file(
    root: int, parents: Sequence[bytes], name: Sequence[bytes], limit: int, /
) -> tuple[Numbers, bytes] | None:
    """What the system says of a file in the directory `parents` below an open one, and all of its content.

    Returns None where anything is in the way: a directory that is missing or a link, no regular file, one of more than
    `limit` bytes, one that changes meanwhile or is not as long as it says. Who reads it step by step finds out what.

    Raises ValueError where a name is no plain file name, there is not one name, or the limit is negative.
    """
    for part in (*parents, *name):
        if part in {b"", b".", b".."} or b"/" in part or b"\0" in part:
            raise ValueError(f"not a plain file name: {part!r}")
    if len(name) != 1 or limit < 0:
        raise ValueError("a file has one name, and a size is not negative")
    try:
        directory = os.dup(root)
        try:
            for part in parents:
                below = os.open(part, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = below
            descriptor = os.open(name[0], _FILE, dir_fd=directory)
        finally:
            os.close(directory)
        try:
            return _taken(descriptor, limit)
        finally:
            os.close(descriptor)
    except OSError:
        return None


def _taken(descriptor: int, limit: int) -> tuple[Numbers, bytes] | None:
    found = os.fstat(descriptor)
    size = found.st_size
    if not stat.S_ISREG(found.st_mode) or size > limit:
        return None
    data = b""
    while len(data) <= size and (block := os.pread(descriptor, size + 1 - len(data), len(data))):
        data += block
    after = os.fstat(descriptor)
    same = (size, found.st_mtime_ns, found.st_ctime_ns) == (after.st_size, after.st_mtime_ns, after.st_ctime_ns)
    return (numbers_of(found), data) if same and len(data) == size else None
