"""The bucket that holds a store's objects: looked for, and made when first needed."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from plait.model.errors import ObjectNotFoundError, PermissionDeniedError, StoreError
from plait.stores.abilities import unheard
from plait.stores.objects.request import Request
from plait.stores.objects.versioning import is_versioned
from plait.stores.objects.xml import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.objects.options import Quirks, S3Options
    from plait.stores.objects.request import Client


class Bucket:
    """The bucket of `client`, with what the options say of making it. `inform` and `warn` are those of an `Opening`."""

    def __init__(
        self,
        client: Client,
        options: S3Options,
        quirks: Quirks,
        inform: Callable[[str, str], None] = unheard,
        warn: Callable[[str, str], None] = unheard,
    ) -> None:
        self._client = client
        self._options = options
        self._quirks = quirks
        self._inform = inform
        self._warn = warn
        self._versioned: bool | None = None
        self._lock = Lock()
        self._known = options.no_check_bucket

    def exists(self) -> bool:
        """True where it is there, as far as one may know."""
        try:
            self._client.call(Request(method="HEAD", what="failed to find the bucket", harmless=True))
        except ObjectNotFoundError:
            return False
        except PermissionDeniedError:
            # Those who may write objects need not be allowed to look at the bucket.
            return True
        return True

    def is_versioned(self) -> bool:
        """As `versioning.is_versioned`; it is asked once."""
        if self._versioned is None:
            self._versioned = is_versioned(self._client, self._warn)
        return self._versioned

    def ensure(self) -> None:
        """Makes it where it is missing; looks once."""
        if not self._known:
            with self._lock:
                self._make_once()

    def _make_once(self) -> None:
        if not self._known and not self.exists():
            self.make()
        self._known = True

    def make(self) -> None:
        """Makes it. Raises StoreError where the name is somebody else's."""
        options = self._options
        headers = {}
        access = options.bucket_acl or options.acl
        if access:
            headers["x-amz-acl"] = access
        if options.bucket_object_lock_enabled:
            headers["x-amz-bucket-object-lock-enabled"] = "true"
        body = (location(options.location_constraint),) if options.location_constraint else ()
        what = f"failed to make the bucket {self._client.bucket}"
        answer = self._client.call(
            Request(method="PUT", what=what, headers=headers, body=body, accepted=(409,), repeatable=False)
        )
        if answer.status == 409 and b"BucketAlreadyOwnedByYou" not in answer.document and self._quirks.trusts_exists:
            raise StoreError(f"{what}: the name is taken")
        if answer.status != 409:
            self._inform("", f'Bucket "{self._client.bucket}" created with ACL "{access}"')
