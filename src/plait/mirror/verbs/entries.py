"""What a listing says of an item in rclone's words: the fields of `lsjson`, from which `lsf` and `lsl` are made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from plait.engine.events import Level
from plait.engine.parallel import run_together
from plait.mirror.lookups import hash_of
from plait.mirror.names import inside
from plait.model.errors import CancelledError, PlaitError
from plait.model.items import Item, Kind
from plait.model.values.layouts import show_layout
from plait.stores.content import BLOCK
from plait.stores.hashes import COMPUTABLE, new_digest
from plait.stores.objects.content_types import content_type_of
from plait.stores.shown import shown_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from plait.mirror.verbs.task import Task
    from plait.stores.registry import Opened

DIRECTORY_TYPE = "inode/directory"
STANDARD = "STANDARD"
"""The storage class of an S3 object that names none."""
AT_ONCE = 1000
"""Entries whose look-ups are made together."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of each item, and what costs a request where the listing does not carry it.

    `hashes`: names of hashes. `default_time`: in nanoseconds, what stands in where a directory has no time.
    """

    files: bool = True
    directories: bool = True
    times: bool = True
    types: bool = True
    tiers: bool = False
    metadata: bool = False
    hashes: Sequence[str] = ()
    default_time: int = 0

    @property
    def looks_up(self) -> bool:
        """True where a listing of an object store does not suffice."""
        return self.times or self.types or self.metadata or self.tiers


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One item; `modified` in nanoseconds, None where it was not asked for; `is_local`: shown in the local zone."""

    path: str
    size: int
    is_directory: bool
    modified: int | None = None
    is_local: bool = True
    content_type: str = ""
    hashes: Mapping[str, str] | None = None
    identifier: str = ""
    tier: str = ""
    is_bucket: bool = False
    metadata: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Entries:
    """Makes entries of items; look-ups are made together, a few at once."""

    def __init__(self, task: Task, opened: Opened, wanted: Wanted) -> None:
        self._task = task
        self._store = opened.store
        self._of_buckets = not opened.root and not opened.store.features.directories
        self._local = opened.root if opened.store.features.scheme == "local" else None
        self._wanted = wanted

    def of(self, items: Iterable[Item]) -> Iterator[Entry]:
        """The entries of items that are asked for, in their order."""
        held: list[Item] = []
        slow = self._store.features.depends_on_network and (self._wanted.looks_up or bool(self._wanted.hashes))
        for item in items:
            if not (self._wanted.directories if item.is_directory else self._wanted.files):
                continue
            if not slow:
                entry = self.entry(item)
                if entry is not None:
                    yield entry
                continue
            held.append(item)
            if len(held) == AT_ONCE:
                yield from self._together(held)
                held = []
        yield from self._together(held)

    def _together(self, items: Sequence[Item]) -> Iterator[Entry]:
        found: dict[int, Entry | None] = {}

        def make(position: int, _: Callable[[], bool]) -> None:
            found[position] = self.entry(items[position])

        workers = min(self._store.features.concurrency, len(items))
        run_together(make, range(len(items)), workers, self._task.around.cancellation.cancelled)
        yield from (entry for position in range(len(items)) if (entry := found[position]) is not None)

    def entry(self, item: Item) -> Entry | None:
        """The entry of one item; None where it is gone meanwhile."""
        return self._directory(item) if item.is_directory else self._file(item)

    def _directory(self, item: Item) -> Entry:
        wanted = self._wanted
        modified = wanted.default_time if item.modified is None else item.modified
        return Entry(
            path=inside(item.key),
            size=self._directory_size(item.key),
            is_directory=True,
            modified=modified if wanted.times else None,
            is_local=item.modified is not None,
            content_type=DIRECTORY_TYPE if wanted.types else "",
            identifier=item.stat.identifier,
            is_bucket=self._of_buckets and "/" not in item.key,
            metadata=self._directory_metadata(item) if wanted.metadata else None,
        )

    def _directory_metadata(self, item: Item) -> Mapping[str, str] | None:
        try:
            return self._store.stat(item.key).metadata if self._store.features.directories else None
        except PlaitError as error:
            self._task.say(f"Failed to read metadata: {error.message}", item.key, Level.ERROR)
            return None

    def _directory_size(self, key: str) -> int:
        """The size that a file system gives a directory, -1 elsewhere."""
        if self._local is None:
            # Rclone gives a bucket no size, and every other directory 0.
            return -1 if self._of_buckets else 0
        try:
            return os.stat(os.path.join(self._local, key)).st_size
        except OSError:
            return -1

    def _file(self, item: Item) -> Entry:
        wanted = self._wanted
        item = self._completed(item)
        stat = item.stat
        modified = stat.stored_at if stat.modified is None else stat.modified
        return Entry(
            path=inside(item.key),
            size=-1 if stat.size is None else stat.size,
            is_directory=False,
            modified=modified if wanted.times else None,
            is_local=stat.modified is not None and stat.modified != stat.stored_at,
            content_type=(stat.content_type or content_type_of(item.key)) if wanted.types else "",
            hashes=self._hashes(item) if wanted.hashes else None,
            identifier=stat.identifier,
            tier=self._tier(stat.tier) if wanted.tiers else "",
            metadata=shown_metadata(stat, self._store.features) if wanted.metadata else None,
        )

    def _tier(self, tier: str) -> str:
        return (tier or STANDARD) if self._store.features.tiers else ""

    def _completed(self, item: Item) -> Item:
        """The item with what its listing does not carry; with what there is where that fails."""
        stat, wanted = item.stat, self._wanted
        if item.kind is not Kind.FILE:
            return item
        lacks = (wanted.times and stat.modified is None) or (wanted.metadata and stat.metadata is None)
        lacks |= (wanted.types or wanted.tiers) and stat.content_type is None and stat.modified is None
        if not lacks:
            return item
        try:
            found = self._store.stat(item.key)
        except PlaitError as error:
            self._task.say(f"Failed to read metadata: {error.message}", item.key, Level.ERROR)
            return item
        return Item(item.key, msgspec.structs.replace(found, tier=found.tier or stat.tier))

    def _hashes(self, item: Item) -> Mapping[str, str]:
        if self._local is not None and len(self._wanted.hashes) > 1:
            return self._hashes_at_once(item)
        found: dict[str, str] = {}
        for name in self._wanted.hashes:
            try:
                value = hash_of(self._store, item, name) if name in self._store.features.hashes else None
            except PlaitError as error:
                self._task.say(f"Failed to read hash: {error.message}", item.key, Level.ERROR)
                continue
            if value:
                found[name] = value
        return dict(sorted(found.items()))

    def _hashes_at_once(self, item: Item) -> Mapping[str, str]:
        """All hashes from one reading."""
        digests = {name: new_digest(name) for name in sorted(self._wanted.hashes) if name in COMPUTABLE}
        try:
            with self._store.read(item.key, expected=item.stat) as reader:
                while block := reader.read(BLOCK):
                    self._task.around.cancellation.raise_if_cancelled()
                    for digest in digests.values():
                        digest.update(block)
        except CancelledError:
            raise
        except PlaitError as error:
            self._task.say(f"Failed to read hash: {error.message}", item.key, Level.ERROR)
            return {}
        return {name: digest.hexdigest() for name, digest in digests.items()}


def in_one_directory(items: Iterable[Item]) -> list[Item]:
    """The items of one directory by their names alone, as listings of it show them."""
    return sorted(items, key=lambda item: item.key.encode("utf-8", "surrogateescape"))


def time_layout(precision: int | None) -> str:
    """The layout of Go's package time that shows a time of a store as exactly as the store keeps it."""
    digits = 0
    while precision is not None and digits < 9 and precision < 10 ** (9 - digits):
        digits += 1
    return f".{'0' * digits}" if digits else ""


def as_json(entry: Entry, precision: int | None, *, times: bool = True) -> dict[str, Any]:
    """The fields of an entry under rclone's names, in rclone's order."""
    fields: dict[str, Any] = {"Path": entry.path, "Name": entry.name, "Size": entry.size}
    if entry.content_type:
        fields["MimeType"] = entry.content_type
    fields["ModTime"] = ""
    if times and entry.modified is not None:
        layout = f"2006-01-02T15:04:05{time_layout(precision)}Z07:00"
        fields["ModTime"] = show_layout(entry.modified, layout, local=entry.is_local)
    fields["IsDir"] = entry.is_directory
    if entry.hashes:
        fields["Hashes"] = dict(entry.hashes)
    if entry.identifier:
        fields["ID"] = entry.identifier
    if entry.tier:
        fields["Tier"] = entry.tier
    if entry.is_bucket:
        fields["IsBucket"] = True
    if entry.metadata:
        fields["Metadata"] = dict(sorted(entry.metadata.items()))
    return fields
