"""Renaming only where the new name is free."""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from typing import Any

_NO_REPLACE = 1  # RENAME_NOREPLACE of renameat2(2)
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


def rename_to_new(directory: int, name: str, new_directory: int, new_name: str) -> None:
    """Renames atomically to a name that must be free.

    Where the system or the file system cannot do that in one step, a file gets its second name (which fails where the
    name is taken) before it loses the first. Raises FileExistsError, OSError; EOPNOTSUPP where neither way exists.
    """
    if _rename_no_replace(directory, name, new_directory, new_name):
        return
    try:
        os.link(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from None
        raise
    os.unlink(name, dir_fd=directory)


def _rename_no_replace(directory: int, name: str, new_directory: int, new_name: str) -> bool:
    """True when it was done, False where this way does not exist. Raises OSError."""
    function = _system_call()
    if function is None:
        return False
    import ctypes

    if function(directory, os.fsencode(name), new_directory, os.fsencode(new_name), _NO_REPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number))


@cache
def _system_call() -> Any | None:
    """The C library's renameat2; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
