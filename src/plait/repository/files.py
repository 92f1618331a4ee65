"""The files of a repository, on a store or in an archive, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plait.model.errors import DirectoryNotFoundError, IntegrityError, ObjectNotFoundError
from plait.repository.format import archives, configuration
from plait.repository.layout import CONFIGURATION, Folder, layout_of, name_of

if TYPE_CHECKING:
    from plait.stores.base import Store


class RepositoryFiles(Protocol):
    """Where the files of a repository are read from. Raises the store's errors."""

    def configuration(self) -> bytes:
        """The file CONFIG. Raises DirectoryNotFoundError where there is no repository."""
        ...

    def keys(self, folder: Folder) -> dict[bytes, str]:
        """The files of a kind: their keys by name. What is no file of a repository is left out."""
        ...

    def read(self, key: str) -> bytes:
        """A whole file."""
        ...

    def read_packfile(self, name: bytes, offset: int, length: int) -> bytes:
        """A range of a packfile, shorter where the file ends."""
        ...


class StoredFiles:
    """A repository at the root of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout = layout_of(store.features.scheme)

    def configuration(self) -> bytes:
        """As in `RepositoryFiles`."""
        try:
            return _read(self._store, CONFIGURATION, 0, configuration.SIZE_LIMIT + 1)
        except (ObjectNotFoundError, DirectoryNotFoundError):
            raise DirectoryNotFoundError(f"there is no repository at {self._store.description}") from None

    def keys(self, folder: Folder) -> dict[bytes, str]:
        """As in `RepositoryFiles`."""
        found: dict[bytes, str] = {}
        try:
            for page in self._store.list(folder.prefix):
                if page.error is not None:
                    raise page.error
                for name in page.names:
                    key = page.prefix + name
                    identifier = name_of(key)
                    if identifier is not None:
                        found[identifier] = key
        except DirectoryNotFoundError:
            # A copy made by a tool that leaves out empty directories.
            return {}
        return found

    def read(self, key: str) -> bytes:
        """As in `RepositoryFiles`."""
        return _read(self._store, key, 0, None)

    def read_packfile(self, name: bytes, offset: int, length: int) -> bytes:
        """As in `RepositoryFiles`."""
        return _read(self._store, self._layout.key(Folder.PACKFILES, name), offset, length)


class ArchivedFiles:
    """A repository in one file, `.ptar`; its only packfile goes by any name, and there are no locks.

    Raises IntegrityError where the file is no archive, ObjectNotFoundError where there is none.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        size = store.stat(key).size or 0
        head = _read(store, key, 0, archives.HEADER_SIZE)
        tail = _read(store, key, max(0, size - archives.TRAILER_SIZE), archives.TRAILER_SIZE)
        self._layout = archives.read_layout(size, head, tail)

    def configuration(self) -> bytes:
        """As in `RepositoryFiles`."""
        extent = self._layout.configuration
        return _read(self._store, self._key, extent.offset, min(extent.length, configuration.SIZE_LIMIT + 1))

    def keys(self, folder: Folder) -> dict[bytes, str]:
        """As in `RepositoryFiles`."""
        names = {Folder.PACKFILES: archives.PACKFILE_NAME, Folder.STATES: archives.STATE_NAME}
        return {names[folder]: folder.value} if folder in names else {}

    def read(self, key: str) -> bytes:
        """As in `RepositoryFiles`."""
        extent = self._layout.packfile if key == Folder.PACKFILES.value else self._layout.state
        return _read(self._store, self._key, extent.offset, extent.length)

    def read_packfile(self, name: bytes, offset: int, length: int) -> bytes:  # noqa: ARG002  (there is only one)
        """As in `RepositoryFiles`."""
        extent = self._layout.packfile
        if offset + length > extent.length:
            raise IntegrityError("a blob lies outside of the archive's packfile")
        return _read(self._store, self._key, extent.offset + offset, length)


def _read(store: Store, key: str, offset: int, length: int | None) -> bytes:
    parts = []
    with store.read(key, offset, length) as reader:
        while data := reader.read():
            parts.append(data)
    return b"".join(parts)
