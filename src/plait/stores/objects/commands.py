"""The commands of an S3 store beside what every store does: about abandoned uploads and about versions.

Source: rclone 1.75, backend s3 ("Backend commands").
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

from plait.model.errors import ConfigurationError, ObjectNotFoundError, StoreError, UsageError
from plait.model.values.durations import parse_duration
from plait.stores.abilities import anything
from plait.stores.objects.multipart import uploads_under_way
from plait.stores.objects.request import Request
from plait.stores.objects.versioning import set_state, state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.stores.abilities import Allows
    from plait.stores.objects.request import Client
    from plait.stores.objects.xml import Upload

ABANDONED: Final = 86400.0
"""Seconds after which an upload that was begun and not ended counts as abandoned."""
HIDDEN: Final = "cleanup-hidden"
NAMES: Final = ("cleanup", HIDDEN, "list-multipart-uploads", "versioning")


def run(
    client: Client, root: str, name: str, options: Mapping[str, str], arguments: Sequence[str], allows: Allows
) -> object:
    """Runs one of `NAMES` for what is below `root`, and gives what is to be printed as JSON; None for nothing.

    Raises ConfigurationError for an option that cannot be, and the catalogue's errors.
    """
    if name == "versioning":
        if len(arguments) > 1:
            raise StoreError("too many arguments")
        if arguments:
            set_state(client, arguments[0])
        return state(client)
    if name == "cleanup":
        end_uploads(client, root, _age(options), allows)
        return None
    return {
        client.bucket: [_shown(upload.key, upload.identifier, upload.initiated) for upload in _uploads(client, root)]
    }


def end_uploads(client: Client, root: str, age: float = ABANDONED, allows: Allows = anything) -> None:
    """Ends the uploads in parts below `root` that were begun more than `age` seconds ago, where `allows` lets it."""
    now = time.time()
    for upload in _uploads(client, root):
        begun = seconds_of(upload.initiated)
        if begun is None or now - begun <= age or not allows("remove pending upload", upload.key, None):
            continue
        query = [("uploadId", upload.identifier)]
        try:
            client.call(Request(method="DELETE", what="failed to end an abandoned upload", key=upload.key, query=query))
        except ObjectNotFoundError:
            # Ended by somebody else meanwhile.
            continue


def seconds_of(stamp: str) -> float | None:
    """Seconds since the epoch of a server's time; None where it is none."""
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def _uploads(client: Client, root: str) -> list[Upload]:
    return list(uploads_under_way(client, root))


def _age(options: Mapping[str, str]) -> float:
    for name in options:
        if name != "max-age":
            raise UsageError(f"cleanup has no option {name}")
    try:
        age = parse_duration(options.get("max-age", "24h"))
    except ValueError as error:
        raise ConfigurationError(f"bad max-age: {error}") from None
    return float("inf") if age is None else age / 10**9


def _shown(key: str, identifier: str, initiated: str) -> dict[str, object]:
    return {
        "ChecksumAlgorithm": "",
        "ChecksumType": "",
        "Initiated": initiated,
        "Initiator": None,
        "Key": key,
        "Owner": None,
        "StorageClass": "",
        "UploadId": identifier,
    }
