"""Whether a bucket keeps old versions of its objects.

Source: Amazon S3 API Reference, "GetBucketVersioning" and "PutBucketVersioning"; rclone 1.75, backend s3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import PlaitError, StoreError, UsageError
from plait.stores.objects.request import Request
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import parse, text, versioning

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.objects.request import Client

READ_ONLY: Final = "can't modify or delete files in --s3-version-at mode"
STATES: Final = ("Enabled", "Suspended")
_QUERY: Final = (("versioning", ""),)
_WHAT: Final = "failed to read whether the bucket keeps versions"


def is_versioned(client: Client, warn: Callable[[str, str], None]) -> bool:
    """True where the bucket says that it keeps versions; who may not ask is warned, and taken to have none, as rclone
    has it. `warn` is as in `Opening`.
    """
    try:
        return state(client) == STATES[0]
    except PlaitError as error:
        if error.fatal:
            raise
        warn("", f"Failed to read versioning status, assuming unversioned: {error.message}")
        return False


def state(client: Client) -> str:
    """What the bucket says of it: one of `STATES`, or "Unversioned"."""
    answer = client.call(Request(method="GET", what=_WHAT, query=_QUERY, harmless=True))
    try:
        return text(parse(answer.document), "Status") or "Unversioned"
    except ProtocolError as error:
        raise StoreError(f"{_WHAT}: {error}") from None


def set_state(client: Client, wanted: str) -> None:
    """Makes the bucket keep versions from now on, or no new ones. Raises UsageError for what is none of `STATES`."""
    if wanted not in STATES:
        raise UsageError(f"versioning is {' or '.join(STATES)}, not {wanted!r}")
    what = "failed to set whether the bucket keeps versions"
    client.call(Request(method="PUT", what=what, query=_QUERY, body=(versioning(wanted),)))
