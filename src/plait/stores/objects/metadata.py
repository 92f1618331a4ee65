"""What S3 keeps beside an object's content, in headers: times, hashes, types and user metadata as rclone writes them.

Source: rclone 1.75, backend s3, and its manual ("Modification times and hashes", "Metadata").
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from calendar import timegm
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ConfigurationError, NotSupportedError
from plait.model.items import Kind, Stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PREFIX: Final = "x-amz-meta-"
MTIME: Final = "mtime"
MD5: Final = "md5chksum"
SYSTEM: Final = ("cache-control", "content-disposition", "content-encoding", "content-language")
"""Headers that rclone shows as metadata of the same name."""
TAGGING: Final = "x-amz-tagging"
_OWN: Final = frozenset({MTIME, MD5})
_NOT_SET: Final = frozenset({*_OWN, "tier"})
"""Names that rclone shows among the metadata and that are set in another way."""
_SECOND: Final = 10**9
_MD5_DIGITS: Final = 32
_HEX_MD5 = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ENCODED_WORD = re.compile(r"=\?(utf-8)\?([bq])\?([^?]*)\?=", re.IGNORECASE)


def show_time(nanoseconds: int) -> str:
    """Decimal Unix seconds, with as many fractional digits as needed: `1700000000.5`."""
    sign, whole = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    seconds, fraction = divmod(whole, _SECOND)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{sign}{seconds}.{digits}" if digits else f"{sign}{seconds}"


def parse_time(value: str) -> int | None:
    """Nanoseconds since the epoch of what `show_time` writes; digits beyond the ninth are cut off. None where it is
    no such text.
    """
    found = re.fullmatch(r"([+-]?)(\d{1,12})(?:\.(\d*))?", value, re.ASCII)
    if found is None:
        return None
    nanoseconds = int(found[2]) * _SECOND + int((found[3] or "")[:9].ljust(9, "0"))
    nanoseconds = -nanoseconds if found[1] == "-" else nanoseconds
    return nanoseconds if abs(nanoseconds) < 2**63 else None


def parse_http_date(value: str) -> int | None:
    """Nanoseconds since the epoch of an HTTP date (RFC 9110, section 5.6.7)."""
    found = _HTTP_DATE.fullmatch(value)
    if found is not None and found[2] in _MONTHS:
        day, _, year, *clock = found.groups()
        return timegm((int(year), _MONTHS.index(found[2]) + 1, int(day), *map(int, clock))) * _SECOND
    from email.utils import parsedate_to_datetime

    try:
        return int(parsedate_to_datetime(value).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def parse_stamp(value: str) -> int | None:
    """Nanoseconds since the epoch of a listing's time, `2024-01-02T03:04:05.678Z`.

    It is remembered: a listing has the same second many times over.
    """
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return int(moment.timestamp()) * _SECOND + moment.microsecond * 1000


def plain_etag(value: str) -> str | None:
    """An etag without its quotes, which some servers leave out; None where there is none."""
    return value.strip().strip('"') or None


def quoted_etag(etag: str) -> str:
    """An etag as `If-Match` wants it."""
    return etag if etag.startswith("W/") else f'"{etag}"'


def md5_of_etag(etag: str | None) -> str | None:
    """The MD5 that an etag is, where it looks like one: objects in several parts have another form."""
    if etag is None or len(etag) != _MD5_DIGITS:
        return None
    value = etag.lower()
    return value if _HEX_MD5.fullmatch(value) else None


def md5_to_base64(value: str) -> str:
    """A hexadecimal MD5 in base64."""
    return b64encode(bytes.fromhex(value)).decode("ascii")


def stat_of(headers: Mapping[str, str], size: int | None, *, etag_is_md5: bool) -> Stat:
    """What the headers of HEAD or GET say of an object; `size` is the whole object's.

    `modified` is the time in the metadata, else `Last-Modified`, as rclone has it.
    """
    user = {name[len(PREFIX) :]: _decoded(value) for name, value in headers.items() if name.startswith(PREFIX)}
    stored = parse_http_date(headers["last-modified"]) if "last-modified" in headers else None
    modified = parse_time(user[MTIME]) if MTIME in user else None
    etag = plain_etag(headers.get("etag", ""))
    md5 = _kept_md5(user) or (md5_of_etag(etag) if etag_is_md5 else None)
    shown = {name: value for name, value in user.items() if name not in _OWN}
    shown.update((name, headers[name]) for name in SYSTEM if headers.get(name))
    if "content-encoding" in shown:
        shown["content-encoding"] = without_chunked(shown["content-encoding"])
    return Stat(
        Kind.FILE,
        size,
        modified=stored if modified is None else modified,
        stored_at=stored,
        etag=etag,
        hashes={} if md5 is None else {"md5": md5},
        metadata={name: value for name, value in shown.items() if value},
        content_type=headers.get("content-type") or None,
        tier=headers.get("x-amz-storage-class", ""),
    )


def metadata_headers(
    metadata: Mapping[str, str] | None,
    *,
    modified: int | None,
    md5: str | None,
    content_type: str,
    key: str,
    dropped: Callable[[str, str], None] | None = None,
    system: bool = True,
) -> dict[str, str]:
    """The headers that make an object carry all this; `md5` (hex) only where the etag will not be it.

    `system`: names such as Cache-Control become headers of their own; else they are user metadata like any other.

    Metadata that a header cannot hold is left out, and `dropped` is told, with the key. Without it, raises
    NotSupportedError.
    """
    headers = {"content-type": content_type}
    for name, value in (metadata or {}).items():
        lower = name.lower()
        if _NAME.fullmatch(lower) is None or not _sendable(value):
            if dropped is None:
                raise NotSupportedError(f"S3 cannot hold the metadata {name!r}", key=key)
            part = "key" if _NAME.fullmatch(lower) is None else "value for key"
            dropped(key, f'Dropping invalid metadata {part} "{name}"')
            continue
        if system and lower == "content-type":
            headers["content-type"] = value
        elif system and (lower in SYSTEM or lower == TAGGING):
            headers[lower] = value
        elif lower not in _NOT_SET:
            headers[PREFIX + lower] = value
    if modified is not None:
        headers[PREFIX + MTIME] = show_time(modified)
    if md5 is not None:
        headers[PREFIX + MD5] = md5_to_base64(md5)
    return headers


def upload_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers that a person wants stored with every object. Raises ConfigurationError for others, as an upload has more
    headers than are stored.
    """
    found = {}
    for name, value in headers:
        lower = name.lower()
        if lower not in {"content-type", TAGGING, *SYSTEM} and not lower.startswith(PREFIX):
            raise ConfigurationError(f"s3: the header {name} cannot be stored with an object")
        found[lower] = value
    return found


def without_system(stat: Stat) -> Stat:
    """The stat without the metadata that are headers of their own."""
    metadata = {name: value for name, value in (stat.metadata or {}).items() if name not in SYSTEM}
    return msgspec.structs.replace(stat, metadata=metadata)


def without_chunked(coding: str) -> str:
    """A content coding without `aws-chunked`, which tells of the upload and not of the content."""
    return ",".join(part for part in (word.strip() for word in coding.split(",")) if part and part != "aws-chunked")


def _kept_md5(user: Mapping[str, str]) -> str | None:
    try:
        digest = b64decode(user.get(MD5, ""), validate=True)
    except (Base64Error, ValueError):
        return None
    return digest.hex() if len(digest) == 16 else None


def _sendable(value: str) -> bool:
    return all(character == "\t" or (character >= " " and character != "\x7f") for character in value) and (
        value == value.strip()
    )


def _decoded(value: str) -> str:
    """Metadata; what is not ASCII comes back from Amazon's servers as encoded words (RFC 2047)."""
    if "=?" not in value or _ENCODED_WORD.search(value) is None:
        return value
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError):
        return value
