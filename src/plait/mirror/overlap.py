"""Whether two locations overlap, so that a sync of one into the other could eat its own tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.stores.registry import Opened

OVERLAPPING = "can't sync or move files on overlapping remotes (try excluding the destination with a filter rule)"
BACKUP_ELSEWHERE = "parameter to --backup-dir has to be on the same remote as destination"
BACKUP_IN_DESTINATION = "destination and parameter to --backup-dir mustn't overlap"
BACKUP_IN_SOURCE = "source and parameter to --backup-dir mustn't overlap"
BACKUP_IS_DESTINATION = "destination and parameter to --backup-dir mustn't be the same"
BACKUP_IS_SOURCE = "source and parameter to --backup-dir mustn't be the same"


class Root(msgspec.Struct, frozen=True):
    """Where a tree lies: what its store is (`Features.identity`) and its full key there."""

    identity: str
    path: str
    case_sensitive: bool = True

    @property
    def folded(self) -> str:
        """The path between slashes, as it is compared."""
        path = self.path.strip("/")
        path = path + "/" if path else ""
        return path if self.case_sensitive else path.lower()


def root_of(opened: Opened) -> Root:
    """Where an opened tree lies."""
    features = opened.store.features
    return Root(features.identity, opened.root, features.case_sensitive)


def same(one: Root, other: Root) -> bool:
    """True where both are one and the same place."""
    return one.identity == other.identity and one.folded == other.folded


def overlapping(one: Root, other: Root, includes_directory: Callable[[Root, str], bool]) -> bool:
    """True where one lies in the other, unless the filters exclude it there.

    `includes_directory(outer, path)` tells whether the directory `path` (without slashes at its ends) of `outer` would
    be entered.
    """
    if one.identity != other.identity:
        return False
    if one.folded == other.folded:
        return True
    for outer, inner in ((one, other), (other, one)):
        if inner.folded.startswith(outer.folded):
            below = inner.path.strip("/")[len(outer.folded) :]
            return includes_directory(outer, below)
    return False


def check_backup(
    backup: Root, source: Root, destination: Root, includes_directory: Callable[[Root, str], bool]
) -> None:
    """Raises FatalError where files of a tree at `destination` cannot be kept at `backup`."""
    if backup.identity != destination.identity:
        raise FatalError(BACKUP_ELSEWHERE)
    if overlapping(backup, destination, includes_directory):
        raise FatalError(BACKUP_IN_DESTINATION)
    if overlapping(backup, source, includes_directory):
        raise FatalError(BACKUP_IN_SOURCE)


def check_backup_of_file(backup: Root, source: Root, destination: Root, *, suffix: bool) -> None:
    """The same for a single file, for which only the same directory is in the way, and that not with a suffix."""
    if backup.identity != destination.identity:
        raise FatalError(BACKUP_ELSEWHERE)
    if suffix:
        return
    if same(backup, destination):
        raise FatalError(BACKUP_IS_DESTINATION)
    if same(backup, source):
        raise FatalError(BACKUP_IS_SOURCE)
