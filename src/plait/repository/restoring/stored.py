"""Restoring to any store: contents under keys, with times and metadata as far as the store keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.errors import NotSupportedError
from plait.repository.chunk_source import ChunkSource
from plait.repository.restoring.attributes import permission_bits, posix_metadata
from plait.stores.abilities import Directories, SetsAttributes
from plait.stores.base import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plait.repository.restoring.settings import RestoreSettings
    from plait.repository.restoring.target import Folder, Item
    from plait.stores.base import Store

_MOST_WORKERS = 8
"""Each may hold a chunk of some megabytes, twice."""


class StoreTarget:
    """The root of a store."""

    hard_links = False

    def __init__(self, store: Store, settings: RestoreSettings) -> None:
        self._store = store
        self._permissions = settings.permissions
        self.workers = min(store.features.concurrency, _MOST_WORKERS)

    def make_directory(self, folder: Folder) -> None:
        """As in `Target`; where directories do not exist by themselves, there is nothing to make."""
        if isinstance(self._store, Directories):
            self._store.make_directory(folder.key)

    def write(self, item: Item, size: int, chunks: Iterable[bytes]) -> None:
        """As in `Target`."""
        features = self._store.features
        info = item.entry.file_info
        how = Outgoing(
            modified=None if features.time_precision is None else info.mod_time,
            mode=permission_bits(info.mode) if features.posix and self._permissions else None,
            metadata=posix_metadata(item.entry) if features.metadata and self._permissions else None,
            content_type=item.entry.content_type or None,
        )
        self._store.write(item.key, ChunkSource(iter(chunks)), size, how)

    def write_together(self, files: Sequence[tuple[Item, int, int]], data: memoryview) -> Sequence[bool]:  # noqa: ARG002  (the protocol's signature)
        """As in `Target`; stores take one object after the other."""
        return [False] * len(files)

    def link(self, item: Item, first: Item) -> None:
        """As in `Target`."""
        raise NotSupportedError(f"a store holds {first.key} under one key only", key=item.key)

    def make_special(self, item: Item) -> None:
        """As in `Target`."""
        raise NotSupportedError("the destination holds nothing but directories and regular files", key=item.key)

    def finish_directory(self, folder: Folder) -> None:
        """As in `Target`."""
        if (
            folder.entry is not None
            and isinstance(self._store, SetsAttributes)
            and self._store.features.directory_times
        ):
            self._store.set_attributes(folder.key, modified=folder.entry.file_info.mod_time)

    def close(self) -> None:
        """As in `Target`; the store is the caller's."""
