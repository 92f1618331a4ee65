"""Opening locations: from a parsed location to a store, through one table of backends.

Backends whose store lives higher up, or in somebody else's package, are found by dotted name too: the table below, and
the entry-point group `plait.stores`. Nothing is imported before it is opened.
"""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import msgspec

from plait.model.errors import (
    ConfigurationError,
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    StoreError,
)
from plait.model.items import Kind
from plait.stores.base import Deadlines
from plait.stores.local.options import LocalOptions
from plait.stores.location import LocationKind, join_root, parse_rclone_location, typed
from plait.stores.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from plait.stores.base import Store
    from plait.stores.location import Location

ENTRY_POINTS = "plait.stores"
LONGEST_ALIAS_CHAIN = 16

OPENERS: Mapping[str, str] = {
    "drive": "plait.stores.drive.opening:open_drive",
    "local": "plait.stores.local.opening:open_local",
    "memory": "plait.stores.memory:open_memory",
    "s3": "plait.stores.objects.opening:open_s3_location",
}
"""By rclone's name of the backend: the function that opens a path on it (`Opener`), as `module:name`."""

KNOWN_ELSEWHERE = frozenset(
    [
        "azureblob",
        "azurefiles",
        "b2",
        "box",
        "cache",
        "chunker",
        "combine",
        "compress",
        "crypt",
        "dropbox",
        "fichier",
        "filelu",
        "filescom",
        "ftp",
        "gofile",
        "googlecloudstorage",
        "googlephotos",
        "hasher",
        "hdfs",
        "hidrive",
        "http",
        "iclouddrive",
        "imagekit",
        "internetarchive",
        "jottacloud",
        "koofr",
        "linkbox",
        "mailru",
        "mega",
        "netstorage",
        "onedrive",
        "opendrive",
        "oos",
        "pcloud",
        "pikpak",
        "pixeldrain",
        "premiumizeme",
        "protondrive",
        "putio",
        "qingstor",
        "quatrix",
        "seafile",
        "sftp",
        "sharefile",
        "sia",
        "smb",
        "storj",
        "sugarsync",
        "swift",
        "tardigrade",
        "ulozto",
        "union",
        "uptobox",
        "webdav",
        "yandex",
        "zoho",
    ]
)
"""Backends of rclone that Plait does not open; spaces are left out of the names."""


class Remotes(Protocol):
    """The remotes that are configured; see `plait.stores.rclone_config`."""

    def backend(self, name: str) -> str:
        """The type of a remote. Raises ConfigurationError where there is no such remote."""
        ...

    def options(self, name: str, backend: str, overrides: Mapping[str, str]) -> Mapping[str, str]:
        """The options of a remote ("" for one on the fly) by rclone's precedence; obscured values stay obscured."""
        ...

    def save(self, name: str, key: str, value: str) -> None:
        """Writes a key of a remote where the remote is configured, if that is a file: a token that was renewed."""
        ...


def _no_trees(location: Location, _: Opening) -> tuple[Store, str]:
    """Where nobody knows of repositories."""
    raise NotSupportedError(f"{location.text}: no repository can be opened here")


@dataclass(frozen=True)
class Opening:
    """What is known when locations are opened.

    `state` is a directory of Plait's own, where a store may remember what it is at. `local` holds the command line's
    wishes for local stores. `notice(key, text)` is told what a listing leaves out, of the keys that `notices` holds
    for. `inform(key, text)` is told what a store does beside what it was asked for (a bucket is made), and
    `warn(key, text)` what it goes on without; a key of "" means the location. `wrap` puts the wrappers round each store
    that is opened (retries, limits). `save(key, value)` writes a key of the remote that is being opened. `trees` opens
    a tree in a repository, as an `Opener` does.
    """

    remotes: Remotes
    deadlines: Deadlines = field(default_factory=Deadlines)
    network: Network = field(default_factory=Network)
    state: Path | None = None
    local: LocalOptions = field(default_factory=LocalOptions)
    notice: Callable[[str, str], None] = lambda _, __: None
    notices: Callable[[str], bool] = lambda _: True
    inform: Callable[[str, str], None] = lambda _, __: None
    warn: Callable[[str, str], None] = lambda _, __: None
    wrap: Callable[[Store], Store] = lambda store: store
    save: Callable[[str, str], None] = lambda _, __: None
    trees: Callable[[Location, Opening], tuple[Store, str]] = _no_trees


class Opened(msgspec.Struct, frozen=True):
    """An opened location.

    `store` is rooted at the location, or at its directory where the location names one file, `file`. `root` is the
    full path of that root within the store's identity, for overlap. `text` names the location without secrets.
    `remote` is what rclone calls the remote: two locations are on the same one where it is equal.
    """

    store: Store
    text: str
    remote: str
    root: str
    file: str | None = None


class Opener(Protocol):
    """Opens `path` on a backend; the path need not exist."""

    def __call__(self, path: str, options: Mapping[str, str], opening: Opening) -> tuple[Store, str]:
        """The store rooted at `path`, and the full path of its root."""
        ...


def open_location(location: Location, opening: Opening) -> Opened:
    """Opens a location as a tree.

    Raises ConfigurationError (unknown remote, unknown or absent backend, bad option), MissingExtraError; their key is
    the location.
    """
    try:
        return _open(location, opening, location.text, LONGEST_ALIAS_CHAIN)
    except (ConfigurationError, NotSupportedError) as error:
        error.key = error.key or typed(location)
        raise


def open_source(location: Location, opening: Opening) -> Opened:
    """Opens a location that may name a single file; then `file` is its name in the opened directory."""
    with ExitStack() as failing:
        opened = open_location(location, opening)
        failing.callback(opened.store.close)
        parent, name = _split(location)
        if not name or _is_directory(opened.store) or _is_bucket(opened):
            failing.pop_all()
            return opened
        above = open_location(msgspec.structs.replace(location, path=parent), opening)
        failing.callback(above.store.close)
        is_file = _is_file(above.store, name, opened.store)
        failing.pop_all()
    if not is_file:
        above.store.close()
        return opened
    opened.store.close()
    return msgspec.structs.replace(above, file=name, text=opened.text)


def _is_file(above: Store, name: str, below: Store) -> bool:
    """True where a name is a file's, `below` being what it is as a directory."""
    try:
        return above.stat(name).kind is not Kind.DIRECTORY
    except (ObjectNotFoundError, DirectoryNotFoundError, NotSupportedError):
        return False
    except (PermissionDeniedError, StoreError):
        # A key may be allowed to see what is below a name only. Where it is not, listing is refused too, and other than
        # HEAD that tells why. A file that must not be read is not taken for an empty directory.
        if any(page.items for page in below.list()):
            return False
        raise


def _is_directory(store: Store) -> bool:
    """True where the root is known to be a directory; an object store cannot tell."""
    if not store.features.directories:
        return False
    try:
        return store.stat("").kind is Kind.DIRECTORY
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return False


def _is_bucket(opened: Opened) -> bool:
    """True where nothing but a bucket is named."""
    return not opened.store.features.directories and "/" not in opened.root


def _split(location: Location) -> tuple[str, str]:
    """The path above, and the last name; "" where the path can name no file."""
    path = location.path
    if location.kind is LocationKind.LOCAL:
        path = path.rstrip("/") or path
    if path.endswith("/") or path.rpartition("/")[2] in {"", ".", ".."}:
        return path, ""
    parent, slash, name = path.rpartition("/")
    if not slash and location.kind is LocationKind.LOCAL:
        return ".", name
    return parent + ("/" if slash and not parent else ""), name


def _open(location: Location, opening: Opening, text: str, aliases: int) -> Opened:
    if location.kind is LocationKind.SNAPSHOT:
        store, root = opening.trees(location, opening)
        return Opened(opening.wrap(store), text, f"@{location.name}", root)
    backend, options = _backend(location, opening)
    if backend == "alias":
        return _open_alias(location, options, opening, text, aliases)
    own = dataclasses.replace(
        opening,
        save=partial(opening.remotes.save, location.name),
        inform=lambda key, words: opening.inform(key or text, words),
        warn=lambda key, words: opening.warn(key or text, words),
    )
    store, root = _opener(backend)(location.path, options, own)
    return Opened(opening.wrap(store), text, _remote(location, backend), root)


def _open_alias(location: Location, options: Mapping[str, str], opening: Opening, text: str, aliases: int) -> Opened:
    target = options.get("remote", "")
    if not target:
        raise ConfigurationError("alias can't point to an empty remote - check the value of the remote setting")
    if target.startswith(location.name + ":") and location.name:
        raise ConfigurationError("can't point alias remote at itself - check the value of the remote setting")
    if aliases == 0:
        raise ConfigurationError(f"{location.name}: aliases point at each other in a circle")
    return _open(parse_rclone_location(join_root(target, location.path)), opening, text, aliases - 1)


def _backend(location: Location, opening: Opening) -> tuple[str, Mapping[str, str]]:
    if location.kind is LocationKind.REMOTE:
        backend = opening.remotes.backend(location.name)
        return backend, opening.remotes.options(location.name, backend, location.options)
    return location.backend, opening.remotes.options("", location.backend, location.options)


def _opener(backend: str) -> Opener:
    dotted = OPENERS.get(backend) or _entry_point(backend)
    if dotted is None:
        if backend.replace(" ", "") in KNOWN_ELSEWHERE:
            known = ", ".join(sorted(["alias", *OPENERS]))
            raise NotSupportedError(
                f"stores of type {backend!r} are not in this version yet", hint=f"the types are {known}"
            )
        raise ConfigurationError(f'didn\'t find backend called "{backend}"')
    module, _, name = dotted.partition(":")
    opener: Opener = getattr(import_module(module), name)
    return opener


def _entry_point(backend: str) -> str | None:
    from importlib.metadata import entry_points

    found = [point.value for point in entry_points(group=ENTRY_POINTS) if point.name == backend]
    return found[0] if found else None


def _remote(location: Location, backend: str) -> str:
    """Rclone's name of the remote; options in the location make it another one."""
    if location.kind is LocationKind.LOCAL:
        return "local"
    name = location.name or ":" + backend
    if not location.options:
        return name
    from hashlib import sha256

    digest = sha256(repr(sorted(location.options.items())).encode("utf-8", "surrogateescape"))
    return f"{name}{{{digest.hexdigest()[:5]}}}"
