"""Where a replica is: its URL or its settings in a configuration, and the store that is opened for it."""

from __future__ import annotations

import dataclasses
import os
import posixpath
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from plait.model.errors import ConfigurationError, NotSupportedError
from plait.model.values.flags import parse_bool
from plait.replication.configuration.settings import Place
from plait.stores.location import Location, LocationKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plait.replication.replica import Replica
    from plait.stores.registry import Opening

FILE: Final = "file"
S3: Final = "s3"
KNOWN_ELSEWHERE: Final = frozenset(["gs", "abs", "sftp", "webdav", "webdavs", "nats", "oss"])
"""Types of replicas that Litestream has and Plait not yet."""
BUCKET_TYPES: Final = frozenset([S3, "gs", "abs", "oss"])

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_QUERY: Final[Mapping[str, str]] = {
    "endpoint": "endpoint",
    "region": "region",
    "forcepathstyle": "force-path-style",
    "skipverify": "skip-verify",
    "signpayload": "sign-payload",
    "requirecontentmd5": "require-content-md5",
    "concurrency": "concurrency",
    "partsize": "part-size",
    "storageclass": "storage-class",
    "ssecustomeralgorithm": "sse-customer-algorithm",
    "ssecustomerkey": "sse-customer-key",
    "ssecustomerkeymd5": "sse-customer-key-md5",
    "ssekmskeyid": "sse-kms-key-id",
}
"""Parameters of a URL of S3, without dashes and in lower case, and the settings that they stand for."""
_MOST_DIGITS: Final = 18
_COUNTS: Final = frozenset(["concurrency", "part-size"])
"""Settings that are whole numbers in a URL."""
_HOSTS: Final = (
    (re.compile(r"(?P<bucket>.+)\.s3\.(?P<region>[^.]+)\.amazonaws\.com"), "", False),
    (re.compile(r"(?P<bucket>.+)\.s3\.amazonaws\.com"), "", False),
    (
        re.compile(r"(?:(?P<bucket>.+)\.)?s3\.(?P<region>[^.]+)\.backblazeb2\.com"),
        "https://s3.{region}.backblazeb2.com",
        True,
    ),
    (
        re.compile(r"(?:(?P<bucket>.+)\.)?(?P<region>[^.]+)\.digitaloceanspaces\.com"),
        "https://{region}.digitaloceanspaces.com",
        False,
    ),
    (re.compile(r"(?:(?P<bucket>.+)\.)?s3\.filebase\.com"), "https://s3.filebase.com", False),
    (re.compile(r"(?:(?P<bucket>.+)\.)?s3\.(?P<region>[^.]+)\.scw\.cloud"), "https://s3.{region}.scw.cloud", False),
    (
        re.compile(r"(?:(?P<bucket>.+)\.)?(?P<region>[^.]+)\.linodeobjects\.com"),
        "https://{region}.linodeobjects.com",
        False,
    ),
)
"""Hosts that name a bucket and its provider, the provider's endpoint, and whether it wants the bucket in the path."""
_PRIVATE: Final = re.compile(r"localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|\[?::1")
_DEFAULT_REGION: Final = "us-east-1"


def is_url(text: str) -> bool:
    """Whether a word begins with a scheme, as a replica's URL does."""
    return _SCHEME.match(text) is not None


def is_replica_url(text: str) -> bool:
    """Whether a word is a replica's URL rather than the path of a database, which may be written `sqlite://PATH`."""
    return is_url(text) and not text.startswith(("sqlite://", "sqlite3://"))


def parse_replica_url(url: str, environment: Mapping[str, str], settings: Mapping[str, str] | None = None) -> Place:
    """The place that a URL names; `settings` are those of a configuration beside it, by their names there.

    Raises ConfigurationError in Litestream's words, NotSupportedError for a type that is not there yet.
    """
    found = _SCHEME.match(url)
    if found is None:
        raise ConfigurationError(f"replica url scheme required: {url}")
    scheme = found[1].lower()
    try:
        split = urlsplit(url)
    except ValueError:
        raise ConfigurationError("cannot parse the URL of a replica: its host is none") from None
    if scheme == FILE:
        return file_place(unquote((split.netloc + split.path) if split.netloc else split.path) or "/")
    if scheme != S3:
        raise refused_type(scheme)
    given = dict(settings or {})
    for name, value in parse_qsl(split.query, keep_blank_values=True):
        setting = _QUERY.get(name.lower().replace("-", ""))
        if setting in _COUNTS and not _is_positive(value):
            raise ConfigurationError(
                f'invalid value for query parameter "{name}": "{value}" (must be a positive integer)'
            )
        if setting is not None:
            given.setdefault(setting, value)
    for name, value in _of_host(split.netloc).items():
        given.setdefault(name, value)
    path = split.path.strip("/")
    given["path"] = posixpath.normpath(path) if path else ""
    return s3_place(given, environment)


def _is_positive(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) > 0


def refused_type(name: str) -> ConfigurationError | NotSupportedError:
    """The error for a type of replica that Plait does not open."""
    if name in KNOWN_ELSEWHERE:
        return NotSupportedError(f"replicas of type {name!r} are not supported yet: this version has file and s3")
    return ConfigurationError(f'unknown replica type in config: "{name}"')


def file_place(path: str) -> Place:
    """A directory, made absolute by the working directory."""
    if not path:
        raise ConfigurationError("file replica path required")
    absolute = os.path.abspath(os.path.expanduser(path))
    location = Location(LocationKind.LOCAL, absolute, absolute, backend="local")
    return Place(type=FILE, path=absolute, location=location, attributes=(("path", absolute),))


def s3_place(settings: Mapping[str, str], environment: Mapping[str, str]) -> Place:
    """What keys begin with in a bucket, by the settings of a replica in `litestream.yml`.

    Keys come from the settings, else from where AWS's tools have theirs, with Litestream's variables behind them.
    Raises ConfigurationError.
    """
    bucket = settings.get("bucket", "")
    if not bucket:
        raise ConfigurationError("bucket required for s3 replica")
    path = settings.get("path", "")
    endpoint = _endpoint(settings.get("endpoint") or environment.get("LITESTREAM_S3_ENDPOINT", ""))
    region = settings.get("region", "")
    style = settings.get("force-path-style")
    options = {
        "provider": "Other" if endpoint else "AWS",
        "endpoint": endpoint,
        "region": region or (_DEFAULT_REGION if endpoint else ""),
        "force_path_style": str(_boolean("force-path-style", style) if style else bool(endpoint)).lower(),
        "list_version": "2",
        # A bucket that is missing is a mistake; nobody wants a new one for a mistyped name.
        "no_check_bucket": "true",
        **_keys(settings, environment),
        **_encryption(settings),
    }
    for name, option in (("storage-class", "storage_class"), ("concurrency", "upload_concurrency")):
        if settings.get(name):
            options[option] = settings[name]
    if settings.get("part-size"):
        options["chunk_size"] = f"{_size(settings['part-size'])}B"
    verify = not (settings.get("skip-verify") and _boolean("skip-verify", settings["skip-verify"]))
    location = Location(
        LocationKind.BACKEND,
        f"{bucket}/{path}".rstrip("/"),
        f"s3://{bucket}/{path}".rstrip("/"),
        backend=S3,
        options={name: value for name, value in options.items() if value},
    )
    attributes = (("bucket", bucket), ("path", path), ("region", region), ("endpoint", endpoint))
    return Place(type=S3, path=path, location=location, attributes=attributes, verify=verify)


def below(place: Place, relative: str) -> Place:
    """The place of a path below another one."""
    joined = f"{place.path}/{relative}" if place.path else relative
    location = msgspec.structs.replace(
        place.location, path=f"{place.location.path}/{relative}", text=f"{place.location.text}/{relative}"
    )
    attributes = tuple((name, joined if name == "path" else value) for name, value in place.attributes)
    return msgspec.structs.replace(place, path=joined, location=location, attributes=attributes)


def open_replica(place: Place, opening: Opening) -> Replica:
    """Opens the store of a place. Raises what opening a location raises."""
    from plait.replication.replica import Replica
    from plait.stores.registry import open_location

    if not place.verify:
        opening = dataclasses.replace(opening, network=msgspec.structs.replace(opening.network, verify=False))
    store = open_location(place.location, opening).store
    return Replica(store, leading_slash=not place.path and not store.features.directories)


class GivenOptions:
    """Remotes for places that carry all of their options themselves."""

    def backend(self, name: str) -> str:
        """There are no remotes. Raises ConfigurationError."""
        raise ConfigurationError(f"there is no remote {name}")

    def options(self, name: str, backend: str, overrides: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002  (the protocol's signature)
        """The options of the place."""
        return overrides

    def save(self, name: str, key: str, value: str) -> None:
        """A place stands in no file that could be written: what a store learns, it learns for this process only."""


def _of_host(host: str) -> dict[str, str]:
    """Bucket, region, endpoint and style by a URL's host."""
    for pattern, endpoint, in_path in _HOSTS:
        found = pattern.fullmatch(host)
        if found is not None:
            parts = {name: value or "" for name, value in found.groupdict().items()}
            return parts | {
                "endpoint": endpoint.format(**parts),
                "force-path-style": str(in_path).lower(),
            }
    name, dot, rest = host.partition(".")
    if ":" in rest and dot:
        return {"bucket": name, "endpoint": f"http://{rest}", "force-path-style": "true", "region": _DEFAULT_REGION}
    return {"bucket": host}


def _endpoint(text: str) -> str:
    if not text or "://" in text:
        return text
    return f"{'http' if _PRIVATE.match(text) else 'https'}://{text}"


def _keys(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    key, secret = settings.get("access-key-id", ""), settings.get("secret-access-key", "")
    if not key and not environment.get("AWS_ACCESS_KEY_ID"):
        key = environment.get("LITESTREAM_ACCESS_KEY_ID", "")
        secret = environment.get("LITESTREAM_SECRET_ACCESS_KEY", "")
    if not key:
        return {"env_auth": "true"}
    return {"access_key_id": key, "secret_access_key": secret}


def _encryption(settings: Mapping[str, str]) -> dict[str, str]:
    key = settings.get("sse-customer-key", "")
    if settings.get("sse-customer-key-path"):
        key = _read(settings["sse-customer-key-path"])
    if key:
        return {
            "sse_customer_algorithm": settings.get("sse-customer-algorithm") or "AES256",
            "sse_customer_key_base64": key,
        }
    if settings.get("sse-kms-key-id"):
        return {"server_side_encryption": "aws:kms", "sse_kms_key_id": settings["sse-kms-key-id"]}
    return {}


def _read(path: str) -> str:
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise ConfigurationError(f"cannot read sse customer key: {path}: {(error.strerror or '').lower()}") from None


def _boolean(name: str, text: str) -> bool:
    try:
        return parse_bool(text)
    except ValueError:
        raise ConfigurationError(f"{name}: {text!r} is neither true nor false") from None


def _size(text: str) -> int:
    """Bytes of `5MB` (powers of ten) or `5MiB`. Raises ConfigurationError."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(I?)B?\s*", text.upper())
    if found is None:
        raise ConfigurationError(f"invalid size format: {text}")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** (" KMGT".index(found[2] or " ")))
