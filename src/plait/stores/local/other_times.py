"""A local store that shows another of a file's times as its modification time.

Setting a time still sets the modification time. Source: rclone 1.75, backend local (`time_type`), which shows the
modification time itself for directories, and on Linux for `btime`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.items import Kind, Page
from plait.stores.copies import CopiesBatches, MovesBatches
from plait.stores.hashing import Hashes, HashesParts
from plait.stores.local.options import LINK_SUFFIX, Links
from plait.stores.wrappers.base import WrappedReader, Wrapper, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.model.items import Stat
    from plait.stores.base import Features, Reader, Store
    from plait.stores.local.store import LocalStore

FIELDS: Final = {"atime": "st_atime_ns", "ctime": "st_ctime_ns"}
"""The fields of `os.stat_result` by the name of the time."""


class OtherTimes(Wrapper):
    """Passes everything on, with the times replaced."""

    def __init__(self, inner: LocalStore, field: str) -> None:
        super().__init__(inner)
        self._local = inner
        self._field = field

    @property
    def features(self) -> Features:
        return msgspec.structs.replace(self.inner.features, batched=False)

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        for page in self.inner.list(prefix, start_after, descend=descend):
            names = enumerate(page.names)
            named = [(name, self._shown(page.prefix + name, page.stat(index))) for index, name in names]
            yield Page.of(page.prefix, named, page.error)

    def stat(self, key: str) -> Stat:
        return self._shown(key, self.inner.stat(key))

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        # Reading may change the time of the last access.
        before = self._found(key)
        reader = _Reading(self.inner.read(key, offset, length, expected=_timeless(expected)))
        reader.stat = self._with_time(reader.stat, before)
        return reader

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        """See `plait.stores.hashing.Hashes`."""
        return self._local.hash(key, name, expected=_timeless(expected))

    def _shown(self, key: str, stat: Stat) -> Stat:
        return self._with_time(stat, self._found(key)) if stat.kind is Kind.FILE else stat

    def _with_time(self, stat: Stat, found: os.stat_result | None) -> Stat:
        return stat if found is None else msgspec.structs.replace(stat, modified=getattr(found, self._field))

    def _found(self, key: str) -> os.stat_result | None:
        """The attributes; None where there is nothing any more, which whoever reads it is told of."""
        links = self._local.options.links
        path = os.path.join(self._local.path, key)
        for candidate in (path, path.removesuffix(LINK_SUFFIX)):
            try:
                return os.stat(candidate, follow_symlinks=links is Links.FOLLOW)
            except OSError:
                continue
        return None


class _Reading(WrappedReader):
    def read(self, size: int = -1, /) -> bytes:
        """See `plait.stores.base.Reader`."""
        return self._reader.read(size)


def with_times(store: LocalStore, name: str) -> Store:
    """The store, with the time of this name (`mtime`, `atime`, `btime`, `ctime`) as the modification time."""
    if name not in FIELDS:
        return store
    kind = wrapping(OtherTimes, store, (Hashes, HashesParts, CopiesBatches, MovesBatches))
    return kind(store, FIELDS[name])


def _timeless(expected: Stat | None) -> Stat | None:
    """What is expected, but for the time, which is not the one that the store knows."""
    return None if expected is None else msgspec.structs.replace(expected, modified=None)
