"""How a store takes a large item in parts, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from plait.stores.base import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.model.items import Stat
    from plait.stores.base import Outgoing, Source


class PartialWrite(Protocol):
    """An item being written in parts that may arrive in any order and from several threads."""

    @property
    def part_size(self) -> int:
        """Bytes of every part but the last."""
        ...

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """Stores `length` bytes at `offset`, a multiple of `part_size`. May be repeated with the same bytes."""
        ...

    def commit(self) -> Stat:
        """Makes the item appear, whole and at once."""
        ...

    def abort(self) -> None:
        """Forgets everything; the key holds what it held before."""
        ...


@runtime_checkable
class Rereads(Protocol):
    """Partial writes of which what was written can be read at once."""

    def read_back(self, offset: int, buffer: memoryview) -> None:
        """Fills the buffer with what was written from `offset` on. Raises StoreError."""
        ...

    def md5_each_part(self, offset: int, size: int, part_size: int, stop: bytearray) -> bytes:
        """The MD5s of consecutive parts of what was written, 16 bytes each; b"" once the first byte of `stop` is not 0.

        Raises StoreError.
        """
        ...


@runtime_checkable
class Resumes(Protocol):
    """Partial writes that another one of the same content may go on with (`Outgoing.fingerprint`)."""

    @property
    def written(self) -> Sequence[tuple[int, int]]:
        """Offset and length of each part that an earlier one had written, and that need not be written again."""
        ...

    def suspend(self) -> None:
        """Lets go, and leaves what is there to the next one; forgets it, as `abort` does, where that cannot be."""
        ...


@runtime_checkable
class Parts(Protocol):
    """Stores that write an item in parts: files by ranges, objects by multipart upload."""

    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> PartialWrite:
        """Begins writing `size` bytes; nothing shows under the key before `commit`."""
        ...
