"""Reading one directory: names in the total order, and the attributes of each entry."""

from __future__ import annotations

import os
import stat as modes
from array import array
from contextlib import suppress
from errno import ENOENT
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.native.results import Scan

_FILE, _DIRECTORY, _SYMLINK, _SPECIAL, _UNREADABLE = 0, 1, 2, 3, 255
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_BELOW = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_NO_DETAILS: tuple[int, ...] = (0,) * 9


def scan(directory: int, /) -> Scan:
    """Reads a directory that is open under the descriptor `directory`, with the attributes of every entry.

    Returns (names, kinds, sizes, modified, details) in the bytewise order of the names, each directory's with `/`
    appended. The names are decoded from UTF-8 with surrogateescape and end without a slash. The columns:

    - kinds: a byte an entry: 0 file, 1 directory, 2 symbolic link, 3 special, 255 attributes could not be read;
    - sizes: bytes; for an entry of kind 255 the errno;
    - modified: nanoseconds since the epoch; a time beyond int64 becomes its nearest end; -2**63 for kind 255;
    - details: nine int64 an entry: change time and access time (ns), inode, device, mode, uid, gid, number of links,
      device number of a special file. Unsigned values beyond int64 wrap; zeros for kind 255.

    Links are not followed. Entries that vanish meanwhile are left out. Raises OSError where the directory itself
    cannot be read (to its end), ValueError for a negative descriptor.
    """
    refuse_negative(directory)
    own = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    rows: list[tuple[bytes, bytes, int, int, int, tuple[int, ...]]] = []
    try:
        with os.scandir(own) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                try:
                    st = entry.stat(follow_symlinks=False)
                except OSError as error:
                    if error.errno != ENOENT:
                        rows.append((name, name, _UNREADABLE, error.errno or 0, _LOWEST, _NO_DETAILS))
                    continue
                kind = _kind(st.st_mode)
                key = name + b"/" if kind == _DIRECTORY else name
                rows.append((key, name, kind, st.st_size, clamped(st.st_mtime_ns), _details(st)))
    finally:
        os.close(own)
    rows.sort()
    return (
        [row[1].decode("utf-8", "surrogateescape") for row in rows],
        bytes([row[2] for row in rows]),
        array("q", [row[3] for row in rows]).tobytes(),
        array("q", [row[4] for row in rows]).tobytes(),
        array("q", [value for row in rows for value in row[5]]).tobytes(),
    )


def scan_below(directory: int, names: Sequence[bytes], most: int, /) -> list[tuple[int, Scan] | None]:
    """As `scan`, for subdirectories, by `names`, of the directory that is open under the descriptor `directory`.

    Returns for each name a descriptor, which is the caller's to close, or -1 where no directory lies below, and what
    `scan` returns. None instead: it could not be opened (a link is not followed) or read, or the directory files up to
    this one have more than `most` bytes together. Raises ValueError, before anything is opened, for names that are
    empty, `.`, `..` or hold `/` or NUL, and for a negative descriptor.
    """
    refuse_negative(directory)
    refuse_paths(names)
    results: list[tuple[int, Scan] | None] = [None] * len(names)
    for position, name in enumerate(names):
        with suppress(OSError):
            descriptor = os.open(name, _BELOW, dir_fd=directory)
            try:
                most -= os.fstat(descriptor).st_size
                if most < 0:
                    break
                found = scan(descriptor)
                results[position] = (os.dup(descriptor) if _DIRECTORY in found[1] else -1), found
            finally:
                os.close(descriptor)
    return results


def refuse_paths(names: Sequence[bytes]) -> None:
    """Raises ValueError for what is no plain file name, TypeError for what is not bytes."""
    for name in names:
        if not isinstance(name, bytes):
            raise TypeError("names are bytes")
        if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
            raise ValueError(f"not a plain file name: {name!r}")


def scan_pages(directory: int, rows: int, /) -> Iterator[Scan]:
    """As `scan`, for a directory that may be huge: the same rows in pages of at most `rows`, none of them empty.

    The names are read at once, and errors raised as by `scan`; the attributes are read with each page (in C; its twin
    holds everything), so that a directory of a million entries takes 40 MB and not 200. An entry that turned into a
    directory since is of kind 255 with ESTALE. Raises ValueError for fewer than one row.
    """
    if rows < 1:
        raise ValueError("a page holds at least one row")
    names, kinds, sizes, modified, details = scan(directory)
    return (
        (
            names[start : start + rows],
            kinds[start : start + rows],
            sizes[8 * start : 8 * (start + rows)],
            modified[8 * start : 8 * (start + rows)],
            details[72 * start : 72 * (start + rows)],
        )
        for start in range(0, len(names), rows)
    )


def _kind(mode: int) -> int:
    if modes.S_ISREG(mode):
        return _FILE
    if modes.S_ISDIR(mode):
        return _DIRECTORY
    return _SYMLINK if modes.S_ISLNK(mode) else _SPECIAL


def _details(st: os.stat_result) -> tuple[int, ...]:
    return (
        clamped(st.st_ctime_ns),
        clamped(st.st_atime_ns),
        wrapped(st.st_ino),
        wrapped(st.st_dev),
        st.st_mode,
        st.st_uid,
        st.st_gid,
        st.st_nlink,
        wrapped(st.st_rdev),
    )


def clamped(nanoseconds: int) -> int:
    """The time, or the end of int64 that is nearest."""
    return min(max(nanoseconds, _LOWEST), _HIGHEST)


def wrapped(value: int) -> int:
    """An unsigned 64-bit value as the int64 of the same bits."""
    return value - 2**64 if value > _HIGHEST else value


def refuse_negative(*descriptors: int) -> None:
    """Raises ValueError for what is no descriptor, and for the one that means the working directory."""
    for descriptor in descriptors:
        if descriptor < 0:
            raise ValueError(f"file descriptor cannot be a negative integer ({descriptor})")
