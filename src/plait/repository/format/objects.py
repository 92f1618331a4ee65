"""Objects: contents as lists of chunks (format, section 10.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from plait.repository.format.resources import VERSION_1_0_0
from plait.repository.format.wire import F64, OMIT_EMPTY, U32, Mac, Text

if TYPE_CHECKING:
    from collections.abc import Sequence


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of content: its identifier, bytes, and bits of entropy per byte."""

    version: U32 = VERSION_1_0_0
    content_mac: Mac = msgspec.field(name="contentMAC")
    length: U32
    entropy: F64 = 0.0
    flags: U32 = 0


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """A content. `content_mac` identifies all of it, not this struct."""

    version: U32 = VERSION_1_0_0
    content_mac: Mac = msgspec.field(name="contentMAC")
    chunks: tuple[Chunk, ...] | None
    content_type: Annotated[Text, OMIT_EMPTY] = ""
    entropy: Annotated[F64, OMIT_EMPTY] = 0.0
    flags: U32 = 0

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return sum(chunk.length for chunk in self.chunks or ())


def mean_entropy(chunks: Sequence[Chunk]) -> float:
    """The entropy of a content, from that of its chunks: weighted by length, in order."""
    size = sum(chunk.length for chunk in chunks)
    if size == 0:
        return 0.0
    total = 0.0
    for chunk in chunks:
        total += chunk.entropy * chunk.length
    return total / size
