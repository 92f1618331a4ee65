"""Where a restored database goes: nothing is overwritten unasked, and nothing half made is left."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plait.model.errors import (
    AlreadyExistsError,
    ConfigurationError,
    DirectoryNotFoundError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
    from_os_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDECARS: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, by the ends of the names."""
_MODE: Final = 0o666


def check_output(path: str, *, force: bool) -> None:
    """Raises AlreadyExistsError where a restore to `path` would overwrite something.

    Raises ConfigurationError for a directory, and for a device or whatever else is no file. An empty file counts as
    nothing. A log beside the new database would be taken for its own.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise _failed(error, path) from None
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"cannot restore, output path is a directory: {path}")
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"cannot restore, output path is no regular file: {path}")
    if force:
        return
    if status is not None and status.st_size:
        raise AlreadyExistsError(
            f"cannot restore, output path already exists and is not empty: {path}. Use -force to overwrite"
        )
    # SQLite has them beside what a link leads to.
    for place in dict.fromkeys((path, os.path.realpath(path))):
        for end in SIDECARS:
            if os.path.lexists(place + end):
                raise AlreadyExistsError(
                    f"cannot restore, SQLite sidecar path already exists: {place}{end}. Use -force to overwrite"
                )


@contextmanager
def written_beside(path: str) -> Iterator[tuple[int, str]]:
    """A new file in the directory of `path` (descriptor and path), which is removed again unless it was put in place.

    Where `path` is a symbolic link, that is the directory of what it leads to. A missing directory is made.
    """
    final = Path(os.path.realpath(path))
    beside = str(final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp"))
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except OSError as error:
        raise _failed(error, path) from None
    try:
        yield descriptor, beside
    finally:
        os.close(descriptor)
        for end in ("", *SIDECARS):
            with suppress(FileNotFoundError):
                os.unlink(beside + end)


def put_in_place(descriptor: int, beside: str, path: str, *, force: bool) -> None:
    """Gives the finished file its name, durably. Raises as `check_output` does, for what came meanwhile."""
    check_output(path, force=force)
    try:
        os.fsync(descriptor)
        final = Path(os.path.realpath(path))
        for end in SIDECARS:
            # Before the rename: SQLite would play an old log into the new database.
            with suppress(FileNotFoundError):
                os.unlink(f"{final}{end}")
        os.rename(beside, final)
        directory = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _failed(error, path) from None


def _failed(error: OSError, path: str) -> PlaitError:
    """What a call on the output failed of: nothing that is not found here is missing in the replica."""
    found = from_os_error(error, f"cannot restore to {path}")
    return StoreError(found.message) if isinstance(found, ObjectNotFoundError | DirectoryNotFoundError) else found
