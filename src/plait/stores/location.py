"""Locations: the text by which a person names a tree. Pure: nothing is opened or looked up here.

A location is a local path, rclone's `remote:path` and `:backend,option=value:path`, a URL (`s3://BUCKET/PREFIX`,
`sftp://USER@HOST/PATH`, `file:///PATH`), or a tree in a repository, `@NAME:[SNAPSHOT[:PATH]]`.
"""

from __future__ import annotations

import posixpath
import re
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import ConfigurationError, UsageError
from plait.stores.connection import Connection, parse_connection, show_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_REPOSITORY = re.compile(r"@([^:/,]+)(?::(.*))?", re.DOTALL)
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^@:]*)(?P<password>:[^@]*)?@)?(?P<host>\[[^\]]*\]|[^:@\[\]]*)(?::(?P<port>[0-9]*))?"
)
_BUCKET_SCHEMES = {
    "s3": "s3",
    "gs": "google cloud storage",
    "az": "azureblob",
    "b2": "b2",
    "memory": "memory",
}
"""URLs whose authority is a bucket: scheme and rclone's backend. Their keys are not percent-encoded."""
_CLOUDS = frozenset(["s3", "gs", "az"])
"""Bucket URLs: they name no remote, so credentials and endpoint come from where the cloud's own tools have theirs."""


class LocationKind(Enum):
    """How a location is written."""

    LOCAL = "local path"
    REMOTE = "remote of rclone.conf"
    BACKEND = "backend on the fly"
    URL = "URL"
    SNAPSHOT = "tree in a repository"


class Location(msgspec.Struct, frozen=True):
    """A location, taken apart.

    `name`: the remote's or the repository's name (without `@`), "" for other kinds. `backend`: `local`, the backend on
    the fly, or the URL's (its scheme where that is not known here); "" for a remote or repository, which tell it
    themselves. `options`: the connection string's, or `host`, `user` and `port` of a URL. `path`: as typed, below the
    remote or backend; for buckets it begins with the bucket. `snapshot`: "" where none is named. `text`: for display
    and for records, without secrets.
    """

    kind: LocationKind
    path: str
    text: str
    name: str = ""
    backend: str = ""
    options: Mapping[str, str] = {}
    snapshot: str = ""


def typed(location: Location) -> str:
    """A location as a person would type it, whatever it is called in a log."""
    if location.kind is LocationKind.LOCAL:
        return location.path
    return f"{location.name}:{location.path}" if location.kind is LocationKind.REMOTE else location.text


def parse_rclone_location(text: str) -> Location:
    """A location as rclone reads it, without URLs and repositories. Raises ConfigurationError in its words."""
    connection = parse_connection(text)
    shown = show_connection(connection)
    if not connection.name:
        return Location(LocationKind.LOCAL, connection.path, shown, backend="local")
    if connection.name.startswith(":"):
        backend = connection.name[1:]
        return Location(LocationKind.BACKEND, connection.path, shown, backend=backend, options=connection.options)
    return Location(LocationKind.REMOTE, connection.path, shown, name=connection.name, options=connection.options)


def parse_location(text: str) -> Location:
    """A location on Plait's own face. Raises UsageError or ConfigurationError where it cannot be read."""
    url = _URL.fullmatch(text)
    if url is not None:
        return _parse_url(url[1].lower(), url[2], text)
    repository = _REPOSITORY.fullmatch(text)
    if repository is not None:
        return _parse_repository(repository[1], repository[2])
    return parse_rclone_location(text)


def _parse_repository(name: str, rest: str | None) -> Location:
    if rest is None:
        raise UsageError(
            f"@{name} is a repository, not a tree", hint=f"write @{name}: for its tree, ./@{name} for a file"
        )
    snapshot, colon, path = rest.partition(":")
    if "/" in snapshot or (colon and not snapshot):
        raise UsageError(
            f"@{name}:{rest} names no snapshot", hint=f"write @{name}:SNAPSHOT:PATH, or @{name}: for the newest"
        )
    return Location(LocationKind.SNAPSHOT, path, f"@{name}:{rest}", name=name, snapshot=snapshot)


def _parse_url(scheme: str, rest: str, text: str) -> Location:
    authority, slash, path = rest.partition("/")
    if scheme == "file":
        if authority not in {"", "localhost"}:
            raise UsageError(f"{text} names another machine", hint="write file:///PATH")
        return Location(LocationKind.LOCAL, _decoded(slash + path, text), text, backend="local")
    if scheme in _BUCKET_SCHEMES:
        return _parse_bucket_url(scheme, authority, rest)
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise UsageError(f"{scheme}://{authority.rpartition('@')[2]} is no valid host")
    if found["password"]:
        raise UsageError(
            "a password in a location can be read by everyone on this machine",
            hint="put it into rclone.conf or the environment",
        )
    options = {key: value for key in ("host", "user", "port") if (value := found[key])}
    return Location(LocationKind.URL, _decoded(slash + path, text), text, backend=scheme, options=options)


def _parse_bucket_url(scheme: str, bucket: str, path: str) -> Location:
    if "@" in bucket or ":" in bucket:
        raise UsageError(
            f"{scheme}://{bucket.rpartition('@')[2]} is no bucket",
            hint=f"write {scheme}://BUCKET/PREFIX, and name the endpoint in rclone.conf or the environment",
        )
    options = {"env_auth": "true"} if scheme in _CLOUDS else {}
    return Location(LocationKind.URL, path, f"{scheme}://{path}", backend=_BUCKET_SCHEMES[scheme], options=options)


def _decoded(path: str, text: str) -> str:
    """The path of a URL without its percent-encoding (RFC 3986, section 2.1)."""
    if "?" in path or "#" in path:
        raise UsageError(f"{text} has a query or a fragment", hint="write ? as %3F and # as %23 in a path")
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path, errors="surrogateescape")


def clean_local_path(path: str) -> str:
    """A local path without `.`, `..` and repeated slashes, by its words alone; "" becomes `.`."""
    if not path:
        return "."
    cleaned = posixpath.normpath(path)
    # POSIX lets two leading slashes mean something else; Go's filepath.Clean, and Linux, do not.
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def split_bucket(path: str) -> tuple[str, str]:
    """Bucket and key of a path on a store of buckets, in rclone's way: slashes at both ends do not count.

    Inside, every slash does: keys such as `a//b` exist.
    """
    bucket, _, key = path.strip("/").partition("/")
    return bucket, key


def join_root(location: str, path: str) -> str:
    """The location (as text) of `path` below another one, as rclone's alias joins them: `..` cannot leave it."""
    if not path:
        return location
    below = posixpath.normpath("/" + path.lstrip("/"))
    if not path.startswith("/"):
        below = below[1:]
    if location.startswith("//"):
        return "/" + clean_local_path(location + "/" + below)
    try:
        connection = parse_connection(location)
    except ConfigurationError:
        connection = Connection("", {}, location)
    joined = clean_local_path("/".join(part for part in (connection.path, below) if part))
    if connection.name and joined == ".":
        joined = ""
    return location[: len(location) - len(connection.path)] + joined
