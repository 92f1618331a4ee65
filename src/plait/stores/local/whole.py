"""What concerns a local tree as a whole: how full its file system is, and moving it by one rename."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from plait.model.errors import AlreadyExistsError, DirectoryNotFoundError, NotSupportedError, StoreError
from plait.stores.abilities import Usage


def usage_of(path: str) -> Usage:
    """The space of the file system that a directory is on. Raises DirectoryNotFoundError."""
    try:
        found = os.statvfs(path)
    except FileNotFoundError:
        raise DirectoryNotFoundError("directory not found") from None
    except OSError as error:
        raise StoreError(f"failed to read disk usage: {(error.strerror or str(error)).lower()}") from None
    return Usage(
        total=found.f_blocks * found.f_frsize,
        used=(found.f_blocks - found.f_bfree) * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
    )


def move_tree(source: str, destination: str) -> None:
    """Renames a directory to where nothing stands; see `plait.stores.abilities.MovesDirectories`."""
    if os.path.lexists(destination):
        raise AlreadyExistsError("can't copy directory - destination already exists")
    if not Path(source).is_dir() or Path(source).is_symlink():
        raise StoreError(f"rename {source} {destination}: no such file or directory")
    try:
        Path(destination).parent.mkdir(parents=True, exist_ok=True)
        # What appears meanwhile is replaced only where it is an empty directory.
        os.rename(source, destination)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if error.errno in {errno.EXDEV, errno.EINVAL, errno.ENOTEMPTY, errno.EEXIST}:
            raise NotSupportedError(f"can't move directory - {reason}") from None
        raise StoreError(f"rename {source} {destination}: {reason}") from None
