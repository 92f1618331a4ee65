"""Finding files in snapshots by their names, kinds, sizes and times."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

import msgspec

from plait.repository.browsing import posix_mode
from plait.repository.locating import matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.model.errors import IntegrityError
    from plait.repository.format.entries import Entry
    from plait.repository.snapshots import SnapshotReader

KINDS: Final = {
    "file": stat.S_IFREG,
    "directory": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "pipe": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
    "device": stat.S_IFBLK,
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; each condition narrows.

    `patterns`: as of `locating.matcher`, any of which matches the last name, or the whole path where the pattern begins
    with a slash; none match everything. `kind`: a key of KINDS, "" for any. Sizes in bytes, times in nanoseconds since
    the epoch, both inclusive; sizes leave out what is no regular file.
    """

    patterns: tuple[str, ...] = ()
    ignores_case: bool = False
    kind: str = ""
    min_size: int | None = None
    max_size: int | None = None
    since: int | None = None
    before: int | None = None


def find(
    snapshot: SnapshotReader,
    top: str,
    wanted: Wanted,
    damaged: Callable[[str, IntegrityError], None] | None = None,
) -> Iterator[Entry]:
    """The entries at and below a path that are wanted, each directory before what is in it. `damaged` as in `walk`.

    Raises UsageError for a malformed pattern, ObjectNotFoundError where there is no such path, IntegrityError.
    """
    matches = _named(wanted)
    first = snapshot.entry(top)
    if matches(first) and _fits(first, wanted):
        yield first
    if first.file_info.is_directory:
        for entry in snapshot.walk(first.path, damaged):
            if matches(entry) and _fits(entry, wanted):
                yield entry


def _named(wanted: Wanted) -> Callable[[Entry], bool]:
    folded = str.casefold if wanted.ignores_case else str
    of_paths = [matcher(folded(pattern)) for pattern in wanted.patterns if pattern.startswith("/")]
    of_names = [matcher(folded(pattern)) for pattern in wanted.patterns if not pattern.startswith("/")]

    def holds(entry: Entry) -> bool:
        if any(one(folded(entry.file_info.name)) for one in of_names):
            return True
        return any(one(folded(entry.path)) for one in of_paths)

    return holds if wanted.patterns else lambda _: True


def _fits(entry: Entry, wanted: Wanted) -> bool:
    info = entry.file_info
    if wanted.kind and stat.S_IFMT(posix_mode(entry)) not in _formats(wanted.kind):
        return False
    if wanted.min_size is not None or wanted.max_size is not None:
        if not info.is_regular or info.size < (wanted.min_size or 0):
            return False
        if wanted.max_size is not None and info.size > wanted.max_size:
            return False
    if wanted.since is not None and info.mod_time < wanted.since:
        return False
    return wanted.before is None or info.mod_time <= wanted.before


def _formats(kind: str) -> tuple[int, ...]:
    return (stat.S_IFBLK, stat.S_IFCHR) if kind == "device" else (KINDS[kind],)
