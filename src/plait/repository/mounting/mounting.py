"""A read-only file system of snapshots, from its mounting to its end."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from threading import Thread
from typing import TYPE_CHECKING, Final

from plait.model.errors import MissingExtraError, StoreError
from plait.repository.mounting.operations import SnapshotOperations

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from plait.repository.browsing import Browser

_DETACH: Final = 2
"""MNT_DETACH of umount2(2)."""
_POLL_SECONDS: Final = 0.2
_END_SECONDS: Final = 10.0
_LASTING: Final = 3600
"""Seconds for which the kernel may go by what it was told: snapshots do not change."""
_THREADS: Final = 8
_FIRST_WITH_THREADS: Final = (3, 12)
_UNMOUNTERS: Final = ("fusermount3", "fusermount")


def serve(
    browser: Browser,
    directory: str,
    *,
    others: bool,
    told: Callable[[str, str], None],
    mounted: Callable[[], None],
    cancelled: Callable[[], bool],
) -> None:
    """Mounts at a directory, and returns when it is unmounted, by others or once `cancelled`.

    `others`: other users may look, too, as far as the modes of files let them. `told` and `mounted` as in
    `SnapshotOperations`. Raises MissingExtraError where the library is missing, StoreError where it cannot be mounted.
    """
    fuse = _library()
    # The library changes to the root directory.
    here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    directory = os.path.abspath(directory)
    errors: list[BaseException] = []
    asked = SnapshotOperations(browser, told, mounted, mode=0o755 if others else 0o700)

    def work() -> None:
        try:
            fuse.FUSE(
                asked,
                directory,
                foreground=True,
                fsname="plait",
                subtype="plait",
                ro=True,
                use_ino=True,
                kernel_cache=True,
                attr_timeout=_LASTING,
                entry_timeout=_LASTING,
                allow_other=others,
                default_permissions=others,
                **({"max_idle_threads": _THREADS} if _takes_threads(fuse) else {}),
            )
        except BaseException as error:  # noqa: BLE001  (raised again by the thread that waits)
            errors.append(error)

    thread = Thread(target=work, name="fuse", daemon=True)
    try:
        thread.start()
        while thread.is_alive() and not cancelled():
            thread.join(_POLL_SECONDS)
        if thread.is_alive():
            unmount(directory)
            thread.join(_END_SECONDS)
    finally:
        os.fchdir(here)
        os.close(here)
    if errors:
        raise StoreError(
            f"{directory} could not be mounted ({errors[0]})", hint="is /dev/fuse there, and may you use it?"
        ) from errors[0]


def _takes_threads(fuse: ModuleType) -> bool:
    """Whether the system's library keeps threads that wait, and complains where nobody says how many."""
    return (fuse.fuse_version_major, fuse.fuse_version_minor) >= _FIRST_WITH_THREADS


def unmount(directory: str) -> None:
    """Takes a mounted file system away; whoever still has files of it open keeps these. Raises StoreError."""
    if os.geteuid() == 0:
        library = ctypes.CDLL(None, use_errno=True)
        if library.umount2(os.fsencode(directory), _DETACH) == 0:
            return
        raise StoreError(f"{directory} could not be unmounted: {os.strerror(ctypes.get_errno()).lower()}")
    program = next(filter(None, map(shutil.which, _UNMOUNTERS)), None)
    if program is None:
        raise StoreError(f"{directory} could not be unmounted: there is no {_UNMOUNTERS[0]}")
    try:
        done = subprocess.run(
            [program, "-u", "-z", "--", directory], capture_output=True, check=False, timeout=_END_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{directory} could not be unmounted: {program} did not end") from None
    if done.returncode:
        raise StoreError(f"{directory} could not be unmounted: {done.stderr.decode(errors='replace').strip()}")


def is_mount_point(directory: str) -> bool:
    """Whether something is mounted at a directory, or it is the root. Raises OSError where there is none."""
    path = os.path.normpath(directory)
    parent = os.path.dirname(os.path.abspath(path))
    if parent == os.path.abspath(path):
        return True
    return os.lstat(path).st_dev != os.lstat(parent).st_dev


def _library() -> ModuleType:
    try:
        import mfusepy
    except ModuleNotFoundError:
        raise MissingExtraError("mount needs the library mfusepy", hint="pip install 'plait[mount]'") from None
    except OSError as error:
        raise MissingExtraError(
            f"mount needs libfuse: {error}", hint="install the system's package fuse3, or mount to http://HOST:PORT"
        ) from None
    library: ModuleType = mfusepy
    return library
