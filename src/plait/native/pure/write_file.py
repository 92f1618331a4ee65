"""Writing one small file below a directory."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.native.pure.fastcdc import Bytes

Numbers: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Size, times of modification, change and access in nanoseconds, inode, device, mode, uid, gid, names, special device;
as `plait.model.items.Posix` has them."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SIGN = 1 << 63


def write_file(
    root: int,
    parents: Sequence[bytes],
    names: tuple[bytes, bytes],
    data: Bytes,
    mode: int,
    modified: int | None,
    /,
) -> Numbers | None:
    """Writes `data` to a file in the directory `parents` below an open one, and gives what the system says of it.

    `names` are that under which it is written, locked (flock), and the one that it then gets, where another file may
    stand. `mode` is that of a new file, less the umask; `modified`, in nanoseconds since the epoch, the time that it
    gets.

    Returns None where anything is in the way: a directory that is missing or a link, a file under the first name, a
    full disk. Nothing was done then, and who calls finds out what it is.

    Raises ValueError where a name is no plain file name.
    """
    for name in (*parents, *names):
        if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
            raise ValueError(f"not a plain file name: {name!r}")
    try:
        directory = os.dup(root)
        try:
            for name in parents:
                below = os.open(name, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = below
            return _write_beside(directory, *names, data, mode, modified)
        finally:
            os.close(directory)
    except OSError:
        return None


def _write_beside(
    directory: int, partial: bytes, leaf: bytes, data: Bytes, mode: int, modified: int | None
) -> Numbers | None:
    descriptor = os.open(partial, _CREATE, mode, dir_fd=directory)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _fill(descriptor, data, modified)
            os.rename(partial, leaf, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK and os.fstat(descriptor).st_nlink:
                os.unlink(partial, dir_fd=directory)
            return None
        return numbers_of(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _fill(descriptor: int, data: Bytes, modified: int | None) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    if modified is not None:
        os.utime(descriptor, ns=(modified, modified))
    found = os.fstat(descriptor)
    if found.st_nlink != 1 or found.st_size != len(data):
        raise OSError(errno.EBUSY, "another writer was at it")


def numbers_of(found: os.stat_result) -> Numbers:
    """What is told of a file that the system describes so."""
    return (
        found.st_size,
        _clamped(found.st_mtime_ns),
        _clamped(found.st_ctime_ns),
        _clamped(found.st_atime_ns),
        _signed(found.st_ino),
        _signed(found.st_dev),
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_nlink,
        _signed(found.st_rdev),
    )


def _clamped(nanoseconds: int) -> int:
    return min(max(nanoseconds, -_SIGN), _SIGN - 1)


def _signed(number: int) -> int:
    return (number + _SIGN) % (2 * _SIGN) - _SIGN
