"""Items: what a listing yields, one by one (`Item`) or held as columns (`Page`).

A key is a `str` with surrogateescape, without a leading or trailing slash for files and directories of a tree; an
object store's own keys are exact, whatever they hold. The total order of a listing is the bytewise UTF-8 order of
`order_key`: the key, with `/` appended for a directory (design, section 4).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from plait.model.errors import PlaitError

UNKNOWN_SIZE = -1
"""What a size column holds where the size is not known."""
UNKNOWN_TIME = -(2**63)
"""What a time column holds where the time is not known."""


class Kind(IntEnum):
    """What an item is; the values are those of a page's kind column."""

    FILE = 0
    DIRECTORY = 1
    SYMLINK = 2
    SPECIAL = 3
    UNREADABLE = 255
    """An entry whose attributes could not be read; the size column holds the errno."""


_KINDS = {kind.value: kind for kind in Kind}


class Posix(msgspec.Struct, frozen=True):
    """What `lstat` says beyond kind, size and modification time; times in nanoseconds since the epoch.

    The fields stand in the order of a page's detail column.
    """

    changed: int
    accessed: int
    inode: int
    device: int
    mode: int
    uid: int
    gid: int
    links: int
    special_device: int


POSIX_FIELDS = len(Posix.__struct_fields__)


class Stat(msgspec.Struct, frozen=True):
    """What a store says of one item.

    `size` in bytes, None where not known. `modified` is the source's modification time, `stored_at` the server's own
    clock, both in nanoseconds since the epoch, None where not known. `hashes` maps a hash name (`md5`, `sha1` …) to
    lower-case hex. `metadata` is the raw user metadata, None where this listing does not carry it. `identifier` is the
    server's own name of the item, where names are not unique; `tier` its storage class; "" where there is none.
    """

    kind: Kind
    size: int | None = None
    modified: int | None = None
    stored_at: int | None = None
    etag: str | None = None
    hashes: Mapping[str, str] = {}
    metadata: Mapping[str, str] | None = None
    content_type: str | None = None
    posix: Posix | None = None
    identifier: str = ""
    tier: str = ""


class Item(msgspec.Struct, frozen=True):
    """A key and what the store says of it."""

    key: str
    stat: Stat

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.stat.kind

    @property
    def size(self) -> int | None:
        """Bytes, None where not known."""
        return self.stat.size

    @property
    def modified(self) -> int | None:
        """Modification time in nanoseconds, None where not known."""
        return self.stat.modified

    @property
    def is_directory(self) -> bool:
        """True for a directory."""
        return self.stat.kind is Kind.DIRECTORY

    @property
    def order_key(self) -> str:
        """What orders it among others: the key, with `/` appended for a directory."""
        return self.key + "/" if self.stat.kind is Kind.DIRECTORY else self.key


class Page:
    """Items that follow each other in a listing, held as columns.

    `prefix + names[i]` is the key of item i. `kinds` holds one byte an item (`Kind`); `sizes` and `modified` hold one
    native int64 each (`UNKNOWN_SIZE`, `UNKNOWN_TIME`); `details` holds `POSIX_FIELDS` native int64 each, or is None.
    Where a store knows more than columns can hold, `stats` has each item's `Stat`, else it is None.

    A page with an `error` says that the directory `prefix` (without its trailing slash; "" is the root) could not be
    listed, or not to its end; it comes where that directory's items would have stood and may hold no item.

    Equal columns mean equal items, so two pages are compared without creating an item.
    """

    __slots__ = ("_columns", "details", "error", "kinds", "modified", "names", "prefix", "sizes", "stats")

    def __init__(
        self,
        prefix: str,
        names: Sequence[str],
        kinds: bytes,
        sizes: bytes,
        modified: bytes,
        *,
        details: bytes | None = None,
        stats: Sequence[Stat] | None = None,
        error: PlaitError | None = None,
    ) -> None:
        self.prefix = prefix
        self.names = names
        self.kinds = kinds
        self.sizes = sizes
        self.modified = modified
        self.details = details
        self.stats = stats
        self.error = error
        self._columns: tuple[memoryview[int], memoryview[int], memoryview[int] | None] | None = None

    @classmethod
    def of(cls, prefix: str, named: Sequence[tuple[str, Stat]], error: PlaitError | None = None) -> Page:
        """A page of names below `prefix` and their stats, in listing order."""
        from array import array

        stats = [stat for _, stat in named]
        return cls(
            prefix,
            [name for name, _ in named],
            bytes(stat.kind for stat in stats),
            array("q", [UNKNOWN_SIZE if stat.size is None else stat.size for stat in stats]).tobytes(),
            array("q", [UNKNOWN_TIME if stat.modified is None else stat.modified for stat in stats]).tobytes(),
            stats=stats,
            error=error,
        )

    @classmethod
    def failed(cls, directory: str, error: PlaitError) -> Page:
        """The page that says that `directory` could not be listed."""
        return cls(directory + "/" if directory else "", (), b"", b"", b"", error=error)

    def __len__(self) -> int:
        return len(self.names)

    def slice(self, start: int, stop: int) -> Page:
        """The page of the items from `start` up to `stop`; the error stays behind."""
        if start == 0 and stop == len(self.names) and self.error is None:
            return self
        width = 8 * POSIX_FIELDS
        return Page(
            self.prefix,
            self.names[start:stop],
            self.kinds[start:stop],
            self.sizes[8 * start : 8 * stop],
            self.modified[8 * start : 8 * stop],
            details=None if self.details is None else self.details[width * start : width * stop],
            stats=None if self.stats is None else self.stats[start:stop],
        )

    def rows(self, positions: Sequence[int]) -> Page:
        """The page of the items at these positions, which are in ascending order; the error comes along."""
        if self.stats is not None:
            return Page.of(self.prefix, [(self.names[at], self.stats[at]) for at in positions], self.error)
        pieces = [self.slice(start, stop) for start, stop in _spans(positions)]
        return Page(
            self.prefix,
            [self.names[position] for position in positions],
            b"".join(piece.kinds for piece in pieces),
            b"".join(piece.sizes for piece in pieces),
            b"".join(piece.modified for piece in pieces),
            details=None if self.details is None else b"".join(piece.details or b"" for piece in pieces),
            error=self.error,
        )

    def without(self, positions: Sequence[int]) -> Page:
        """The page without the items at these positions; the error comes along."""
        left_out = set(positions)
        return self.rows([position for position in range(len(self)) if position not in left_out])

    def stat(self, index: int) -> Stat:
        """The `Stat` of item `index`."""
        if self.stats is not None:
            return self.stats[index]
        if self._columns is None:
            details = None if self.details is None else memoryview(self.details).cast("q")
            self._columns = memoryview(self.sizes).cast("q"), memoryview(self.modified).cast("q"), details
        sizes, times, details = self._columns
        size, modified = sizes[index], times[index]
        start = POSIX_FIELDS * index
        return Stat(
            _KINDS[self.kinds[index]],
            None if size == UNKNOWN_SIZE else size,
            None if modified == UNKNOWN_TIME else modified,
            posix=None if details is None else Posix(*details[start : start + POSIX_FIELDS]),
        )

    def item(self, index: int) -> Item:
        """Item `index`."""
        return Item(self.prefix + self.names[index], self.stat(index))

    def items(self) -> Iterator[Item]:
        """The items in order."""
        return map(self.item, range(len(self.names)))


def _spans(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending positions as half-open spans."""
    start = stop = -1
    for position in positions:
        if position != stop:
            if stop >= 0:
                yield start, stop
            start = position
        stop = position + 1
    if stop >= 0:
        yield start, stop


def order_bytes(key: str) -> bytes:
    """The bytes that order a key among others."""
    return key.encode("utf-8", "surrogateescape")


def precedes(left: str, right: str) -> bool:
    """True when `left` stands before `right` in the total order.

    Code-point order is byte order as long as no surrogate (an undecodable byte) is involved.
    """
    if left.isascii() or right.isascii():
        # An ASCII string differs from any other at a point where code points and bytes agree.
        return left < right
    return order_bytes(left) < order_bytes(right)
