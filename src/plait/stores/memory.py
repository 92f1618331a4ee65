"""Objects held in memory, in the manner of an object store: exact keys, no directories, conditional writes.

What it is for: tests, and rclone's `:memory:` remote, which lives as long as the process.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from hashlib import md5
from threading import RLock
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PreconditionError,
    StoreError,
)
from plait.model.items import Kind, Page, Stat, order_bytes
from plait.stores.base import PLAIN, Deleted, Features, Outgoing
from plait.stores.content import BytesReader, blocks, check_expected, is_key
from plait.stores.hashes import Digests
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.model.items import Item
    from plait.stores.base import Source, Store
    from plait.stores.registry import Opening

PAGE = 1000
PART_SIZE = 5 << 20


class _Held(msgspec.Struct, frozen=True):
    content: bytes
    stat: Stat


class MemorySpace:
    """The objects of any number of memory stores, by full key. Thread-safe."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.lock = RLock()
        self._objects: dict[bytes, _Held] = {}
        self._order: list[bytes] = []
        self._version = 0

    def get(self, full: bytes) -> _Held | None:
        """The object under the full key, if there is one."""
        return self._objects.get(full)

    def put(self, full: bytes, key: str, content: bytes, how: Outgoing) -> Stat:
        """Stores an object if the conditions of `how` hold."""
        with self.lock:
            current = self._objects.get(full)
            if how.if_absent and current is not None:
                raise AlreadyExistsError("the object exists already", key=key)
            if how.if_match is not None and (current is None or current.stat.etag != how.if_match):
                raise PreconditionError("the stored object is another one than expected", key=key)
            self._version += 1
            now = time.time_ns()
            stat = Stat(
                Kind.FILE,
                len(content),
                modified=now if how.modified is None else how.modified,
                stored_at=now,
                etag=f"{self._version:016x}",
                hashes={"md5": md5(content, usedforsecurity=False).hexdigest()},
                metadata=dict(how.metadata or {}),
                content_type=how.content_type,
            )
            if current is None:
                insort(self._order, full)
            self._objects[full] = _Held(content, stat)
            return stat

    def remove(self, full: bytes) -> None:
        """Removes an object; one that is missing is a success."""
        with self.lock:
            if self._objects.pop(full, None) is not None:
                del self._order[bisect_left(self._order, full)]

    def after(self, start: bytes, *, included: bool, prefix: bytes) -> list[tuple[bytes, Stat]]:
        """At most one page of objects whose full key begins with `prefix`, from `start` on, in order."""
        with self.lock:
            first = (bisect_left if included else bisect_right)(self._order, start)
            fulls = self._order[first : first + PAGE]
            return [(full, self._objects[full].stat) for full in fulls if full.startswith(prefix)]


SHARED = MemorySpace()
"""The space of the process: where `:memory:` remotes live."""


class MemoryStore:
    """A store of the objects of `space` whose full key begins with `root`.

    `root` is "" or a prefix without a trailing slash. `part_size` and `part_cutoff` in bytes. `in_bucket`: the root
    begins with the name of a bucket, which as long as it holds nothing is missing.
    """

    def __init__(
        self,
        space: MemorySpace | None = None,
        root: str = "",
        *,
        part_size: int = PART_SIZE,
        part_cutoff: int = 64 << 20,
        in_bucket: bool = False,
    ) -> None:
        self._bucket = order_bytes(root.partition("/")[0] + "/") if in_bucket else b""
        self.space = MemorySpace() if space is None else space
        self._root = order_bytes(root + "/") if root else b""
        self._text = root
        shared = self.space is SHARED
        self._features = Features(
            scheme="memory",
            identity="memory:" if shared else f"memory:{self.space.name or id(self.space)}",
            hashes=("md5",),
            hashes_in_listing=True,
            time_precision=1,
            times_in_listing=True,
            set_times=True,
            conditional_writes=True,
            metadata=True,
            part_size=part_size,
            part_cutoff=part_cutoff,
        )

    @property
    def features(self) -> Features:
        return self._features

    @property
    def description(self) -> str:
        return f":memory:{self._text}"

    def full(self, key: str) -> bytes:
        """The key in the space. Raises NotSupportedError for what can be no object's key; "" names the root."""
        if not key or not is_key(key):
            raise NotSupportedError("this can be no object's name", key=key)
        return self._root + order_bytes(key)

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,  # noqa: ARG002  (no directories to ask about)
    ) -> Iterator[Page]:
        if self._bucket and not self.space.after(self._bucket, included=True, prefix=self._bucket):
            raise DirectoryNotFoundError("directory not found")
        full_prefix = self._root + order_bytes(prefix)
        cut = len(full_prefix)
        start, included = full_prefix, True
        after = self._root + order_bytes(start_after)
        if start_after and after >= start:
            start, included = after, False
        while found := self.space.after(start, included=included, prefix=full_prefix):
            yield Page.of(prefix, [(full[cut:].decode("utf-8", "surrogateescape"), stat) for full, stat in found])
            start, included = found[-1][0], False

    def stat(self, key: str) -> Stat:
        return self._held(key).stat if key else Stat(Kind.DIRECTORY)

    def read(
        self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None
    ) -> BytesReader:
        held = self._held(key)
        check_expected(expected, held.stat, key)
        end = len(held.content) if length is None else offset + length
        return BytesReader(held.content[offset:end], held.stat)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        full = self.full(key)
        digests = Digests(how.hashes)
        data = b"".join(blocks(content, size, key))
        digests.update(data)
        digests.check(key)
        return self.space.put(full, key, data, how)

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        for key in keys:
            if key:
                self.space.remove(self.full(key))
                yield Deleted(key)
            else:
                yield Deleted(key, StoreError("the root is no object", key=key))

    def close(self) -> None:
        """Nothing to free; the objects stay in their space."""

    def can_copy_from(self, source: Store) -> bool:
        inner = unwrapped(source)
        return isinstance(inner, MemoryStore) and inner.space is self.space

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        inner = unwrapped(source)
        if not isinstance(inner, MemoryStore):
            raise NotSupportedError("a memory store copies from another one only", key=key)
        held = inner._held(item.key)  # noqa: SLF001  (the same class)
        check_expected(item.stat, held.stat, item.key)
        digests = Digests(how.hashes)
        digests.update(held.content)
        digests.check(key)
        kept = msgspec.structs.replace(
            how,
            modified=held.stat.modified if how.modified is None else how.modified,
            metadata=held.stat.metadata if how.metadata is None else how.metadata,
            content_type=held.stat.content_type if how.content_type is None else how.content_type,
        )
        return self.space.put(self.full(key), key, held.content, kept)

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        with self.space.lock:
            held = self._held(key)
            how = Outgoing(
                modified=held.stat.modified if modified is None else modified,
                metadata=held.stat.metadata if metadata is None else metadata,
                content_type=held.stat.content_type,
            )
            self.space.put(self.full(key), key, held.content, how)

    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> MemoryParts:
        return MemoryParts(self, key, size, how)

    def _held(self, key: str) -> _Held:
        held = self.space.get(self.full(key)) if key else None
        if held is None:
            raise ObjectNotFoundError("object not found", key=key)
        return held


def open_memory(path: str, _: Mapping[str, str], __: Opening) -> tuple[MemoryStore, str]:
    """Opens a path of the memory that this process shares; see `plait.stores.registry.Opener`."""
    root = path.strip("/")
    return MemoryStore(SHARED, root, in_bucket=bool(root)), root


class MemoryParts:
    """An object being written in parts."""

    def __init__(self, store: MemoryStore, key: str, size: int, how: Outgoing) -> None:
        store.full(key)
        self._store = store
        self._key = key
        self._size = size
        self._how = how
        self._parts: dict[int, bytes] = {}

    @property
    def part_size(self) -> int:
        return self._store.features.part_size

    def write_part(self, offset: int, content: Source, length: int) -> None:
        """Keeps one part."""
        self._parts[offset] = b"".join(blocks(content, length, self._key))

    def commit(self) -> Stat:
        """Stores the object. Raises IntegrityError where parts are missing or a hash differs."""
        whole = b"".join(self._parts[offset] for offset in sorted(self._parts))
        if len(whole) != self._size:
            raise IntegrityError(f"parts of {len(whole)} of {self._size} bytes were written", key=self._key)
        digests = Digests(self._how.hashes)
        digests.update(whole)
        digests.check(self._key)
        return self._store.space.put(self._store.full(self._key), self._key, whole, self._how)

    def abort(self) -> None:
        """Forgets the parts."""
        self._parts.clear()
