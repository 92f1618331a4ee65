"""What concerns a bucket rather than its objects: made and removed, listed by levels, shared by link, tidied up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from plait.model.errors import DirectoryNotFoundError, NotSupportedError, StoreError
from plait.model.items import Kind, Page, Stat
from plait.stores.abilities import anything
from plait.stores.objects.commands import HIDDEN, NAMES, end_uploads, run, seconds_of
from plait.stores.objects.request import Request
from plait.stores.objects.versioning import READ_ONLY
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import parse_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.stores.abilities import Allows
    from plait.stores.base import Store
    from plait.stores.objects.bucket import Bucket
    from plait.stores.objects.listing import Lister
    from plait.stores.objects.options import S3Options
    from plait.stores.objects.request import Client

LONGEST_LINK: Final = 7 * 86400
"""Seconds that a signed link may be valid (Amazon S3 API Reference, "Sharing objects with presigned URLs")."""


class Bucketed(Protocol):
    """What the methods below know of their store."""

    _client: Client
    _lister: Lister
    _root: str
    _options: S3Options
    _bucket: Bucket
    _inform: Callable[[str, str], None]

    def stat(self, key: str) -> Stat: ...

    def _readable(self, key: str) -> str: ...

    def _with_versions(self) -> Store: ...

    def _remove_hidden(self, allows: Allows) -> None: ...


class BucketMethods:
    """The optional protocols of a store that lies in a bucket: `Containers`, `ListsLevels`, `Shares`, `CleansUp`."""

    @property
    def below_bucket(self: Bucketed) -> bool:
        """True where the root is a directory of the bucket and not the bucket itself."""
        return bool(self._root)

    def list_level(self: Bucketed, prefix: str = "") -> Iterator[Page]:
        """The items directly below a prefix; see `plait.stores.abilities.ListsLevels`."""
        return self._lister.level(prefix)

    def every_version(self: Bucketed) -> Store | None:
        """See `plait.stores.abilities.KeepsVersions`. Raises NotSupportedError where what is shown is the past."""
        if self._options.version_at is not None:
            raise StoreError(READ_ONLY)
        return self._with_versions() if self._options.versions or self._bucket.is_versioned() else None

    def make_container(self: Bucketed) -> None:
        """Makes the bucket; one that exists is a success."""
        if not self._bucket.exists():
            self._bucket.make()

    def remove_container(self: Bucketed) -> None:
        """Removes the bucket, where the root is the bucket itself and nothing is in it.

        Raises StoreError where something is, DirectoryNotFoundError where there is no bucket.
        """
        if self._root:
            return
        bucket = self._client.bucket
        if not self._bucket.exists():
            raise DirectoryNotFoundError(f"failed to remove the bucket {bucket}: it does not exist")
        # Some servers remove a bucket with everything in it.
        if self._lister.first("") is not None:
            raise StoreError(f"failed to remove the bucket {bucket}: it is not empty")
        self._client.call(Request(method="DELETE", what=f"failed to remove the bucket {bucket}"))
        self._inform("", f'Bucket "{bucket}" deleted')

    def share(self: Bucketed, key: str, seconds: float | None = None) -> str:
        """A link that everyone can read the object with, for a week at most. Raises ObjectNotFoundError."""
        if not key:
            raise NotSupportedError("can't share directories")
        self.stat(key)
        lasting = LONGEST_LINK if seconds is None else min(seconds, LONGEST_LINK)
        return self._client.presigned(self._readable(key), int(lasting))

    def unshare(self, key: str) -> None:
        """Raises NotSupportedError: a signed link ends by itself."""
        raise NotSupportedError("a link to an object cannot be taken back: it ends by itself", key=key)

    def clean_up(self: Bucketed) -> None:
        """Ends the uploads in parts below the root that were begun more than a day ago."""
        end_uploads(self._client, self._root)

    @property
    def commands(self) -> Sequence[str]:
        """See `plait.stores.abilities.HasCommands`."""
        return NAMES

    def command(
        self: Bucketed,
        name: str,
        options: Mapping[str, str],
        arguments: Sequence[str] = (),
        allows: Allows = anything,
    ) -> object:
        """See `plait.stores.abilities.HasCommands`."""
        if name == HIDDEN:
            self._remove_hidden(allows)
            return None
        return run(self._client, self._root, name, options, arguments, allows)


def list_buckets(client: Client) -> list[tuple[str, Stat]]:
    """The buckets of an account by name, each a directory with the time at which it was made."""
    answer = client.call(Request(method="GET", what="failed to list buckets", harmless=True))
    try:
        found = parse_buckets(answer.document)
    except ProtocolError as error:
        raise StoreError(f"failed to list buckets: {error}") from None
    stats = []
    for name, created in found:
        seconds = seconds_of(created)
        modified = None if seconds is None else int(seconds) * 10**9
        stats.append((name, Stat(Kind.DIRECTORY, modified=modified)))
    return sorted(stats, key=lambda named: named[0].encode())
