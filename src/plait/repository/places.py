"""From the location of a repository, as Plakar spells it, to the store it lies on.

A location is a path, `SCHEME:REST`, or `SCHEME://REST`, with the settings of its entry in `stores.yml`. A path that
ends in `.ptar` is an archive.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ConfigurationError
from plait.stores.location import Location, LocationKind, parse_location
from plait.stores.registry import open_location

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.stores.base import Store
    from plait.stores.registry import Opening

ARCHIVE_SUFFIX: Final = ".ptar"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://)?(.*)", re.DOTALL)
"""A single letter is no scheme but the drive of a path."""
_S3_OPTIONS: Final = {
    "access_key": "access_key_id",
    "secret_access_key": "secret_access_key",
    "region": "region",
    "storage_class": "storage_class",
    "sse_customer_key": "sse_customer_key_base64",
}
"""The settings of Plakar's connector that are options of an S3 remote by another name or the same."""


class Place(msgspec.Struct, frozen=True):
    """An opened place.

    `store` is rooted at the place; where the place is one file (an archive), at its directory, and `archive` is its
    name. `location` is how Plakar spells the place, `kind` and `root` what its listings call them; none holds a secret.
    """

    store: Store
    location: str
    kind: str
    root: str
    archive: str | None = None


def open_place(settings: Mapping[str, str], opening: Opening, directory: str) -> Place:
    """Opens the place of an entry; relative paths begin at `directory`. Nothing is made, and it need not exist.

    Raises ConfigurationError where the location or a setting cannot be, and what opening the store raises.
    """
    text = settings["location"]
    scheme, rest = split_scheme(text)
    opener = _OPENERS.get(scheme)
    if opener is not None:
        return opener(rest, settings, opening, directory)
    return _open_elsewhere(text, scheme, opening)


def split_scheme(text: str) -> tuple[str, str]:
    """The scheme of a location, `fs` for a path, and the rest."""
    found = _SCHEME.fullmatch(text)
    if found is None:
        return "fs", text
    return found[1], found[2]


def _open_files(rest: str, _: Mapping[str, str], opening: Opening, directory: str) -> Place:
    path = posixpath.normpath(posixpath.join(directory, rest))
    if path.endswith(ARCHIVE_SUFFIX):
        return _open_archive(rest, {}, opening, directory)
    store = _open_path(path, opening)
    return Place(store, f"fs://{path}", "fs", path)


def _open_archive(rest: str, _: Mapping[str, str], opening: Opening, directory: str) -> Place:
    path = posixpath.normpath(posixpath.join(directory, rest))
    above, name = posixpath.split(path)
    return Place(_open_path(above, opening), f"ptar://{path}", "ptar", path, name)


def _open_path(path: str, opening: Opening) -> Store:
    return open_location(Location(LocationKind.LOCAL, path, path, backend="local"), opening).store


def _open_s3(rest: str, settings: Mapping[str, str], opening: Opening, _: str) -> Place:
    endpoint, path = s3_endpoint(rest, settings)
    options = {ours: settings[theirs] for theirs, ours in _S3_OPTIONS.items() if settings.get(theirs)}
    if "sse_customer_key_base64" in options:
        options["sse_customer_algorithm"] = "AES256"
    for name in ("access_key", "secret_access_key"):
        if name not in settings:
            raise ConfigurationError(f"missing {name}", hint=f"set it: plait store set NAME {name}=…")
    virtual = _truth("virtual_host", settings, default=False)
    if _truth("tls_insecure_no_verify", settings, default=False):
        raise ConfigurationError(
            "tls_insecure_no_verify is not supported: the server could be anyone",
            hint="name the authority that signed its certificate in SSL_CERT_FILE",
        )
    tls = _truth("use_tls", settings, default=True)
    options |= {
        "provider": "AWS" if endpoint.endswith(".amazonaws.com") else "Other",
        "endpoint": f"{'https' if tls else 'http'}://{endpoint}",
        "force_path_style": "false" if virtual else "true",
    }
    location = f"s3://{endpoint}/{path}"
    store = open_location(Location(LocationKind.BACKEND, path, location, backend="s3", options=options), opening).store
    return Place(store, location, "s3", f"/{path}")


def s3_endpoint(rest: str, settings: Mapping[str, str]) -> tuple[str, str]:
    """Host with port, and `BUCKET/PREFIX`, of `ENDPOINT/BUCKET/PREFIX` and its settings. Raises ConfigurationError."""
    host, _, path = rest.partition("/")
    if settings.get("port") and ":" not in host:
        host = f"{host}:{settings['port']}"
    endpoint = settings.get("endpoint", "")
    if _truth("virtual_host", settings, default=False):
        bucket = host.removesuffix("." + endpoint) if endpoint and host.endswith("." + endpoint) else ""
        if not bucket:
            raise ConfigurationError("virtual_host needs the endpoint, and a location that begins BUCKET.ENDPOINT")
        return endpoint, f"{bucket}/{path}".strip("/")
    if endpoint and host != endpoint:
        host, path = endpoint, f"{host}/{path}"
    path = (settings.get("root") or path).strip("/")
    if not host or not path:
        raise ConfigurationError(
            "failed to parse the location: bucket name or host name are empty",
            hint="a repository on S3 is s3://ENDPOINT/BUCKET/PREFIX: the endpoint comes first",
        )
    return host, path


def _open_served(scheme: str, rest: str, settings: Mapping[str, str], opening: Opening) -> Place:
    from plait.repository.wire.store import WireStore

    if _truth("tls_no_verify", settings, default=False):
        raise ConfigurationError(
            "tls_no_verify is not supported: the server could be anyone",
            hint="name the authority that signed its certificate in SSL_CERT_FILE",
        )
    store = WireStore(f"{scheme}://{rest}", settings.get("auth_token", ""))
    return Place(opening.wrap(store), store.description, scheme, "/" + rest.partition("/")[2])


def _open_http(rest: str, settings: Mapping[str, str], opening: Opening, _: str) -> Place:
    return _open_served("http", rest, settings, opening)


def _open_https(rest: str, settings: Mapping[str, str], opening: Opening, _: str) -> Place:
    return _open_served("https", rest, settings, opening)


def _open_elsewhere(text: str, scheme: str, opening: Opening) -> Place:
    """A remote of `rclone.conf`, which the original reaches through a connector of its own."""
    unknown = ConfigurationError(f"backend '{scheme}' does not exist", hint="repositories lie at a path, s3: or ptar:")
    location = parse_location(text)
    if location.kind not in {LocationKind.REMOTE, LocationKind.BACKEND}:
        raise unknown
    if location.name:
        try:
            opening.remotes.backend(location.name)
        except ConfigurationError:
            raise unknown from None
    opened = open_location(location, opening)
    return Place(opened.store, location.text, scheme, opened.root)


def _truth(name: str, settings: Mapping[str, str], *, default: bool) -> bool:
    from plait.model.values.flags import parse_bool

    try:
        return parse_bool(settings[name]) if name in settings else default
    except ValueError:
        raise ConfigurationError(f"invalid {name} value") from None


_OPENERS: Final[Mapping[str, Callable[[str, Mapping[str, str], Opening, str], Place]]] = {
    "fs": _open_files,
    "file": _open_files,
    "ptar": _open_archive,
    "s3": _open_s3,
    "http": _open_http,
    "https": _open_https,
}
