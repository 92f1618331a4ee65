"""Directories of a bucket that stand there by themselves: an empty object `dir/` for each.

Source: rclone 1.75, backend s3 (`directory_markers`).
"""

from __future__ import annotations

from threading import Lock
from time import time_ns
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from plait.model.errors import DirectoryNotFoundError, StoreError
from plait.stores.wrappers.base import Wrapper, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.model.items import Page
    from plait.stores.base import Features, Store
    from plait.stores.objects.store import S3Store

T = TypeVar("T")
_WRITES: Final = frozenset({"write", "begin", "copy_from"})


class Marked(Wrapper):
    """Passes everything on; directories are made and removed, and those of what is written are made."""

    def __init__(self, inner: Store, bucket: S3Store) -> None:
        super().__init__(inner)
        self._bucket = bucket
        self._lock = Lock()
        self._marked: set[str] = set()

    @property
    def reached_through(self) -> Store:
        """The inner store: content that is copied from here may come straight from it."""
        return self.inner

    @property
    def features(self) -> Features:
        return msgspec.structs.replace(self.inner.features, directory_markers=True)

    def call(self, operation: str, key: str, run: Callable[[], T]) -> T:
        """Makes one call of the inner store, after the directories that a write needs."""
        if operation in _WRITES:
            self.make_directory(key.rpartition("/")[0])
        return run()

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        """As the inner listing. Raises DirectoryNotFoundError where there is neither an object nor a directory."""
        pages = super().list(prefix, start_after, descend=descend)
        yield from pages if start_after else self._there(pages, prefix)

    def list_level(self, prefix: str = "") -> Iterator[Page]:
        """See `plait.stores.abilities.ListsLevels`. Raises DirectoryNotFoundError as `list` does."""
        return self._there(self._bucket.list_level(prefix), prefix)

    def _there(self, pages: Iterable[Page], prefix: str) -> Iterator[Page]:
        """The pages, where there is something or what stands for the directory."""
        empty = True
        for page in pages:
            empty = empty and not page.names
            yield page
        if empty and (prefix or self._bucket.below_bucket) and not self._bucket.has_marker(prefix):
            raise DirectoryNotFoundError("directory not found", key=prefix[:-1])

    def make_directory(self, key: str) -> None:
        """Makes the bucket, the directory, and those above it down from the root."""
        self._bucket.make_container()
        directory = key
        while directory or self._bucket.below_bucket:
            if self._is_marked(directory):
                return
            self._bucket.make_marker(directory + "/" if directory else "", time_ns())
            directory, slash, _ = directory.rpartition("/")
            if not slash:
                return

    def remove_directory(self, key: str) -> None:
        """Removes an empty directory, or the empty bucket. Raises StoreError where something is in it."""
        if not key:
            self._bucket.remove_container()
            return
        if any(page.names for page in self.inner.list(key + "/", key + "/")):
            raise StoreError("the directory is not empty", key=key)
        with self._lock:
            self._marked.discard(key)
        self._bucket.remove_marker(key + "/")

    def _is_marked(self, directory: str) -> bool:
        """True where the directory is there already; what is told so once, or made, is not asked again."""
        with self._lock:
            known = directory in self._marked
            self._marked.add(directory)
        return known or self._bucket.has_marker(directory + "/" if directory else "")


def marked(store: Store, bucket: S3Store) -> Store:
    """The store, with directories that lie in `bucket`, on which it is built."""
    return wrapping(Marked, store)(store, bucket)
