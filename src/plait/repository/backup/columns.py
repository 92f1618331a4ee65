"""What a directory scan says, as one piece of bytes that is equal as long as nothing changes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.native import Scan

UNSETTLED: Final = b"!"
"""Behind a signature, of a folder of which something has to be looked at again though nothing in it changes."""

_COUNT: Final = struct.Struct("<II")
_DETAILS: Final = 9
_CHANGED, _ACCESSED = 0, 1
_INODE: Final = 1
"""Its column among those that are kept."""
_KEPT: Final = tuple(index for index in range(_DETAILS) if index != _ACCESSED)


class Row(NamedTuple):
    """What a scan says of one entry; times in nanoseconds since the epoch."""

    kind: int
    size: int
    modified: int
    changed: int
    inode: int
    device: int
    mode: int
    uid: int
    gid: int
    links: int
    special_device: int


class Columns:
    """A scan of one directory."""

    def __init__(self, scan: Scan) -> None:
        self.names, self.kinds, self._sizes, self._modified, details = scan
        wide = memoryview(details).cast("q")
        self._kept = [wide[index::_DETAILS].tobytes() for index in _KEPT]

    def __len__(self) -> int:
        return len(self.names)

    def signature(self) -> bytes:
        """All of it, but for the access times."""
        return self._packed(self._kept[0])

    def lasting(self, before: int) -> bytes:
        """As `signature`, with no change time where it is not before that moment: it tells nothing yet."""
        changed = memoryview(self._kept[0]).cast("q")
        if not changed or max(changed) < before:
            return self.signature()
        return self._packed(b"".join(struct.pack("=q", time if time < before else 0) for time in changed))

    def _packed(self, changed: bytes) -> bytes:
        names = "\0".join(self.names).encode("utf-8", "surrogateescape")
        head = _COUNT.pack(len(self.names), len(names))
        return b"".join((head, names, self.kinds, self._sizes, self._modified, changed, *self._kept[1:]))

    def has(self, nodes: frozenset[tuple[int, int]]) -> bool:
        """Whether one of these is among them, by device and inode."""
        if not nodes:
            return False
        inodes = memoryview(self._kept[_INODE]).cast("Q")
        return not {inode for _, inode in nodes}.isdisjoint(inodes)

    def rows(self) -> Iterator[Row]:
        """What is said of each entry, in the order of `names`."""
        columns = (memoryview(column).cast("q") for column in (self._sizes, self._modified, *self._kept))
        return map(Row._make, zip(self.kinds, *columns, strict=True))


def rows_of(signature: bytes) -> dict[str, tuple[int, ...]]:
    """What a signature says of each entry, by name; nothing where it is none."""
    if len(signature) < _COUNT.size:
        return {}
    count, length = _COUNT.unpack_from(signature)
    start = _COUNT.size + length
    numbers = 2 + len(_KEPT)
    size = start + count * (1 + 8 * numbers)
    if len(signature) not in {size, size + len(UNSETTLED)} or not count:
        return {}
    names = signature[_COUNT.size : start].decode("utf-8", "surrogateescape").split("\0")
    kinds = signature[start : start + count]
    start += count
    width = 8 * count
    columns = (
        memoryview(signature[start + index * width : start + (index + 1) * width]).cast("q") for index in range(numbers)
    )
    return dict(zip(names, zip(kinds, *columns, strict=True), strict=True)) if len(names) == count else {}
