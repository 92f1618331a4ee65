"""Copies that the server makes by itself, also of an object onto itself to change what is kept beside its content.

Source: Amazon S3 API Reference, "CopyObject" and "UploadPartCopy"; rclone 1.75, backend s3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import (
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    PreconditionError,
    SourceChangedError,
    UnknownOutcomeError,
)
from plait.stores.objects.failures import Refusal, error_of
from plait.stores.objects.metadata import plain_etag, quoted_etag
from plait.stores.objects.request import Request
from plait.stores.objects.signing import escape_path
from plait.stores.objects.wire import ProtocolError
from plait.stores.objects.xml import completion, parse, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.stores.objects.request import Client

WHAT: Final = "failed to copy"
ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})


class Original(msgspec.Struct, frozen=True):
    """What is copied: bucket and full key, size in bytes, the etag it must still have, the key as it is known, and the
    version that is meant (None: the newest).
    """

    bucket: str
    key: str
    size: int
    etag: str | None
    shown: str
    version: str | None = None


class Copying(msgspec.Struct, frozen=True):
    """One copy: of what, to which full key, with which headers.

    `headers` are the new object's (metadata, class, encryption); `replaces` says that they replace the original's
    metadata; `secrets` open both objects (SSE-C).
    """

    original: Original
    key: str
    shown: str
    headers: Mapping[str, str]
    replaces: bool
    secrets: Mapping[str, str]


def copy_object(client: Client, copying: Copying) -> str | None:
    """Copies in one request; gives the etag. Raises ObjectNotFoundError, SourceChangedError."""
    headers = {
        **copying.headers,
        **_source(copying),
        "x-amz-metadata-directive": "REPLACE" if copying.replaces else "COPY",
    }
    return _etag(client, copying, _request(copying, "PUT", (), headers))


def copy_in_parts(client: Client, copying: Copying, part_size: int) -> str | None:
    """Copies an object that is too large for one request; gives the etag."""
    begun = _request(copying, "POST", (("uploads", ""),), copying.headers, repeatable=False)
    upload = text(parse(client.call(begun).document), "UploadId")
    try:
        parts = []
        for number, start in enumerate(range(0, copying.original.size, part_size), start=1):
            end = min(start + part_size, copying.original.size) - 1
            query = (("partNumber", str(number)), ("uploadId", upload))
            headers = {**_source(copying), "x-amz-copy-source-range": f"bytes={start}-{end}"}
            parts.append((number, _etag(client, copying, _request(copying, "PUT", query, headers)) or ""))
        last = Request(
            method="POST",
            what=WHAT,
            key=copying.key,
            shown=copying.shown,
            query=(("uploadId", upload),),
            headers=copying.secrets,
            body=(completion(parts),),
            repeatable=False,
        )
        return _etag(client, copying, last)
    except BaseException:
        _abort(client, copying, upload)
        raise


def _source(copying: Copying) -> dict[str, str]:
    original = copying.original
    place = escape_path(f"/{original.bucket}/{original.key}")
    version = "" if original.version is None else f"?versionId={original.version}"
    headers = {"x-amz-copy-source": place + version, **copying.secrets}
    if original.etag is not None:
        headers["x-amz-copy-source-if-match"] = quoted_etag(original.etag)
    for name, value in copying.secrets.items():
        headers[name.replace("x-amz-", "x-amz-copy-source-", 1)] = value
    return headers


def _request(
    copying: Copying,
    method: str,
    query: tuple[tuple[str, str], ...],
    headers: Mapping[str, str],
    *,
    repeatable: bool = True,
) -> Request:
    return Request(
        method=method,
        what=WHAT,
        key=copying.key,
        shown=copying.shown,
        query=query,
        headers=headers,
        repeatable=repeatable,
    )


def _etag(client: Client, copying: Copying, request: Request) -> str | None:
    """Sends a request whose answer may still be a refusal after its headers said success."""
    try:
        answer = client.call(request)
        root = parse(answer.document)
        if root.tag == "Error":
            raise error_of(Refusal(500, text(root, "Code"), text(root, "Message")), WHAT, copying.shown)
    except ProtocolError as error:
        raise UnknownOutcomeError(f"{WHAT}: {error}", key=copying.shown) from None
    except PreconditionError:
        raise SourceChangedError(
            "can't copy - source file is being updated (etag changed)", key=copying.original.shown
        ) from None
    except ObjectNotFoundError:
        raise ObjectNotFoundError("object not found", key=copying.original.shown) from None
    return plain_etag(text(root, "ETag"))


def _abort(client: Client, copying: Copying, upload: str) -> None:
    try:
        client.call(_request(copying, "DELETE", (("uploadId", upload),), {}))
    except PlaitError:
        # The error that led here matters more.
        return


def refuse_archived(headers: Mapping[str, str], key: str) -> None:
    """Raises NotSupportedError for an object whose content is not at hand."""
    storage = headers.get("x-amz-storage-class", "")
    if storage in ARCHIVED:
        raise NotSupportedError(f"{WHAT}: the object is archived ({storage})", hint="restore it first", key=key)
