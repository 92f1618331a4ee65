"""How a store copies or moves by itself, one item or many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from plait.stores.base import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.model.errors import PlaitError
    from plait.model.items import Item, Page, Stat
    from plait.stores.base import Outgoing, Store


@runtime_checkable
class Copies(Protocol):
    """Stores that copy an item by themselves (server-side)."""

    def can_copy_from(self, source: Store) -> bool:
        """True where `copy_from` works for every item of `source`."""
        ...

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        """Copies an item of `source` to `key` here; atomic like `write`, with the same errors."""
        ...


class CopyRequest(msgspec.Struct, frozen=True):
    """One file of a batch: the item as listed, and the key to write (in the same directory for a whole batch)."""

    item: Item
    key: str
    replaces: Stat | None = None
    """What is expected under the key: None where it must be absent."""


class CopyResult(msgspec.Struct, frozen=True):
    """What became of one request; `error` None: it is done and `stat` is what stands there now, where known cheaply.

    `moved`: the source stands there itself, and is no longer where it was.
    """

    request: CopyRequest
    error: PlaitError | None = None
    stat: Stat | None = None
    moved: bool = False


@runtime_checkable
class CopiesBatches(Protocol):
    """Stores that carry many small files from another store in one go (local to local)."""

    def can_copy_batches_from(self, source: Store) -> bool: ...

    def copy_batch(
        self,
        source: Store,
        requests: Sequence[CopyRequest],
        how: Outgoing,
        cancelled: Callable[[], bool],
        carried: Callable[[CopyRequest, int], None] | None = None,
    ) -> list[CopyResult]:
        """Carries requests whose items share one directory and whose keys share one directory.

        Each file by itself atomic and checked like `write` (size as listed, source unchanged before and after);
        `how.modified` counts only beside `how.metadata`, which is what each file gets then: else it keeps its own
        item's. `carried` is told of bytes as they are copied, for files large enough that a person may be waiting.
        Requests not begun when `cancelled()` turns true, and a large one under way, end with CancelledError.
        """
        ...


@runtime_checkable
class CopiesPages(Protocol):
    """Stores of `CopiesBatches` that carry new files as columns, too.

    A wrapper that is to see each file does not offer it.
    """

    def copy_page(
        self, source: Store, files: Page, prefix: str, how: Outgoing, cancelled: Callable[[], bool]
    ) -> list[int]:
        """Carries new files of one directory of `source` to where keys begin with `prefix`, each as `copy_batch` does.

        Returns the rows that were not carried, in order; nothing stands in their places by this call. They are for
        `copy_batch`, which can do more and says what is wrong. Raises nothing.
        """
        ...


@runtime_checkable
class MovesBatches(Protocol):
    """Stores that take files over from another store without carrying their content (local to local, by a rename)."""

    def can_move_from(self, source: Store) -> bool:
        """True where `move_batch` may work for items of `source`."""
        ...

    def move_batch(
        self, source: Store, requests: Sequence[CopyRequest], how: Outgoing, cancelled: Callable[[], bool]
    ) -> list[CopyResult | None]:
        """Moves requests whose items share one directory and whose keys share one directory, as far as it can.

        Each file by itself, atomically, with its attributes, and only where source and destination are as expected.
        One result for each request, in their order: moved, or failed and nothing changed; None where the request is to
        be copied instead, because it cannot be moved or is not as expected, and for those not begun when `cancelled()`
        turns true. `how.durable` alone counts.
        """
        ...
