"""The databases of a directory: which files they are, where their local files go, and where their replicas."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ConfigurationError
from plait.replication.configuration.patterns import parse_pattern
from plait.replication.configuration.places import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.replication.configuration.settings import DatabaseSettings, DirectorySettings, Settings

SQLITE_MAGIC: Final = b"SQLite format 3\0"
_NOT_DATABASES: Final = ("-wal", "-shm", "-journal")


def find_databases(settings: DirectorySettings, known: frozenset[str] = frozenset()) -> list[DatabaseSettings]:
    """The databases that are there now, in the order of their paths. Files that are `known` as such are not opened.

    Raises ConfigurationError where the directory cannot be read or the pattern is none, and where there are no
    databases and nobody watches for them.
    """
    _check(settings)
    found = [
        database_of(settings, path)
        for path in sorted(_candidates(settings))
        if path in known or is_database(settings, path)
    ]
    if not found and not settings.watch:
        raise ConfigurationError(
            f"no SQLite databases found in directory {settings.directory} with pattern {settings.pattern}"
        )
    return found


def is_database(settings: DirectorySettings, path: str) -> bool:
    """Whether a file belongs to the directory's databases: by its name, and by how it begins."""
    name = os.path.basename(path)
    if name.endswith(_NOT_DATABASES) or parse_pattern(settings.pattern).fullmatch(name) is None:
        return False
    try:
        # This process may have the database open through SQLite, whose locks fall with any descriptor that is closed:
        # a daemon asks this of files only that it has not opened yet.
        with open(path, "rb") as file:
            return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError:
        return False


def database_of(settings: DirectorySettings, path: str) -> DatabaseSettings:
    """The settings of one database of the directory."""
    relative = os.path.relpath(path, settings.directory)
    folder, name = os.path.split(relative)
    template = settings.template
    meta: str | None = None
    if settings.meta_directory is not None:
        meta = os.path.join(settings.meta_directory, f"{relative}-litestream")
    elif template.meta_path is not None:
        meta = os.path.join(template.meta_path, folder, f".{name}-litestream")
    replicas = tuple(
        msgspec.structs.replace(replica, place=below(replica.place, relative)) for replica in template.replicas
    )
    return msgspec.structs.replace(template, path=path, meta_path=meta, replicas=replicas)


def all_databases(settings: Settings, *, may_be_empty: bool = False) -> list[DatabaseSettings]:
    """The databases that a configuration names, those of its directories among them, each once.

    Raises as `find_databases`; with `may_be_empty` not for directories without databases.
    """
    found = {database.path: database for database in settings.databases}
    for directory in settings.directories:
        looked = msgspec.structs.replace(directory, watch=True) if may_be_empty else directory
        for database in find_databases(looked):
            found.setdefault(database.path, database)
    return list(found.values())


def _check(settings: DirectorySettings) -> None:
    directory = settings.directory
    try:
        parse_pattern(settings.pattern)
        os.lstat(directory)
    except ValueError as error:
        raise ConfigurationError(f"failed to scan directory {directory}: {error}") from None
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"failed to scan directory {directory}: lstat {directory}: {words}") from None


def _candidates(settings: DirectorySettings) -> Iterator[str]:
    for folder, folders, names in os.walk(settings.directory):
        if not settings.recursive:
            folders.clear()
        for name in names:
            yield os.path.join(folder, name)
