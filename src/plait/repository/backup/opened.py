"""Directories of this machine that are open: their nodes, contents and attributes, read through descriptors."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat as modes
import sys
from contextlib import contextmanager
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Final, Self

from plait.native import read_files
from plait.repository.backup.columns import Row
from plait.repository.backup.holes import LEAST
from plait.repository.backup.sources import Node
from plait.repository.format import entries
from plait.repository.format.entries import FileInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from plait.repository.backup.databases import ImageContent

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS: Final = {
    modes.S_IFDIR: entries.MODE_DIRECTORY,
    modes.S_IFLNK: entries.MODE_SYMLINK,
    modes.S_IFBLK: entries.MODE_DEVICE,
    modes.S_IFCHR: entries.MODE_DEVICE | entries.MODE_CHARACTER_DEVICE,
    modes.S_IFIFO: entries.MODE_FIFO,
    modes.S_IFSOCK: entries.MODE_SOCKET,
    modes.S_IFREG: 0,
}
_SPECIAL_BITS: Final = (
    (modes.S_ISUID, entries.MODE_SETUID),
    (modes.S_ISGID, entries.MODE_SETGID),
    (modes.S_ISVTX, entries.MODE_STICKY),
)
HAS_XATTRS: Final = sys.platform == "linux"
_NO_XATTRS: Final = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
WORDS: Final = 1 << 64
_ROW: Final = Struct("=8q")
"""What `native.read_files` says of each file."""
_SECTOR: Final = 512
"""Bytes of what `st_blocks` counts."""


class OpenDirectory:
    """A directory that is open: its nodes, read relative to its descriptor."""

    def __init__(self, path: str, descriptor: int, *, with_xattrs: bool) -> None:
        self.path = path
        self.descriptor = descriptor
        self.with_xattrs = with_xattrs

    @classmethod
    @contextmanager
    def at(cls, path: str, identity: tuple[int, int], *, with_xattrs: bool) -> Iterator[OpenDirectory]:
        """Opens a directory by its path. Raises OSError where that leads to another one meanwhile."""
        descriptor = os.open(path, DIRECTORY)
        try:
            found = os.fstat(descriptor)
            if (found.st_dev, found.st_ino) != identity:
                raise OSError(errno.ESTALE, "the directory is another one now")
            yield cls(path, descriptor, with_xattrs=with_xattrs)
        finally:
            os.close(descriptor)

    def row(self, name: str) -> Row:
        """What the system says of a node. Raises OSError."""
        return row_of(os.lstat(name, dir_fd=self.descriptor))

    def node(self, name: str) -> Node:
        """As in `Folder`."""
        row = self.row(name)
        info = info_of(name, row, named=True)
        return Node(info, os.readlink(name, dir_fd=self.descriptor) if modes.S_ISLNK(row.mode) else "")

    def open(self, node: Node) -> LocalContent | ImageContent:
        """As in `Folder`."""
        descriptor = os.open(node.info.name, FILE, dir_fd=self.descriptor)
        return LocalContent(descriptor, node.info, with_xattrs=self.with_xattrs)

    def small(self, names: Sequence[str], limit: int) -> Iterator[tuple[FileInfo, bytes] | None]:
        """What the system says of files of at most `limit` bytes, and their content, which is read at once.

        None for one about which anything is not plain (`native.read_files`), or that has extended attributes.
        """
        rows, data = read_files(self.descriptor, list(map(_raw, names)), limit, self.with_xattrs)
        at = 0
        for name, (size, modified, inode, device, mode, uid, gid, links) in zip(
            names, _ROW.iter_unpack(rows), strict=True
        ):
            if not links:
                yield None
                continue
            row = Row(0, size, modified, 0, inode, device, mode, uid, gid, links, 0)
            yield info_of(name, row, named=True), data[at : at + size]
            at += size

    def xattrs(self, node: Node) -> Sequence[str]:
        """As in `Folder`."""
        return xattrs_of(self._at(node)) if self.with_xattrs else ()

    def xattr(self, node: Node, name: str) -> bytes:
        """As in `Folder`."""
        return os.getxattr(self._at(node), name, follow_symlinks=False)

    def _at(self, node: Node) -> str:
        """A path by which the system finds the node in this very directory."""
        return f"/proc/self/fd/{self.descriptor}/{node.info.name}"


class LocalContent:
    """A regular file that is open."""

    __slots__ = ("_descriptor", "_with_xattrs", "has_holes", "info")

    def __init__(self, descriptor: int, info: FileInfo, *, with_xattrs: bool) -> None:
        """Raises OSError where it is no regular file any more; closes the descriptor then."""
        self._descriptor = descriptor
        self._with_xattrs = with_xattrs
        found = os.fstat(descriptor)
        if not modes.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise OSError(errno.ESTALE, "it is no regular file any more")
        if (found.st_mtime_ns, found.st_size, found.st_ino) != (info.mod_time, info.size, info.inode):
            info = info_of(info.name, row_of(found), named=True)
        self.info = info
        self.has_holes = found.st_size - found.st_blocks * _SECTOR > LEAST

    def extent(self, position: int, /) -> tuple[int, int]:
        """As in `Content`."""
        try:
            start = os.lseek(self._descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return max(os.fstat(self._descriptor).st_size - position, 0), 0
        stop = os.lseek(self._descriptor, start, os.SEEK_HOLE)
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return start - position, stop - start

    def xattrs(self) -> Sequence[str]:
        """As in `Content`."""
        return xattrs_of(self._descriptor) if self._with_xattrs else ()

    def read(self, size: int, /) -> bytes:
        """As in `Content`."""
        return os.read(self._descriptor, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def row_of(found: os.stat_result) -> Row:
    """What the system says of a node, as a scan would."""
    return Row(
        0, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, found.st_mode,
        found.st_uid, found.st_gid, found.st_nlink, found.st_rdev,
    )  # fmt: skip


def info_of(name: str, row: Row, *, named: bool) -> FileInfo:
    """What an entry says of a node; with the names of its owners where it is `named`."""
    return FileInfo(
        name=name,
        size=row.size,
        mode=go_mode(row.mode),
        mod_time=row.modified,
        device=row.device % WORDS,
        inode=row.inode % WORDS,
        uid=row.uid,
        gid=row.gid,
        links=min(row.links, 0xFFFF),
        user=user_name(row.uid) if named else "",
        group=group_name(row.gid) if named else "",
    )


@cache
def go_mode(mode: int) -> int:
    """A mode in Go's bits."""
    kind = _KINDS.get(modes.S_IFMT(mode), entries.MODE_IRREGULAR)
    return kind | mode & 0o777 | sum(ours for bit, ours in _SPECIAL_BITS if mode & bit)


@cache
def user_name(uid: int) -> str:
    """The name of a user, empty where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@cache
def group_name(gid: int) -> str:
    """The name of a group, empty where there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def xattrs_of(where: str | int) -> Sequence[str]:
    """The names of the extended attributes of a path or an open file, in order. Raises OSError."""
    try:
        names = os.listxattr(where) if isinstance(where, int) else os.listxattr(where, follow_symlinks=False)
        return sorted(names, key=os.fsencode) if names else ()
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return ()
        raise


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
