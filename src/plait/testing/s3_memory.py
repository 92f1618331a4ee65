"""An S3 server that keeps its objects in memory, under every key that S3 allows: `a//b`, `/x`, `../y`, `dir/`.

Servers that lie on a file system cannot hold some of them. It knows what a mirror needs: listings of both versions,
reading in ranges, writing with metadata, copies, and deletions one by one and in batches. It checks no signature.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from plait.testing.s3_stub import Seen, Stub, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

STORED_AT = 1_700_000_000
"""When every object was stored, as the server's clock says: seconds since the epoch."""
_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type")


@dataclass
class Held:
    """An object: its content, and the headers that go with it."""

    content: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


class MemoryS3:
    """The server; `buckets` may be looked at and changed by a test."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Held]] = {}
        self.stub = Stub(self._answer)

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        return self.stub.url

    def close(self) -> None:
        """Ends every connection."""
        self.stub.close()

    def put(self, bucket: str, objects: dict[str, bytes]) -> None:
        """Makes a bucket that holds these objects."""
        self.buckets[bucket] = {key: Held(content) for key, content in objects.items()}

    def contents(self, bucket: str) -> dict[str, bytes]:
        """What a bucket holds."""
        return {key: held.content for key, held in self.buckets[bucket].items()}

    def _answer(self, seen: Seen) -> bytes:
        bucket, slash, key = unquote(seen.path)[1:].partition("/")
        if not bucket:
            return refusal(501, "NotImplemented")
        if not (slash and key):
            return self._bucket(seen, bucket)
        if bucket not in self.buckets:
            return refusal(404, "NoSuchBucket")
        return self._object(seen, self.buckets[bucket], key)

    def _bucket(self, seen: Seen, name: str) -> bytes:
        if seen.method == "PUT":
            self.buckets.setdefault(name, {})
            return reply(200)
        if name not in self.buckets:
            return reply(404) if seen.method == "HEAD" else refusal(404, "NoSuchBucket")
        if seen.method == "HEAD":
            return reply(200)
        if seen.method == "POST":
            return self._delete_many(seen, self.buckets[name])
        if seen.method == "DELETE":
            del self.buckets[name]
            return reply(204)
        return _listing(seen, self.buckets[name])

    @staticmethod
    def _delete_many(seen: Seen, objects: dict[str, Held]) -> bytes:
        root = ET.fromstring(seen.body)  # noqa: S314  (what a client under test sends)
        for element in root.iter():
            if element.tag.rpartition("}")[2] == "Key":
                objects.pop(element.text or "", None)
        return reply(200, b"<DeleteResult/>")

    def _object(self, seen: Seen, objects: dict[str, Held], key: str) -> bytes:
        if seen.method == "PUT":
            return self._put(seen, objects, key)
        if seen.method == "DELETE":
            objects.pop(key, None)
            return reply(204)
        held = objects.get(key)
        if held is None:
            return reply(404) if seen.method == "HEAD" else refusal(404, "NoSuchKey")
        headers = {**held.headers, "etag": held.etag, "last-modified": formatdate(STORED_AT, usegmt=True)}
        if seen.method == "HEAD":
            headers["content-length"] = str(len(held.content))
            return reply(200, b"", **headers)
        first, _, last = seen.headers.get("range", "").removeprefix("bytes=").partition("-")
        if not first:
            return reply(200, held.content, **headers)
        part = held.content[int(first) : int(last) + 1 if last else None]
        if not part:
            return refusal(416, "InvalidRange")
        headers["content-range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(held.content)}"
        return reply(206, part, **headers)

    def _put(self, seen: Seen, objects: dict[str, Held], key: str) -> bytes:
        origin = seen.headers.get("x-amz-copy-source")
        sent = {name: value for name, value in seen.headers.items() if name in _KEPT or name.startswith("x-amz-meta-")}
        if origin is None:
            objects[key] = Held(seen.body, sent)
            return reply(200, etag=objects[key].etag)
        bucket, _, name = unquote(origin).removeprefix("/").partition("/")
        source = self.buckets.get(bucket, {}).get(name)
        if source is None:
            return refusal(404, "NoSuchKey")
        replaced = seen.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
        objects[key] = Held(source.content, sent if replaced else dict(source.headers))
        return reply(200, f"<CopyObjectResult><ETag>{escape(objects[key].etag)}</ETag></CopyObjectResult>".encode())


def _listing(seen: Seen, objects: dict[str, Held]) -> bytes:
    query = seen.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("marker") or query.get("start-after", "")
    most = int(query.get("max-keys", "1000"))
    coded = query.get("encoding-type") == "url"
    parts: list[str] = []
    seen_prefixes: set[str] = set()
    last = ""
    truncated = False
    for key in _in_order(objects, prefix, after):
        shared = _shared(key, prefix, delimiter)
        if shared is not None and (shared in seen_prefixes or shared <= after):
            continue
        if len(parts) == most:
            truncated = True
            break
        if shared is None:
            parts.append(_entry(key, objects[key], coded=coded))
        else:
            seen_prefixes.add(shared)
            parts.append(f"<CommonPrefixes><Prefix>{_text(shared, coded=coded)}</Prefix></CommonPrefixes>")
        last = key if shared is None else shared
    following = f"<NextContinuationToken>{_text(last, coded=False)}</NextContinuationToken>" if truncated else ""
    following += f"<NextMarker>{_text(last, coded=coded)}</NextMarker>" if truncated else ""
    kind = "<EncodingType>url</EncodingType>" if coded else ""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>{kind}{following}{''.join(parts)}</ListBucketResult>"
    )
    return reply(200, body.encode())


def _in_order(objects: dict[str, Held], prefix: str, after: str) -> Iterator[str]:
    for key in sorted(objects, key=lambda key: key.encode("utf-8", "surrogateescape")):
        if key.startswith(prefix) and key.encode() > after.encode():
            yield key


def _shared(key: str, prefix: str, delimiter: str) -> str | None:
    """What a listing by levels shows instead of a key."""
    rest = key[len(prefix) :]
    if not delimiter or delimiter not in rest:
        return None
    return prefix + rest[: rest.index(delimiter) + len(delimiter)]


def _entry(key: str, held: Held, *, coded: bool) -> str:
    return (
        f"<Contents><Key>{_text(key, coded=coded)}</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>"
        f"<ETag>{escape(held.etag)}</ETag><Size>{len(held.content)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def _text(text: str, *, coded: bool) -> str:
    return quote(text, safe="/-_.~*") if coded else escape(text)
