"""The names of partial files, and who may remove one.

A partial file stands beside the name that it will get: `<name>.<8 hex>.partial`, in rclone's shape. The digits are the
CRC-32 of what stands before them, plus a number that is counted up while other writers are at the same name; so a name
tells whether it is one of ours, whatever store and run made it. A writer holds a lock (flock) on its partial file as
long as it writes, which the system drops when the writer dies: one that can be locked was left over.
"""

from __future__ import annotations

import errno
import fcntl
import os
from zlib import crc32

from plait.model.items import order_bytes

WRITERS = 4096
"""How many names there are for the partial files of one name."""
LONGEST_LEAF = 100
"""Bytes of a name from which on its partial name is made no longer than the name itself."""
_DIGITS = 8
_A_LINK = (errno.ELOOP, errno.EMLINK)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)


def partial_name(leaf: str, suffix: str, number: int = 0) -> str:
    """One of the names that a partial file of `leaf` may have; they are tried in the order of `number`."""
    return partial_bytes(order_bytes(leaf), order_bytes(suffix), number).decode("utf-8", "surrogateescape")


def partial_bytes(leaf: bytes, suffix: bytes, number: int = 0) -> bytes:
    """As `partial_name`, of names in bytes."""
    stem = leaf if len(leaf) <= LONGEST_LEAF else _shortened(leaf, len(suffix))
    return b"%s.%08x%s" % (stem, (crc32(stem) + number) & 0xFFFFFFFF, suffix)


def is_partial_name(leaf: str, suffix: str) -> bool:
    """True for a name that `partial_name` makes; another name passes for one with a chance of one in a million."""
    if not leaf.endswith(suffix):
        return False
    stem, dot, digits = leaf[: len(leaf) - len(suffix)].rpartition(".")
    if not dot or len(digits) != _DIGITS or not set(digits) <= set("0123456789abcdef"):
        return False
    return (int(digits, 16) - crc32(order_bytes(stem))) & 0xFFFFFFFF < WRITERS


def lock(descriptor: int) -> bool:
    """Takes the lock of a partial file; False where another writer holds it.

    A file system without locks lets everybody have them: there, a listing of another process may remove a partial file
    of a living writer, whose rename then fails and is repeated by its next attempt.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def remove_left_over(directory: int, name: str) -> bool:
    """Removes a partial file that no living writer holds; True where the name is free now."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in _A_LINK:
            raise
        # The partial file of a symbolic link has no content, so it cannot be locked, and lives for two calls only.
        os.unlink(name, dir_fd=directory)
        return True
    try:
        if not lock(descriptor):
            return False
        # The name may have passed to another file between opening and locking.
        try:
            named = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return True
        held = os.fstat(descriptor)
        if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
            return False
        os.unlink(name, dir_fd=directory)
    finally:
        os.close(descriptor)
    return True


def _shortened(leaf: bytes, suffix: int) -> bytes:
    """The beginning of a long name that leaves room for what is appended, cut between characters."""
    cut = max(len(leaf) - suffix - _DIGITS - 1, 1)
    while cut > 1 and leaf[cut] & 0xC0 == 0x80:
        cut -= 1
    return leaf[:cut]
