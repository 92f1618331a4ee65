"""What a strand says of a listing: which of its items count; and what a listing says of an entry it cannot tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.model.errors import PlaitError


class Selection(Protocol):
    """Which items of a listing count; the strand's filter rules. Keys are relative to the location."""

    @property
    def active(self) -> bool:
        """False where everything is included: then no item is looked at one by one."""
        ...

    @property
    def needs_stat(self) -> bool:
        """True where rules need a time or metadata: what a listing does not carry is then looked up, item by item."""
        ...

    @property
    def max_depth(self) -> int | None:
        """How many levels are listed: 1 is the root's own items; None is all. Deeper directories are not entered."""
        ...

    @property
    def exclude_if_present(self) -> Sequence[str]:
        """File names; a directory that holds one of them is left out, the root is then empty."""
        ...

    def includes_file(
        self, path: str, size: int | None, modified: int | None, metadata: Mapping[str, str] | None
    ) -> bool:
        """True where the file (or link) counts. `modified` in nanoseconds."""
        ...

    def includes_directory(self, path: str) -> bool:
        """True where something below the directory may count; else it is neither yielded nor entered."""
        ...


class EntryFailed(msgspec.Struct, frozen=True):
    """One entry of a directory could not be listed: its attributes cannot be read, or its name is unsafe.

    `name` is its name in `directory`, None where it has none that could stand on another side. `leads_nowhere`: what is
    there is a link to nothing, which has no content that a replacement could lose.
    """

    directory: str
    name: str | None
    error: PlaitError
    leads_nowhere: bool = False
