"""What the merge of two listings yields: the steps that a planner turns into actions.

The merge walks both sides in one total order. A directory is a pair, then everything below it, then a `Leave`. Object
stores have no directories of their own: the listing adapter supplies those that their keys imply.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from plait.model.items import Item, Page

if TYPE_CHECKING:
    from plait.model.errors import PlaitError


class Side(StrEnum):
    """Which of the two listings."""

    SOURCE = "source"
    DESTINATION = "destination"


class Pair(msgspec.Struct, frozen=True):
    """One name: on both sides, or (None) on one only. Two directories pair; a file and a directory never do.

    The two keys differ where names were matched after normalisation or case folding.
    """

    source: Item | None
    destination: Item | None


class Same(msgspec.Struct, frozen=True):
    """A run of files whose columns (kind, size, time) are equal on both sides; only where the merge was asked for runs.

    `source` and `destination` hold the same names; they hold no directory.
    """

    source: Page
    destination: Page


class New(msgspec.Struct, frozen=True):
    """A run of files that only the source has; only where the merge was asked for them."""

    files: Page


class Leave(msgspec.Struct, frozen=True):
    """Everything below a directory pair has been yielded; `complete` is False where a listing below it failed."""

    pair: Pair
    complete: bool = True


class Duplicate(msgspec.Struct, frozen=True):
    """An item whose name equals, after normalisation, an earlier one of the same directory and side; it is ignored.

    So is everything below it.
    """

    side: Side
    item: Item


class ListingFailed(msgspec.Struct, frozen=True):
    """A directory ("" is the root) could not be listed, or not to its end, or not one of its entries (`error.key`)."""

    side: Side
    directory: str
    error: PlaitError


Step = Pair | Same | New | Leave | Duplicate | ListingFailed
