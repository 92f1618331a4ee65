"""Signs of life: which locks of a repository belong to programs of this machine that have ended.

A lock in a store says nothing about its holder's life, so that it counts for ten minutes after the last refresh. For
each lock that it takes, a program keeps a file locked (flock) beside its caches: the system lets go of it when the
program ends, however it ends. Who finds such a file that nobody locks knows that the lock protects nothing. Locks of
other machines and programs have no such file, and one of before the machine started says so: there only age tells.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from plait.repository.format.locks import STALE_SECONDS

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_MODE: Final = 0o600
_SIZE: Final = 64


class Sign:
    """That this program lives and holds the lock of a name, until it is taken down.

    Where `directory` is None or nothing can be written there, nothing is said.
    """

    def __init__(self, directory: Path | None, name: bytes) -> None:
        self._path: Path | None = None
        self._descriptor = -1
        boot = _boot()
        if directory is None or boot is None:
            return
        path = directory / name.hex()
        with suppress(OSError):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(directory)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.write(self._descriptor, boot)
            except OSError:
                # A file system without locks.
                path.unlink(missing_ok=True)
                raise
            self._path = path

    def take_down(self, *, over: bool) -> None:
        """Says nothing more; with `over` that the lock, still there, has no holder. Repeated calls do nothing."""
        if self._path is not None and not over:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self._path = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_over(directory: Path | None, name: bytes) -> bool:
    """Whether it is known that the holder of a lock has ended."""
    return directory is not None and _is_left(directory / name.hex())


def forget(directory: Path | None, name: bytes) -> None:
    """Removes the sign of a lock that is removed, if its holder has ended."""
    if directory is not None and is_over(directory, name):
        with suppress(OSError):
            (directory / name.hex()).unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # On a shared directory the file may be another machine's, whose locks the file system need not tell.
        return os.read(descriptor, _SIZE) == _boot()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _sweep(directory: Path) -> None:
    """Removes the signs of locks that have gone stale meanwhile, so that nobody asks for them."""
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                old = time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_SECONDS
                if old and _is_left(Path(entry.path)):
                    Path(entry.path).unlink(missing_ok=True)


def _boot() -> bytes | None:
    """What tells this start of this machine from any other; None where the system does not say."""
    try:
        return _BOOT.read_bytes().strip() or None
    except OSError:
        return None
