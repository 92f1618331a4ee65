"""All buckets of an account as one store, each bucket a first part of the keys: what `REMOTE:` without a bucket is."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import NotSupportedError, ObjectNotFoundError, StoreError
from plait.model.items import Kind, Page, Stat
from plait.stores.abilities import anything
from plait.stores.base import PLAIN
from plait.stores.objects.buckets import list_buckets
from plait.stores.objects.commands import NAMES
from plait.stores.wrappers.base import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.model.items import Item
    from plait.stores.abilities import Allows
    from plait.stores.base import Deleted, Features, Outgoing, Reader, Source, Store
    from plait.stores.objects.request import Client
    from plait.stores.objects.store import S3Store
    from plait.stores.parts import PartialWrite


class S3Account:
    """The buckets of an account; `open_bucket` opens one of them."""

    def __init__(self, client: Client, features: Features, open_bucket: Callable[[str], S3Store]) -> None:
        self._client = client
        self._features = features
        self._open = open_bucket
        self._lock = Lock()
        self._stores: dict[str, S3Store] = {}

    @property
    def features(self) -> Features:
        return self._features

    @property
    def description(self) -> str:
        return "s3://"

    def list(
        self,
        prefix: str = "",
        start_after: str = "",
        *,
        descend: Callable[[str], bool] | None = None,
    ) -> Iterator[Page]:
        wanted, slash, below = prefix.partition("/")
        names = [wanted] if slash else sorted((name for name, _ in list_buckets(self._client)), key=_in_order)
        for name in names:
            lead = name + "/"
            if start_after and not start_after.startswith(lead) and _in_order(name) < start_after.encode():
                continue
            after = start_after.removeprefix(lead) if start_after.startswith(lead) else ""
            for page in self._bucket(name).list(below, after, descend=descend):
                yield _below(lead, page)

    def list_level(self, prefix: str = "") -> Iterator[Page]:
        """The buckets, or the items directly below a prefix in one."""
        if not prefix:
            yield Page.of("", list_buckets(self._client))
            return
        name, _, below = prefix.partition("/")
        for page in self._bucket(name).list_level(below):
            yield _below(name + "/", page)

    @property
    def commands(self) -> Sequence[str]:
        """See `plait.stores.abilities.HasCommands`."""
        return NAMES

    def command(
        self, name: str, options: Mapping[str, str], arguments: Sequence[str] = (), allows: Allows = anything
    ) -> object:
        """Runs a command for every bucket; see `plait.stores.abilities.HasCommands`."""
        if name == "versioning":
            raise StoreError("need a bucket")
        results: dict[str, object] = {}
        for bucket, _ in list_buckets(self._client):
            found = self._bucket(bucket).command(name, options, arguments, allows)
            results |= found if isinstance(found, dict) else {}
        return results or None

    def stat(self, key: str) -> Stat:
        if not key:
            return Stat(Kind.DIRECTORY)
        store, below = self._place(key)
        return store.stat(below)

    def read(self, key: str, offset: int = 0, length: int | None = None, *, expected: Stat | None = None) -> Reader:
        store, below = self._object(key)
        return store.read(below, offset, length, expected=expected)

    def write(self, key: str, content: Source, size: int | None, how: Outgoing = PLAIN) -> Stat:
        store, below = self._object(key)
        return store.write(below, content, size, how)

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        by_bucket: dict[str, list[str]] = {}
        for key in keys:
            by_bucket.setdefault(key.partition("/")[0], []).append(key)
        for name, within in by_bucket.items():
            for deleted in self._bucket(name).delete([key.partition("/")[2] for key in within]):
                yield msgspec.structs.replace(deleted, key=f"{name}/{deleted.key}")

    def close(self) -> None:
        self._client.close()
        for store in self._stores.values():
            store.close()

    def interrupt(self) -> None:
        """Ends what waits for the server."""
        self._client.interrupt()
        for store in list(self._stores.values()):
            store.interrupt()

    def can_copy_from(self, source: Store) -> bool:
        """True for a bucket on the same server."""
        return unwrapped(source).features.identity == self._features.identity and not isinstance(
            unwrapped(source), S3Account
        )

    def copy_from(self, source: Store, item: Item, key: str, how: Outgoing = PLAIN) -> Stat:
        store, below = self._object(key)
        return store.copy_from(source, item, below, how)

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        store, below = self._object(key)
        store.set_attributes(below, modified=modified, metadata=metadata)

    def hash(self, key: str, name: str, *, expected: Stat | None = None) -> str | None:
        store, below = self._object(key)
        return store.hash(below, name, expected=expected)

    def begin(self, key: str, size: int, how: Outgoing = PLAIN) -> PartialWrite:
        store, below = self._object(key)
        return store.begin(below, size, how)

    def _bucket(self, name: str) -> S3Store:
        with self._lock:
            store = self._stores.get(name)
            if store is None:
                store = self._stores[name] = self._open(name)
        return store

    def _place(self, key: str) -> tuple[S3Store, str]:
        name, _, below = key.partition("/")
        if not name:
            raise ObjectNotFoundError("object not found", key=key)
        return self._bucket(name), below

    def _object(self, key: str) -> tuple[S3Store, str]:
        store, below = self._place(key)
        if not below:
            raise NotSupportedError("an object lies in a bucket: write BUCKET/KEY", key=key)
        return store, below


def _in_order(name: str) -> bytes:
    return (name + "/").encode()


def _below(lead: str, page: Page) -> Page:
    """The page with every key below `lead`."""
    moved = page.slice(0, len(page))
    moved.prefix = lead + page.prefix
    moved.error = page.error
    return moved
