"""Content-defined chunking: where the gear hash of FastCDC cuts."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Bytes: TypeAlias = bytes | bytearray | memoryview

_WORD = 2**64 - 1


def cut_points(
    data: Bytes,
    gear: bytes,
    sizes: tuple[int, int, int],
    masks: tuple[int, int],
    final: bool,  # noqa: FBT001  (positional in C)
    /,
) -> list[int]:
    """The lengths of the chunks that `data` begins with, as far as they are certain.

    `sizes` are the least, the normal and the greatest length of a chunk, `masks` those before and from the normal
    length on. A chunk is certain where its greatest length of bytes follows its beginning; with `final` nothing follows
    `data`, and all of it is cut. The lengths are in order and begin at offset 0; no data gives no chunk.

    The fingerprint of a chunk starts after its least length: for each byte it is doubled and the byte's word of `gear`
    (256 words of 64 bits in the machine's byte order) is added. The chunk ends before the byte that clears all bits of
    the mask, and at its greatest length at the latest.

    Raises ValueError for a table of another size and for sizes that are not positive or not in order.
    """
    minimum, normal, maximum = sizes
    small, large = masks
    if len(gear) != 2048:
        raise ValueError("the gear table has 256 words of 64 bits")
    if not 1 <= minimum <= normal <= maximum:
        raise ValueError("the sizes of chunks have to be positive and in order")
    words = array("Q", gear)
    view = memoryview(data).cast("B")
    lengths = []
    while len(view) >= maximum or (final and view):
        window = view[:maximum]
        middle = min(normal, len(window))
        length, fingerprint = _scan(window, words, minimum, middle, small, 0)
        if length is None:
            length, _ = _scan(window, words, max(minimum, middle), len(window), large, fingerprint)
        lengths.append(len(window) if length is None else length)
        view = view[lengths[-1] :]
    return lengths


def _scan(
    window: memoryview, words: Sequence[int], start: int, stop: int, mask: int, fingerprint: int
) -> tuple[int | None, int]:
    """The first place of a range where the fingerprint meets the mask, if any, and the fingerprint there."""
    for index, byte in enumerate(window[start:stop], start):
        fingerprint = ((fingerprint << 1) + words[byte]) & _WORD
        if not fingerprint & mask:
            return index, fingerprint
    return None, fingerprint
