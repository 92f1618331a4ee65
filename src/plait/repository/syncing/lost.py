"""Snapshots of which no state knows: their packfiles are there, and say so themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.repository.files import ArchivedFiles
from plait.repository.format.configuration import Unlocked
from plait.repository.layout import Folder
from plait.repository.reading import RepositoryReader
from plait.repository.recovering import RecoveredIndex

if TYPE_CHECKING:
    from plait.repository.repository import Repository


def whole_reader(repository: Repository) -> RepositoryReader:
    """Reads a repository with what is in packfiles that no state names, where these hold a snapshot.

    Raises the store's errors.
    """
    files = repository.files
    if isinstance(files, ArchivedFiles) or isinstance(repository.reader.holdings, RecoveredIndex):
        return repository.reader
    named = repository.index.known_packfiles()
    if not files.keys(Folder.PACKFILES).keys() - named:
        return repository.reader
    sizes = {name: size for name, size in files.packfile_sizes().items() if name not in named}
    index = RecoveredIndex(repository.index, files, repository.codec, sizes)
    if set(index.snapshots()) == set(repository.index.snapshots()):
        return repository.reader
    return RepositoryReader(files, unlocked=Unlocked(repository.configuration, repository.codec), index=index)
