"""The XML that S3 speaks: answers read with bounds, bodies of requests written.

Source: Amazon S3 API Reference (ListObjectsV2, DeleteObjects, CompleteMultipartUpload …). Element names are compared
without their namespace, which servers write differently or leave out. Documents with a DTD are refused: S3 has none,
and entities are a way to exhaust memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element, ParseError, XMLParser

import msgspec

from plait.stores.objects.wire import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LARGEST_DOCUMENT: Final = 32 << 20
"""Bytes of one answer; a page of 1,000 keys of the greatest length, percent-encoded, has 4 MiB."""
_WHOLE_NAMESPACE = re.compile(rb"""\A((?:<\?[^>]*\?>)?\s*<\w+)\s+xmlns=(?:"[^"<]*"|'[^'<]*')""")
_ILLEGAL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Listed(msgspec.Struct, frozen=True):
    """One page of a listing, as columns of equal length; the texts are the server's."""

    keys: Sequence[str]
    sizes: Sequence[int]
    etags: Sequence[str]
    stored: Sequence[str]
    next: str | None
    """What continues the listing; None at its end."""


class Version(msgspec.Struct, frozen=True):
    """A version of an object, or (`deletion`) what marks that it was deleted; etag and time are the server's."""

    key: str
    identifier: str
    size: int
    etag: str
    stored: str
    newest: bool
    deletion: bool


class Upload(msgspec.Struct, frozen=True):
    """A multipart upload under way: the full key, its identifier, and when it began (the server's text)."""

    key: str
    identifier: str
    initiated: str


class Uploaded(msgspec.Struct, frozen=True):
    """A part that the server has: number, etag, bytes."""

    number: int
    etag: str
    size: int


def parse(document: bytes) -> Element:
    """The root element, all names without namespace. Raises ProtocolError."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise ProtocolError("the answer is no S3 document")
    # The one of the whole document goes before it is parsed: to rename each element of a listing takes longer.
    document = _WHOLE_NAMESPACE.sub(rb"\1", document, count=1)
    parser = XMLParser()  # noqa: S314  (bounded, and documents with entities were refused)
    try:
        parser.feed(document)
        root: Element = parser.close()
    except ParseError:
        raise ProtocolError("the answer is not well-formed XML") from None
    if b"xmlns" in document:
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
    return root


def text(element: Element, name: str) -> str:
    """The text of a child element, "" where there is none."""
    return element.findtext(name) or ""


def parse_listing(document: bytes, *, version: int, with_prefixes: bool = False) -> Listed:
    """A page of ListObjectsV2 or (`version` 1) ListObjects. Raises ProtocolError.

    `with_prefixes`: it was asked for with a delimiter, and says itself where the next page begins.
    """
    root = parse(document)
    if root.tag != "ListBucketResult":
        raise ProtocolError("the answer is no listing")
    encoded = text(root, "EncodingType").lower() == "url"
    keys: list[str] = []
    sizes: list[int] = []
    etags: list[str] = []
    stored: list[str] = []
    for element in root.iterfind("Contents"):
        keys.append(_decoded(_told(element, "Key"), encoded=encoded))
        sizes.append(_whole(_told(element, "Size")))
        etags.append(element.findtext("ETag", ""))
        stored.append(element.findtext("LastModified", ""))
    last = [] if with_prefixes else keys
    return Listed(keys, sizes, etags, stored, _continuation(root, last, encoded=encoded, version=version))


def _told(entry: Element, name: str) -> str:
    value = entry.findtext(name)
    if value is None:
        raise ProtocolError(f"an entry of the listing has no {name}")
    return value


def _continuation(root: Element, keys: Sequence[str], *, encoded: bool, version: int) -> str | None:
    if text(root, "IsTruncated").lower() != "true":
        return None
    if version == 1:
        marker = root.findtext("NextMarker")
        following = keys[-1] if keys else marker and _decoded(marker, encoded=encoded)
    else:
        following = root.findtext("NextContinuationToken")
    if not following:
        raise ProtocolError("the listing is cut off without saying where it goes on")
    return following


def parse_prefixes(document: bytes) -> list[str]:
    """The common prefixes of a page of a listing with a delimiter. Raises ProtocolError."""
    root = parse(document)
    encoded = text(root, "EncodingType").lower() == "url"
    return [_decoded(text(element, "Prefix"), encoded=encoded) for element in root.iterfind("CommonPrefixes")]


def parse_versions(document: bytes) -> tuple[list[Version], tuple[str, str] | None]:
    """A page of ListObjectVersions, and the two markers of the next one. Raises ProtocolError."""
    root = parse(document)
    if root.tag != "ListVersionsResult":
        raise ProtocolError("the answer is no listing of versions")
    encoded = text(root, "EncodingType").lower() == "url"
    versions = [
        Version(
            key=_decoded(text(element, "Key"), encoded=encoded),
            identifier=text(element, "VersionId"),
            size=_whole(text(element, "Size")) if element.tag == "Version" else 0,
            etag=text(element, "ETag"),
            stored=text(element, "LastModified"),
            newest=text(element, "IsLatest").lower() == "true",
            deletion=element.tag == "DeleteMarker",
        )
        for element in root
        if element.tag in {"Version", "DeleteMarker"}
    ]
    if text(root, "IsTruncated").lower() != "true":
        return versions, None
    marker = text(root, "NextKeyMarker")
    if not marker:
        raise ProtocolError("the listing is cut off without saying where it goes on")
    return versions, (_decoded(marker, encoded=encoded), text(root, "NextVersionIdMarker"))


def parse_buckets(document: bytes) -> list[tuple[str, str]]:
    """The names of an account's buckets and when they were made. Raises ProtocolError."""
    root = parse(document)
    return [(text(element, "Name"), text(element, "CreationDate")) for element in root.iterfind("Buckets/Bucket")]


def parse_uploads(document: bytes) -> tuple[list[Upload], tuple[str, str] | None]:
    """A page of ListMultipartUploads, and the two markers of the next one. Raises ProtocolError."""
    root = parse(document)
    encoded = text(root, "EncodingType").lower() == "url"
    uploads = [
        Upload(_decoded(text(element, "Key"), encoded=encoded), text(element, "UploadId"), text(element, "Initiated"))
        for element in root.iterfind("Upload")
    ]
    if text(root, "IsTruncated").lower() != "true":
        return uploads, None
    return uploads, (_decoded(text(root, "NextKeyMarker"), encoded=encoded), text(root, "NextUploadIdMarker"))


def parse_parts(document: bytes) -> tuple[list[Uploaded], str | None]:
    """A page of ListParts, and the marker of the next one. Raises ProtocolError."""
    root = parse(document)
    parts = [
        Uploaded(_whole(text(element, "PartNumber")), text(element, "ETag"), _whole(text(element, "Size")))
        for element in root.iterfind("Part")
    ]
    more = text(root, "IsTruncated").lower() == "true"
    return parts, text(root, "NextPartNumberMarker") if more else None


def parse_deletion(document: bytes) -> dict[str, tuple[str, str]]:
    """Code and message by key of what DeleteObjects did not delete. Raises ProtocolError."""
    root = parse(document)
    if root.tag != "DeleteResult":
        raise ProtocolError("the answer is no result of a deletion")
    return {
        text(element, "Key"): (text(element, "Code"), text(element, "Message")) for element in root.iterfind("Error")
    }


def can_hold(key: str) -> bool:
    """True where XML 1.0 can hold the key exactly."""
    return _ILLEGAL.search(key) is None


def deletion(keys: Iterable[str]) -> bytes:
    """The body of DeleteObjects; every key must satisfy `can_hold`."""
    objects = "".join(f"<Object><Key>{_escaped(key)}</Key></Object>" for key in keys)
    return f'<Delete xmlns="{_NAMESPACE}"><Quiet>true</Quiet>{objects}</Delete>'.encode()


def completion(parts: Iterable[tuple[int, str]]) -> bytes:
    """The body of CompleteMultipartUpload: part numbers and their etags as the server gave them, in order."""
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{_escaped(etag)}</ETag></Part>" for number, etag in parts
    )
    return f'<CompleteMultipartUpload xmlns="{_NAMESPACE}">{listed}</CompleteMultipartUpload>'.encode()


def location(constraint: str) -> bytes:
    """The body of CreateBucket with a location constraint."""
    return (
        f'<CreateBucketConfiguration xmlns="{_NAMESPACE}"><LocationConstraint>{_escaped(constraint)}'
        "</LocationConstraint></CreateBucketConfiguration>"
    ).encode()


def versioning(state: str) -> bytes:
    """The body of PutBucketVersioning."""
    return (
        f'<VersioningConfiguration xmlns="{_NAMESPACE}"><Status>{_escaped(state)}</Status></VersioningConfiguration>'
    ).encode()


_ESCAPES: Final = {ord(c): f"&#{ord(c)};" for c in "&<>\r\n\t"}
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)


def _whole(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise ProtocolError("a number in the answer is malformed")
    return int(value)


def _decoded(value: str, *, encoded: bool) -> str:
    """A key; percent-encoded with `+` for a space where the answer says so."""
    if not encoded or ("%" not in value and "+" not in value):
        return value
    return unquote_to_bytes(value.replace("+", " ")).decode("utf-8", "surrogateescape")
