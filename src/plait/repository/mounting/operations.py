"""What the kernel asks of a mounted file system (FUSE), answered from snapshots. Nothing can be changed."""

from __future__ import annotations

import errno
import os
import stat
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from plait.model.errors import ObjectNotFoundError, PlaitError
from plait.repository.browsing import posix_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.repository.browsing import Browser, Node
    from plait.repository.seeking import SeekableContent

T = TypeVar("T")

_BLOCK: Final = 4096
_SECTOR: Final = 512
_LONGEST_NAME: Final = 255
_INODES: Final = (1 << 64) - 1
_TOP_INODE: Final = 1


class SnapshotOperations:
    """The operations of a read-only file system of snapshots, as libfuse calls them from its threads through mfusepy.

    What cannot be answered raises OSError. Operations that are not here are none of a file system that never changes.
    `told(path, reason)` hears of what could not be read; whoever asked for it gets EIO. `mounted` is called once the
    file system can be used. `mode`: permission bits of the directories that are not in a snapshot.
    """

    use_ns = True

    def __init__(
        self,
        browser: Browser,
        told: Callable[[str, str], None],
        mounted: Callable[[], None] = lambda: None,
        *,
        mode: int = 0o700,
    ) -> None:
        self._browser = browser
        self._told = told
        self._mounted = mounted
        self._top = stat.S_IFDIR | mode
        self._owner = os.getuid(), os.getgid()
        self._lock = Lock()
        self._open: dict[int, SeekableContent] = {}
        self._handles = count(1)

    def init(self, path: str) -> None:
        """The file system is there."""
        del path
        self._mounted()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """The attributes of a path, times in nanoseconds."""
        del fh
        return self._attributes(self._asked(path, lambda: self._browser.node(path)))

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        """Names, kinds and inodes of what is in a directory."""
        del fh
        rows: list[tuple[str, dict[str, int], int]] = [(".", {}, 0), ("..", {}, 0)]
        for name, node in self._asked(path, lambda: self._browser.children(path)).items():
            mode = self._top if node.entry is None else posix_mode(node.entry)
            rows.append((name, {"st_mode": mode, "st_ino": _inode(node)}, 0))
        return rows

    def readlink(self, path: str) -> str:
        """What a symbolic link leads to."""
        entry = self._asked(path, lambda: self._browser.node(path)).entry
        if entry is None or not entry.symlink_target:
            raise _refusal(errno.EINVAL)
        return entry.symlink_target

    def open(self, path: str, flags: int) -> int:
        """Opens a file for reading; its handle."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise _refusal(errno.EROFS)
        content = self._asked(path, lambda: self._browser.content(self._browser.node(path)))
        with self._lock:
            handle = next(self._handles)
            self._open[handle] = content
        return handle

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """A range of an open file, shorter where it ends."""
        return self._asked(path, lambda: self._open[fh].read(offset, size))

    def release(self, path: str, fh: int) -> int:
        """The file is closed."""
        del path
        with self._lock:
            self._open.pop(fh, None)
        return 0

    def listxattr(self, path: str) -> list[str]:
        """Names of extended attributes."""
        entry = self._asked(path, lambda: self._browser.node(path)).entry
        return [] if entry is None else list(entry.extended_attributes)

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        """An extended attribute."""
        del position
        found = self._asked(path, lambda: self._browser.attribute(self._browser.node(path), name))
        if found is None:
            raise _refusal(errno.ENODATA)
        return found

    def statfs(self, path: str) -> dict[str, int]:
        """How much there is; nothing is free."""
        blocks = -(-self._asked(path, lambda: self._browser.size) // _BLOCK)
        return {"f_bsize": _BLOCK, "f_frsize": _BLOCK, "f_blocks": blocks, "f_namemax": _LONGEST_NAME}

    def _attributes(self, node: Node) -> dict[str, Any]:
        entry = node.entry
        if entry is None:
            moment = 0 if node.snapshot is None else node.snapshot.header.timestamp
            uid, gid = self._owner
            found = {"st_mode": self._top, "st_nlink": 2, "st_size": 0, "st_uid": uid, "st_gid": gid}
        else:
            info = entry.file_info
            moment = info.mod_time
            size = len(os.fsencode(entry.symlink_target)) if entry.symlink_target else info.size
            found = {
                "st_mode": posix_mode(entry),
                "st_nlink": 2 if info.is_directory else max(info.links, 1),
                "st_size": size,
                "st_uid": info.uid,
                "st_gid": info.gid,
                "st_blocks": -(-size // _SECTOR) if info.is_regular else 0,
            }
        times = dict.fromkeys(("st_mtime", "st_atime", "st_ctime"), moment)
        return {**found, **times, "st_ino": _inode(node), "st_blksize": _BLOCK}

    def _asked(self, path: str, work: Callable[[], T]) -> T:
        """What work gives. Raises OSError for its errors."""
        try:
            return work()
        except ObjectNotFoundError:
            raise _refusal(errno.ENOENT) from None
        except PlaitError as error:
            self._told(path, error.message)
            raise _refusal(errno.EIO) from None


def _refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _inode(node: Node) -> int:
    """A number that hard links of one snapshot share, and nothing else does but by an unlikely chance."""
    if node.snapshot is None:
        return _TOP_INODE
    if node.entry is None:
        return hash((node.snapshot.identifier, "/")) & _INODES
    entry, info = node.entry, node.entry.file_info
    if info.links > 1 and info.inode and not info.is_directory:
        return hash((node.snapshot.identifier, info.device, info.inode)) & _INODES
    return hash((node.snapshot.identifier, entry.path)) & _INODES
