"""Another passphrase for a repository.

The key of the format wraps every stored byte, so that a passphrase cannot be changed in place. What can be done is done
here: everything is copied into a new repository with another key, read back, and the two change places in one step. The
old one is kept beside until somebody says that it may go.

Whenever this is interrupted, one whole repository stands at the place: the old or the new. The next run goes on.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    IntegrityError,
    StoreError,
    from_os_error,
)
from plait.repository.checking.checking import check
from plait.repository.events import Warned, silent
from plait.repository.layout import CONFIGURATION, REPLACED, Folder
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, NotCopied, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.survey import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.engine.workers import Cancellation
    from plait.repository.events import Listener
    from plait.repository.repository import Repository

_NEW: Final = ".new-passphrase"
_OLD: Final = ".old-passphrase"
_EXCHANGE: Final = 2
"""RENAME_EXCHANGE of renameat2(2)."""
_HERE: Final = -100
"""AT_FDCWD."""
_CANNOT: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY})


def new_place(path: str) -> str:
    """Where the new repository grows."""
    return path + _NEW


def old_place(path: str) -> str:
    """Where the old repository is kept."""
    return path + _OLD


@contextmanager
def copied(
    old: Repository,
    new: Repository,
    *,
    told: Callable[[str], None],
    listener: Listener = silent,
    cancellation: Cancellation | None = None,
) -> Iterator[None]:
    """Brings every snapshot into the new repository and reads it back; inside, nobody can add to the old one.

    `told` hears what is being done. Raises IntegrityError where a snapshot cannot be copied or does not read back as it
    was written, BusyError where somebody is writing, CancelledError, and the stores' errors.
    """
    told(f"copying {len(old.reader.snapshots())} snapshots to {new.description}")
    _sync(old, new, listener, cancellation)
    with exclusive(old, lambda text: listener(Warned(text))):
        # What was added meanwhile.
        _sync(old, new, listener, cancellation)
        old.refresh()
        new.refresh()
        missing = set(old.reader.snapshots()) - set(new.reader.snapshots())
        if missing:
            raise IntegrityError(f"{len(missing)} snapshots were not copied")
        told("reading everything back")
        everything = [(snapshot, "/") for snapshot in new.snapshots()]
        found = check(new.reader, new.files, everything, listener=listener, cancellation=cancellation)
        if not found.is_whole or len(everything) != len(new.reader.snapshots()):
            raise IntegrityError("what was written does not read back whole", hint="nothing was switched")
        yield


def _sync(old: Repository, new: Repository, listener: Listener, cancellation: Cancellation | None) -> None:
    failures: list[NotCopied] = []

    def told(event: object) -> None:
        if isinstance(event, NotCopied):
            failures.append(event)

    sync = Sync(old, new, ("old", "new"), SyncSettings(), told, listener, cancellation)
    if sync.run(Direction.TO, Query()).count(Outcome.FAILED):
        first = failures[0]
        raise IntegrityError(
            f"snapshot {first.snapshot.hex()[:8]} cannot be copied: {first.error}",
            hint="nothing was switched; `repair` mends what can be mended, `rm` removes the snapshot",
        )


def switch(path: str, new: Repository) -> None:
    """Puts the new repository at the path of the old one, which is kept beside.

    Raises AlreadyExistsError where an old one is kept already, and the catalogue's errors.
    """
    kept, grown = old_place(path), new_place(path)
    if os.path.lexists(kept):
        raise AlreadyExistsError(f"there is {kept} already", hint="discard it first: passphrase discard --apply")
    # Nobody else knows the new one yet: these are of earlier runs that were killed.
    files = new.writable_files
    files.remove(Folder.LOCKS, files.keys(Folder.LOCKS))
    try:
        _write_durably(os.path.join(path, REPLACED), new.identifier.hex())
        if not _exchange(path, grown):
            _rename(path, kept)
            _rename(grown, path)
            _sync_directory(path)
            return
        _sync_directory(path)
        _rename(grown, kept)
        _sync_directory(path)
    except OSError as error:
        raise from_os_error(error, f"the repositories could not change places: {path}") from None


def resume(path: str) -> None:
    """Ends a switch that was interrupted between two renames, where the file system cannot exchange two directories.

    Raises the catalogue's errors.
    """
    kept, grown = old_place(path), new_place(path)
    if os.path.lexists(path) or not (os.path.isdir(kept) and os.path.isdir(grown)):
        return
    if _replaced_by(kept) is not None:
        try:
            _rename(grown, path)
            _sync_directory(path)
        except OSError as error:
            raise from_os_error(error, path) from None


def was_switched(path: str, current: Repository) -> bool:
    """Whether the repository at a path took the place of one that is kept beside; then that has its last name."""
    for kept in (new_place(path), old_place(path)):
        if _replaced_by(kept) == current.identifier.hex():
            if kept != old_place(path):
                try:
                    _rename(kept, old_place(path))
                except OSError as error:
                    raise from_os_error(error, kept) from None
            return True
    return False


def discard(path: str, current: Repository) -> None:
    """Removes the old repository that is kept beside an opened one. Raises DirectoryNotFoundError, StoreError."""
    kept = to_discard(path, current)
    try:
        # It is no repository any more before the first of its packfiles goes; what it was is known to the end.
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(kept, CONFIGURATION))
        for entry in list(os.scandir(kept)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != REPLACED:
                os.unlink(entry.path)
        shutil.rmtree(kept)
    except OSError as error:
        raise from_os_error(error, f"{kept} could not be removed") from None


def to_discard(path: str, current: Repository) -> str:
    """The old repository that may go: its place was taken by the opened one.

    Raises DirectoryNotFoundError where none is kept, StoreError where it is kept for another one.
    """
    kept = next((place for place in (old_place(path), new_place(path)) if _replaced_by(place) is not None), None)
    if kept is None:
        raise DirectoryNotFoundError(f"no old repository is kept at {old_place(path)}")
    if _replaced_by(kept) != current.identifier.hex():
        raise StoreError(
            f"{kept} was not replaced by the repository at {path}", hint="remove it by hand if you know why"
        )
    return kept


def _replaced_by(place: str) -> str | None:
    try:
        with open(os.path.join(place, REPLACED), encoding="ascii") as file:
            return file.read(64).strip()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise from_os_error(error, place) from None


def _exchange(first: str, second: str) -> bool:
    """Lets two names change places in one step; False where the file system cannot. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    rename = getattr(library, "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), first)


def _rename(first: str, second: str) -> None:
    os.rename(first, second)


def _write_durably(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: str) -> None:
    descriptor = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
