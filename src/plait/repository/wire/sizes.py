"""The size of a file on a server that tells none: found by asking for ranges of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK: Final = 32 << 10
_LARGEST: Final = 1 << 40


def size_by_ranges(read: Callable[[int, int], bytes]) -> int:
    """Bytes of a file of which `read` gives what is at an offset, so many bytes or as many as there are.

    Takes less than thirty reads, of `BLOCK` bytes at most, for 20 MiB. Raises IntegrityError for a file without an end,
    and what `read` raises.
    """
    known, beyond = 0, BLOCK
    data = read(0, BLOCK)
    if len(data) < BLOCK:
        return len(data)
    while len(data := read(beyond, BLOCK)) == BLOCK:
        known, beyond = beyond + BLOCK, 2 * beyond
        if beyond > _LARGEST:
            raise IntegrityError("a file is longer than can be")
    if data:
        return beyond + len(data)
    known = max(known, BLOCK)
    while known < beyond:
        middle = (known + beyond) // 2
        data = read(middle, BLOCK)
        if len(data) == BLOCK:
            known = middle + BLOCK
        elif data:
            return middle + len(data)
        else:
            beyond = middle
    return known
