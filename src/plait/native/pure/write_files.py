"""Writing a batch of small files into one directory."""

from __future__ import annotations

import fcntl
import os
import stat
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.native.pure.scan import refuse_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.pure.fastcdc import Bytes

_ROW: Final = Struct("=7q")
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_HOLE: Final = 64 << 10
_ZEROS: Final = bytes(_HOLE)


class _Row(NamedTuple):
    start: int
    size: int
    first_mode: int
    mode: int
    owner: int
    group: int
    modified: int


def write_files(
    directory: int, names: Sequence[bytes], partials: Sequence[bytes], data: Bytes, rows: Bytes, /
) -> bytes:
    """Writes files into an open directory, each under the partial name that goes with its name, locked (flock) and then
    renamed; another file may stand there. Zeros of 64 KiB, at a multiple of that, become a hole.

    `rows`: of each file seven int64: where its content begins in `data` and how long it is, the mode (less the umask)
    that it is made with and the one that it gets, owner and group, -1 and -1 to leave both, and the modification time
    in nanoseconds since the epoch.

    Returns a byte for each: 1 where it is written, 0 where anything was in the way. Nothing was done there, and who
    calls finds out what it is.

    Raises ValueError where a name is no plain file name, or the lengths of the arguments cannot be.
    """
    refuse_paths(names)
    refuse_paths(partials)
    if len(names) != len(partials) or len(rows) != len(names) * _ROW.size:
        raise ValueError("there is one partial name and seven int64 for each name")
    work = [_Row(*numbers) for numbers in _ROW.iter_unpack(rows)]
    if any(row.start < 0 or row.size < 0 or row.start + row.size > len(data) for row in work):
        raise ValueError("the content of a file is not in the data")
    view = memoryview(data)
    return bytes(
        _write_one(directory, name, partial, view[row.start : row.start + row.size], row)
        for name, partial, row in zip(names, partials, work, strict=True)
    )


def _write_one(directory: int, name: bytes, partial: bytes, content: memoryview, row: _Row) -> bool:
    try:
        descriptor = os.open(partial, _CREATE, row.first_mode, dir_fd=directory)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:
        os.unlink(partial, dir_fd=directory)
        os.close(descriptor)
        return False
    try:
        _fill(descriptor, content)
        _dress(descriptor, row)
        os.rename(partial, name, src_dir_fd=directory, dst_dir_fd=directory)
    except (OSError, OverflowError):
        if os.fstat(descriptor).st_nlink:
            os.unlink(partial, dir_fd=directory)
        return False
    finally:
        os.close(descriptor)
    return True


def _fill(descriptor: int, content: memoryview) -> None:
    start = 0
    for offset in range(0, len(content) - _HOLE + 1, _HOLE):
        if content[offset : offset + _HOLE] == _ZEROS:
            _write_at(descriptor, content[start:offset], start)
            start = offset + _HOLE
    _write_at(descriptor, content[start:], start)
    if start:
        os.ftruncate(descriptor, len(content))


def _write_at(descriptor: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written


def _dress(descriptor: int, row: _Row) -> None:
    found = os.fstat(descriptor)
    if found.st_nlink != 1:
        raise FileNotFoundError
    owned = row.owner >= 0 and (found.st_uid, found.st_gid) != (row.owner, row.group)
    if owned:
        os.fchown(descriptor, row.owner, row.group)
    # After the owner, whose change takes bits away.
    if owned or stat.S_IMODE(found.st_mode) != row.mode:
        os.fchmod(descriptor, row.mode)
    os.utime(descriptor, ns=(row.modified, row.modified))
