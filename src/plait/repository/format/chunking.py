"""Where content is cut, so that equal parts of different contents are stored once (format, section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError, NotSupportedError
from plait.native import cut_points
from plait.repository.format.gear import GEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.repository.format.configuration import Chunking

LEGACY_MASKS: Final = (0x0003590703530000, 0x0000D90003530000)
_LEGACY_SIZES: Final = (2048, 8192, 65536)
"""The one triple for which the newer algorithm, too, takes the fixed masks."""
LARGEST_CHUNK: Final = 1 << 28
"""Bytes; whatever a repository says, no longer chunk is made or read."""


class Chunker(msgspec.Struct, frozen=True):
    """Cuts contents; `sizes` are the least, normal and greatest length of a chunk, `masks` as in `cut_points`."""

    sizes: tuple[int, int, int]
    masks: tuple[int, int]
    gear: bytes = GEAR

    @classmethod
    def of(cls, settings: Chunking) -> Chunker:
        """The chunker of a repository. Raises NotSupportedError for another algorithm, IntegrityError for bad sizes."""
        sizes = (settings.min_size, settings.normal_size, settings.max_size)
        if not 1 <= sizes[0] <= sizes[1] <= sizes[2] <= LARGEST_CHUNK or sizes[1] < 16:
            raise IntegrityError(f"the repository's sizes of chunks are out of their range: {sizes}")
        match settings.algorithm.lower():
            case "fastcdc-v1.0.0":
                return cls(sizes, LEGACY_MASKS if sizes == _LEGACY_SIZES else spread_masks(settings.normal_size))
            case "fastcdc":
                return cls(sizes, LEGACY_MASKS)
            case other:
                raise NotSupportedError(f"the repository's chunking is not known: {other}")

    def cut(self, data: bytes | bytearray | memoryview, *, final: bool) -> list[int]:
        """Lengths of the chunks that are certain: as `cut_points`, and one chunk of no bytes for a content of none.

        `data` begins at the beginning of a chunk. An empty `data` is taken for an empty content if it is `final`.
        """
        if final and not data:
            return [0]
        return cut_points(data, self.gear, self.sizes, self.masks, final)

    def chunks(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks of a content that comes in blocks; at least one. Holds one chunk and one block at a time."""
        pending = bytearray()
        empty = True
        for block in blocks:
            pending += block
            if len(pending) >= self.sizes[2]:
                yield from self._take(pending, final=False)
                empty = False
        if pending or empty:
            yield from self._take(pending, final=True)

    def _take(self, pending: bytearray, *, final: bool) -> Iterator[bytes]:
        start = 0
        for length in self.cut(pending, final=final):
            yield bytes(memoryview(pending)[start : start + length])
            start += length
        del pending[:start]


def spread_masks(normal: int) -> tuple[int, int]:
    """The masks for a normal length: as many bits as it is long, two more before it and two fewer behind it."""
    bits = normal.bit_length() - 1
    return _spread(bits + 2), _spread(bits - 2)


def _spread(ones: int) -> int:
    step = 64 // ones
    return sum(1 << 63 - index * step for index in range(ones))
