"""Deleting objects: many with one request where the server takes that, odd keys and versions one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import NotSupportedError, ObjectNotFoundError, PlaitError, StoreError
from plait.stores.base import Deleted
from plait.stores.objects.failures import Refusal, error_of
from plait.stores.objects.locks import deletion_headers
from plait.stores.objects.metadata import md5_to_base64
from plait.stores.objects.probes import oddities
from plait.stores.objects.reading import version_query
from plait.stores.objects.request import Request
from plait.stores.objects.versions import VersionLister
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import can_hold, deletion, parse_deletion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.stores.objects.listing import Lister
    from plait.stores.objects.options import S3Options
    from plait.stores.objects.probes import Probes
    from plait.stores.objects.request import Client
    from plait.stores.objects.xml import Version

_BATCH: Final = 1000


class Deletions:
    """Deletes objects below `root`."""

    def __init__(self, client: Client, options: S3Options, root: str, lister: Lister, probes: Probes) -> None:
        self._client = client
        self._options = options
        self._root = root
        self._lister = lister
        self._probes = probes
        self._takes_batches = True

    def delete(self, keys: Sequence[str]) -> Iterator[Deleted]:
        """As in `Store`."""
        batch: list[str] = []
        for key in keys:
            full = self._root + key
            if not key:
                yield Deleted(key, StoreError("the root is no object", key=key))
            elif isinstance(self._lister, VersionLister):
                yield self._version(self._lister, key)
            elif oddities(full) or not can_hold(full):
                yield self._odd(key)
            else:
                batch.append(key)
            if len(batch) == _BATCH:
                yield from self._batch(batch)
                batch = []
        yield from self._batch(batch)

    def _batch(self, keys: Sequence[str]) -> Iterator[Deleted]:
        if len(keys) < 2 or not self._takes_batches:
            yield from map(self.one, keys)
            return
        body = deletion(self._root + key for key in keys)
        from hashlib import md5

        request = Request(
            method="POST",
            what="failed to delete",
            query=(("delete", ""),),
            headers={
                "content-md5": md5_to_base64(md5(body, usedforsecurity=False).hexdigest()),
                **deletion_headers(self._options),
            },
            body=(body,),
        )
        try:
            failed = parse_deletion(self._client.call(request).document)
        except NotSupportedError:
            self._takes_batches = False
            yield from map(self.one, keys)
            return
        except ProtocolError as error:
            yield from (Deleted(key, StoreError(f"failed to delete: {error}", key=key)) for key in keys)
            return
        except PlaitError as error:
            yield from (Deleted(key, error) for key in keys)
            return
        for key in keys:
            code, message = failed.get(self._root + key, ("", ""))
            refused = code not in {"", "NoSuchKey"}
            yield Deleted(key, error_of(Refusal(400, code, message), "failed to delete", key) if refused else None)

    def _version(self, lister: VersionLister, key: str) -> Deleted:
        """Deletes a version for good; where it was not listed, the newest is hidden behind a mark, as always."""
        try:
            lister.refuse_the_past(key)
            version = lister.version_of(self._root + key, key)
        except ObjectNotFoundError:
            return Deleted(key)
        except PlaitError as error:
            return Deleted(key, error)
        if version is None:
            return self.one(key) if not oddities(self._root + key) else self._odd(key)
        lister.forget(self._root + key)
        return self.one(key, version)

    def one(self, key: str, version: Version | None = None) -> Deleted:
        """Deletes one object as the server has it, or one of its versions for good."""
        try:
            self._client.call(
                Request(
                    method="DELETE",
                    what="failed to delete",
                    key=self._root + key if version is None else version.key,
                    shown=key,
                    query=version_query(None if version is None else version.identifier),
                    headers=deletion_headers(self._options),
                    accepted=(404,),
                )
            )
        except PlaitError as error:
            return Deleted(key, error)
        return Deleted(key)

    def _odd(self, key: str) -> Deleted:
        try:
            held = self._probes.holds_exactly(self._root + key)
        except PlaitError as error:
            return Deleted(key, error)
        return self.one(key) if held else Deleted(key)
