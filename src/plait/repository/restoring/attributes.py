"""Giving a restored file the owner, mode, extended attributes and times that it had."""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Final

from plait.repository.format import entries
from plait.stores.local.attributes import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.format.entries import Entry, FileInfo
    from plait.repository.restoring.target import Attributes

_SPECIAL: Final = (
    (entries.MODE_SETUID, stat.S_ISUID),
    (entries.MODE_SETGID, stat.S_ISGID),
    (entries.MODE_STICKY, stat.S_ISVTX),
)
_PRIVATE: Final = 0o600
_YEAR_1: Final = -62_135_596_800 * 10**9
_YEAR_10000: Final = 253_402_300_800 * 10**9
_MOST_TIME: Final = 1 << 63
_GREATEST_ID: Final = 2**32 - 2
"""The one after it stands for "leave as it is"."""


def permission_bits(mode: int) -> int:
    """The permissions of POSIX, the three special bits among them, of a mode of Go's."""
    bits = mode & entries.MODE_PERMISSIONS
    for theirs, ours in _SPECIAL:
        if mode & theirs:
            bits |= ours
    return bits


def posix_metadata(entry: Entry) -> dict[str, str]:
    """What rclone keeps of a local file or directory, under the names that it uses."""
    info = entry.file_info
    kind = stat.S_IFDIR if info.is_directory else stat.S_IFREG
    metadata = {"mode": f"{kind | permission_bits(info.mode):o}", "uid": str(info.uid), "gid": str(info.gid)}
    if _YEAR_1 <= info.mod_time < _YEAR_10000:
        metadata["mtime"] = format_time(info.mod_time)
    return metadata


class Dresser:
    """Sets attributes of open files and of names in open directories.

    `permissions`: owner and mode too. Owners are restored by root only, as nobody else may give files away.
    """

    def __init__(self, *, permissions: bool) -> None:
        self._permissions = permissions
        self._user = os.geteuid()
        mask = os.umask(0)
        os.umask(mask)
        self._mask = mask

    @property
    def restores_owners(self) -> bool:
        """Whether it may give files away."""
        return self._permissions and self._user == 0

    def first_mode(self, info: FileInfo) -> int:
        """The mode that a file may have from the beginning: its own where everybody may read it, else a private one."""
        mode = self._mode(info)
        return mode if mode & stat.S_IROTH and not mode & ~0o777 else _PRIVATE

    def numbers(self, info: FileInfo) -> tuple[int, int, int, int, int] | None:
        """What `native.write_files` is told of a file: first mode, mode, owner, group, time.

        None where it cannot be told so: names and numbers that no system has.
        """
        if not -_MOST_TIME <= info.mod_time < _MOST_TIME or "\0" in info.name:
            return None
        owner = group = -1
        if self.restores_owners:
            owner, group = info.uid, info.gid
            if not (0 <= owner <= _GREATEST_ID and 0 <= group <= _GREATEST_ID):
                return None
        return self.first_mode(info), self._mode(info), owner, group, info.mod_time

    def dress(self, descriptor: int, info: FileInfo, attributes: Attributes) -> str | None:
        """Gives an open file or directory everything; what could not be set, for people, None where all was."""
        found = os.fstat(descriptor)
        troubles: list[str | None] = []
        if (found.st_uid, found.st_gid) != (info.uid, info.gid):
            troubles.append(self._own(info, lambda uid, gid: os.fchown(descriptor, uid, gid)))
        # After the owner, whose change takes capabilities away; before the mode, which may forbid to write.
        for name, value in attributes:
            troubles.append(_attempt(f"the attribute {name}", partial(os.setxattr, descriptor, name, value)))
        mode = self._mode(info)
        if stat.S_IMODE(found.st_mode) != mode or troubles:
            troubles.append(_attempt("the mode", lambda: os.fchmod(descriptor, mode)))
        try:
            os.utime(descriptor, ns=(info.mod_time, info.mod_time))
        except (OSError, OverflowError, ValueError) as error:
            troubles.append(_told("the time", error))
        return next(filter(None, troubles), None) if troubles else None

    def dress_name(self, directory: int, name: str, info: FileInfo, attributes: Attributes) -> str | None:
        """The same for what cannot be opened: symbolic links, pipes and sockets."""
        return _first(self._steps_of_name(directory, name, info, attributes))

    def _steps_of_name(self, directory: int, name: str, info: FileInfo, attributes: Attributes) -> Iterator[str | None]:
        yield self._own(info, lambda uid, gid: os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False))
        for attribute, value in attributes:
            # There is no such call relative to a directory's descriptor.
            path = f"/proc/self/fd/{directory}/{name}"
            change = partial(os.setxattr, path, attribute, value, follow_symlinks=False)
            yield _attempt(f"the attribute {attribute}", change)
        if not info.mode & entries.MODE_SYMLINK:
            yield _attempt("the mode", lambda: os.chmod(name, self._mode(info), dir_fd=directory))
        times = (info.mod_time, info.mod_time)
        yield _attempt("the time", lambda: os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False))

    def _own(self, info: FileInfo, change: Callable[[int, int], None]) -> str | None:
        if not self.restores_owners:
            return None
        if not (0 <= info.uid <= _GREATEST_ID and 0 <= info.gid <= _GREATEST_ID):
            return f"the owner: {info.uid}:{info.gid} is out of the range of this system"
        return _attempt("the owner", lambda: change(info.uid, info.gid))

    def _mode(self, info: FileInfo) -> int:
        if not self._permissions:
            return (0o777 if info.is_directory else 0o666) & ~self._mask
        bits = permission_bits(info.mode)
        if not self.restores_owners and info.uid != self._user:
            # It would run with the rights of whoever restores it, who never gave them.
            bits &= ~(stat.S_ISUID | stat.S_ISGID)
        return bits


def _first(steps: Iterator[str | None]) -> str | None:
    """Takes all steps; what the first that failed says."""
    trouble = None
    for step in steps:
        trouble = trouble or step
    return trouble


def _attempt(what: str, change: Callable[[], None]) -> str | None:
    try:
        change()
    except (OSError, OverflowError, ValueError) as error:
        return _told(what, error)
    return None


def _told(what: str, error: Exception) -> str:
    """What could not be set, and why; other errors than the system's are of numbers and names that no system has."""
    return f"{what}: {(error.strerror or str(error)).lower() if isinstance(error, OSError) else error}"
