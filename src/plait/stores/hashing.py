"""How a store gives hashes that its listings do not carry, and compares content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.items import Item, Page, Stat
    from plait.stores.base import PartHashes, Store


class CombinedHash(msgspec.Struct, frozen=True):
    """The hash of the hashes of all parts of `part_size` bytes (the last may be shorter), in lower-case hex."""

    name: str
    part_size: int
    value: str


@runtime_checkable
class Hashes(Protocol):
    """Stores that compute or look up hashes on demand."""

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        """The named hash as lower-case hex; None where this item has none. `expected` as in `read`.

        Raises NotSupportedError for a name that is not in `Features.hashes`, ObjectNotFoundError.
        """
        ...


@runtime_checkable
class HashesParts(Protocol):
    """Stores that hash an item and its parts in one reading."""

    def hash_parts(
        self, key: str, name: str, part_size: int, *, expected: Stat, cancelled: Callable[[], bool]
    ) -> PartHashes | None:
        """The hashes of an item and of its parts; None where this item or hash has none. `expected` as in `read`.

        Raises CancelledError once `cancelled()` is true, ObjectNotFoundError, SourceChangedError.
        """
        ...


@runtime_checkable
class CombinesHashes(Protocol):
    """Stores that know a combined hash of items that came to them in parts."""

    def combined_hash(self, key: str, stat: Stat) -> CombinedHash | None:
        """The combined hash of an item found as `stat`; None where there is none.

        Its form is what such stores usually have: one that is not that of the content proves nothing.
        """
        ...


@runtime_checkable
class HashesTogether(Protocol):
    """Stores that hash many items at once for less than one by one."""

    def hash_together(self, items: Sequence[Item], name: str) -> Sequence[str | None]:
        """One hash for each item, as `hash` gives it; None where only `hash` can tell. Raises nothing of one item."""
        ...


@runtime_checkable
class ComparesPages(Protocol):
    """Stores that compare the contents of many files with those of another store for less than one by one."""

    def can_compare_with(self, other: Store) -> bool:
        """True where `compare_pages` takes this store."""
        ...

    def compare_pages(self, page: Page, other: Store, others: Page) -> Sequence[bool | None]:
        """Whether the contents are equal, of each row of two pages of the same names, all of them files.

        None where only reading the two can tell. Raises nothing of one file.
        """
        ...
