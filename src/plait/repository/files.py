"""The files of a repository, on a store or in an archive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

from plait.model.errors import (
    AlreadyExistsError,
    DirectoryNotFoundError,
    ObjectNotFoundError,
    PreconditionError,
    from_os_error,
)
from plait.model.items import Kind, Stat
from plait.repository.format import archives, configuration
from plait.repository.layout import CONFIGURATION, FLAT, REPLACED, Folder, layout_of, name_of
from plait.repository.parallel import in_parallel
from plait.stores.abilities import Directories
from plait.stores.base import Outgoing
from plait.stores.content import BytesReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from plait.stores.base import Source, Store
    from plait.stores.local.store import LocalStore

_MODE = 0o600
_DIRECTORY_MODE = 0o700
_ASKED_AT_ONCE = 8


class Listed(NamedTuple):
    """A file that a store lists. `stamp`: what changes where the file is replaced; "" where the store does not tell."""

    key: str
    stamp: str


class RepositoryFiles(Protocol):
    """Where the files of a repository are read from. Raises the store's errors."""

    @property
    def store(self) -> Store:
        """The store that they are in."""
        ...

    def configuration(self) -> bytes:
        """The file CONFIG. Raises DirectoryNotFoundError where there is no repository."""
        ...

    def keys(self, folder: Folder) -> dict[bytes, str]:
        """The files of a kind: their keys by name. What is no file of a repository is left out."""
        ...

    def listed(self, folder: Folder) -> dict[bytes, Listed]:
        """As `keys`, with what the store says of each."""
        ...

    def packfile_sizes(self) -> dict[bytes, int]:
        """The bytes of every packfile that is there, by name."""
        ...

    def read(self, key: str) -> bytes:
        """A whole file."""
        ...

    def read_packfile(self, name: bytes, offset: int, length: int) -> bytes:
        """A range of a packfile, shorter where the file ends."""
        ...


class StoredFiles:
    """A repository at the root of a store, to be read and written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout = layout_of(store.features.scheme)
        self.lockless = False
        """Locks are neither written nor looked at: somebody else sees to it that nothing in work is removed."""
        self.signs: Path | None = None
        """Where this machine's programs tell that they live while they hold a lock (`signs`)."""

    @property
    def store(self) -> Store:
        """The store itself."""
        return self._store

    @property
    def description(self) -> str:
        """Where the repository is, for people."""
        return self._store.description

    def configuration(self) -> bytes:
        """As in `RepositoryFiles`."""
        try:
            return _read(self._store, CONFIGURATION, 0, configuration.SIZE_LIMIT + 1)
        except (ObjectNotFoundError, DirectoryNotFoundError):
            raise DirectoryNotFoundError(f"there is no repository at {self._store.description}") from None

    def keys(self, folder: Folder) -> dict[bytes, str]:
        """As in `RepositoryFiles`."""
        return {name: listed.key for name, listed in self.listed(folder).items()}

    def listed(self, folder: Folder) -> dict[bytes, Listed]:
        """As in `RepositoryFiles`."""
        found: dict[bytes, Listed] = {}
        try:
            for page in self._store.list(folder.prefix):
                if page.error is not None:
                    raise page.error
                for index, name in enumerate(page.names):
                    if page.kinds[index] == Kind.DIRECTORY:
                        continue
                    key = page.prefix + name
                    identifier = name_of(key)
                    if identifier is not None:
                        found[identifier] = Listed(key, _stamp(page.stat(index)))
        except DirectoryNotFoundError:
            # A copy made by a tool that leaves out empty directories.
            return {}
        if folder is Folder.STATES and any(listed.key.count("/") == 1 for listed in found.values()):
            self._layout = FLAT
        return found

    def packfile_sizes(self) -> dict[bytes, int]:
        """As in `RepositoryFiles`."""
        sizes: dict[bytes, int] = {}
        untold: dict[bytes, str] = {}
        try:
            for page in self._store.list(Folder.PACKFILES.prefix):
                if page.error is not None:
                    raise page.error
                for index, name in enumerate(page.names):
                    identifier = name_of(name)
                    if identifier is None or page.kinds[index] != Kind.FILE:
                        continue
                    size = page.stat(index).size
                    if size is None:
                        untold[identifier] = page.prefix + name
                    else:
                        sizes[identifier] = size
        except DirectoryNotFoundError:
            return {}
        return sizes | self._asked(untold)

    def _asked(self, keys: dict[bytes, str]) -> dict[bytes, int]:
        """The sizes of files whose listing does not tell them, but for those that went meanwhile."""

        def ask(item: tuple[bytes, str]) -> tuple[bytes, int | None]:
            name, key = item
            try:
                return name, self._store.stat(key).size
            except ObjectNotFoundError:
                return name, None

        return {name: size for name, size in in_parallel(ask, keys.items(), _ASKED_AT_ONCE) if size is not None}

    def read(self, key: str) -> bytes:
        """As in `RepositoryFiles`."""
        return _read(self._store, key, 0, None)

    def read_packfile(self, name: bytes, offset: int, length: int) -> bytes:
        """As in `RepositoryFiles`."""
        return _read(self._store, self._layout.key(Folder.PACKFILES, name), offset, length)

    def key(self, folder: Folder, name: bytes) -> str:
        """The key of a file."""
        return self._layout.key(folder, name)

    def put(self, folder: Folder, name: bytes, data: bytes) -> Stat:
        """Stores a whole file, atomically and so that it survives a power loss. Raises the store's errors."""
        return self._put(self._layout.key(folder, name), data, if_absent=False)

    def put_stream(self, folder: Folder, name: bytes, content: Source, size: int) -> Stat:
        """As `put`, from content of `size` bytes that is read once."""
        return self._store.write(self._layout.key(folder, name), content, size, self._how(if_absent=False))

    def stat(self, folder: Folder, name: bytes) -> Stat:
        """What the store says of a file. Raises ObjectNotFoundError where there is none."""
        return self._store.stat(self._layout.key(folder, name))

    def remove(self, folder: Folder, names: Iterable[bytes]) -> None:
        """Removes files; a missing one is a success. Raises the first error, after all were tried."""
        trouble = None
        for deleted in self._store.delete([self._layout.key(folder, name) for name in names]):
            trouble = trouble or deleted.error
        if trouble is not None:
            raise trouble

    def refuse_replaced(self) -> None:
        """Raises PreconditionError where another repository has taken the place of this one since it was opened.

        What is written to it then goes to a copy that nobody looks at, and that is discarded one day.
        """
        local = _local(self._store)
        if local is None:
            return
        descriptor = local.root.descriptor()
        try:
            os.stat(REPLACED, dir_fd=descriptor)
            here = os.fstat(descriptor)
        except FileNotFoundError:
            return
        except OSError as error:
            raise from_os_error(error, self.description) from None
        try:
            is_here = os.path.samestat(here, os.stat(local.root.path))
        except FileNotFoundError:
            is_here = False
        if not is_here:
            raise PreconditionError(
                f"another repository has taken the place of this one at {self.description}: its passphrase was changed",
                hint="run it again, with the new passphrase",
            )

    def create(self, config: bytes) -> None:
        """Makes an empty repository: its directories first, CONFIG last.

        Raises AlreadyExistsError where anything is there already.
        """
        self.refuse_what_is_there()
        if isinstance(self._store, Directories):
            own = _is_missing(self._store)
            for directory in ("", *self._layout.directories()):
                self._store.make_directory(directory)
            _protect(self._store, self._layout.directories(), own=own)
        self._put(CONFIGURATION, config, if_absent=True)

    def refuse_what_is_there(self) -> None:
        """Raises AlreadyExistsError where the place is not empty."""
        where = self._store.description
        prefixes = [""] if isinstance(self._store, Directories) else [folder.prefix for folder in Folder]
        for prefix in prefixes:
            try:
                for page in self._store.list(prefix):
                    if page.error is not None:
                        raise page.error
                    if len(page):
                        raise AlreadyExistsError(f"{where} is not empty", hint="a repository is made in an empty place")
            except DirectoryNotFoundError:
                continue
        try:
            self._store.stat(CONFIGURATION)
        except (ObjectNotFoundError, DirectoryNotFoundError):
            return
        raise AlreadyExistsError(f"there is a repository at {where} already")

    def _put(self, key: str, data: bytes, *, if_absent: bool) -> Stat:
        content = BytesReader(data, Stat(Kind.FILE, len(data)))
        return self._store.write(key, content, len(data), self._how(if_absent=if_absent))

    def _how(self, *, if_absent: bool) -> Outgoing:
        features = self._store.features
        mode = _MODE if features.posix else None
        return Outgoing(durable=True, mode=mode, if_absent=if_absent and features.conditional_writes)


class ArchivedFiles:
    """A repository in one file, `.ptar`; its only packfile goes by any name, and there are no locks.

    Raises IntegrityError where the file is no archive, ObjectNotFoundError where there is none.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        stat = store.stat(key)
        size = stat.size or 0
        self._stamp = _stamp(stat)
        head = _read(store, key, 0, archives.HEADER_SIZE)
        tail = _read(store, key, max(0, size - archives.TRAILER_SIZE), archives.TRAILER_SIZE)
        self._layout = archives.read_layout(size, head, tail)

    @property
    def description(self) -> str:
        """Where the archive is, for people."""
        return f"{self._store.description.rstrip('/')}/{self._key}"

    @property
    def store(self) -> Store:
        """The store that the archive is in."""
        return self._store

    def packfile_sizes(self) -> dict[bytes, int]:
        """As in `RepositoryFiles`."""
        return {archives.PACKFILE_NAME: self._layout.packfile.length}

    def configuration(self) -> bytes:
        """As in `RepositoryFiles`."""
        extent = self._layout.configuration
        return _read(self._store, self._key, extent.offset, min(extent.length, configuration.SIZE_LIMIT + 1))

    def keys(self, folder: Folder) -> dict[bytes, str]:
        """As in `RepositoryFiles`."""
        names = {Folder.PACKFILES: archives.PACKFILE_NAME, Folder.STATES: archives.STATE_NAME}
        return {names[folder]: folder.value} if folder in names else {}

    def listed(self, folder: Folder) -> dict[bytes, Listed]:
        """As in `RepositoryFiles`."""
        return {name: Listed(key, self._stamp) for name, key in self.keys(folder).items()}

    def read(self, key: str) -> bytes:
        """As in `RepositoryFiles`."""
        extent = self._layout.packfile if key == Folder.PACKFILES.value else self._layout.state
        return _read(self._store, self._key, extent.offset, extent.length)

    def read_packfile(self, name: bytes, offset: int, length: int) -> bytes:  # noqa: ARG002  (there is only one)
        """As in `RepositoryFiles`."""
        extent = self._layout.packfile
        return _read(self._store, self._key, extent.offset + offset, max(0, min(length, extent.length - offset)))


def _stamp(stat: Stat) -> str:
    facts = stat.size, stat.modified, stat.stored_at, stat.etag
    return "" if facts == (None, None, None, None) else repr(facts)


def _local(store: Store) -> LocalStore | None:
    """The directory that a store is, whatever wraps it; None for any other."""
    from plait.stores.local.store import LocalStore
    from plait.stores.wrappers.base import unwrapped

    found = unwrapped(store)
    return found if isinstance(found, LocalStore) else None


def _is_missing(store: Store) -> bool:
    """Whether a store is a local directory that is not there yet."""
    local = _local(store)
    return local is not None and not os.path.lexists(local.root.path)


def _protect(store: Store, directories: Iterable[str], *, own: bool) -> None:
    """Shuts out other users, and syncs what was made, where the store is a local directory.

    The directory itself is shut only where it is `own`; one that was there stays as open as its owner has it.
    """
    local = _local(store)
    if local is None:
        return
    root = local.root.descriptor()
    for directory in directories:
        os.chmod(directory, _DIRECTORY_MODE, dir_fd=root)
    if own:
        os.fchmod(root, _DIRECTORY_MODE)
    for name in [folder.value for folder in Folder]:
        with local.root.directory((name,)) as descriptor:
            os.fsync(descriptor)
    os.fsync(root)


def _read(store: Store, key: str, offset: int, length: int | None) -> bytes:
    parts = []
    left = -1 if length is None else length
    with store.read(key, offset, length) as reader:
        while left and (data := reader.read(left)):
            parts.append(data)
            left -= 0 if length is None else len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)
