"""Reading many small files of one directory."""

from __future__ import annotations

import errno
import os
import stat
import sys
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_NONE: Final = (0,) * 8
_WORDS: Final = 1 << 64
_NO_XATTRS: Final = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def read_files(directory: int, names: Sequence[bytes], limit: int, bare: bool, /) -> tuple[bytes, bytes]:  # noqa: FBT001  (as the C function: by position)
    """Reads regular files of an open directory that have one name and at most `limit` bytes, each.

    Returns eight int64 for each: its size, its modification time in nanoseconds since the epoch, its inode and device
    (the bits of what the system gives), mode, owner, group, and 1; or zeros where anything is in the way: it is not
    there, is something else, longer, has other names, cannot be read, is not as long as it says, or, if `bare`, has
    extended attributes. Who reads it step by step finds out what. And all content, one file behind the other.

    Raises ValueError where a name is no plain file name, or the descriptor or the limit is negative.
    """
    for name in names:
        if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
            raise ValueError(f"not a plain file name: {name!r}")
    if directory < 0 or limit < 0:
        raise ValueError("a descriptor is not negative, and a size neither")
    rows, parts = array("q"), []
    for name in names:
        found = _read(directory, name, limit, bare=bare)
        rows.extend(_NONE if found is None else found[0])
        parts.append(b"" if found is None else found[1])
    return rows.tobytes(), b"".join(parts)


def _read(directory: int, name: bytes, limit: int, *, bare: bool) -> tuple[Sequence[int], bytes] | None:
    try:
        descriptor = os.open(name, _FILE, dir_fd=directory)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size <= limit
        if not plain or (bare and not _is_bare(descriptor)):
            return None
        data = b""
        while len(data) <= found.st_size and (block := os.read(descriptor, found.st_size + 1 - len(data))):
            data += block
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if len(data) != found.st_size:
        return None
    numbers = found.st_size, found.st_mtime_ns, _signed(found.st_ino), _signed(found.st_dev)
    return (*numbers, found.st_mode, found.st_uid, found.st_gid, 1), data


def _is_bare(descriptor: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return not os.listxattr(descriptor)
    except OSError as error:
        return error.errno in _NO_XATTRS


def _signed(number: int) -> int:
    return number - _WORDS if number >= _WORDS >> 1 else number
