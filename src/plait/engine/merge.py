"""The merge of two tree listings: one pass over both, in one total order, in the memory of one page of each side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.engine.listing import EntryFailed
    from plait.engine.names import Names
    from plait.engine.steps import Step
    from plait.model.items import Page

    Open = Callable[[str, Callable[[str], bool]], Iterator[Page | EntryFailed]]
    """Opens the listing below a prefix; the second argument is asked before a directory is entered
    (`TreeListing.pages`)."""


def merge(source: Open, destination: Open, *, names: Names | None = None, runs: bool = False) -> Iterator[Step]:
    """Walks two listings together and yields what stands on both sides, or on one.

    `names` says which names match (`names.NFC`, `names.NFC_FOLDED`; None: only equal ones). With `runs`, files whose
    kind, size and time are known and equal come as `Same`, a run at a time. Where a side's directory could not be
    listed, nothing that the other side alone holds below it is yielded. The root has no pair and no `Leave`.

    Raises what the listings raise, and StoreError where a listing is out of order.
    """
    raise NotImplementedError
