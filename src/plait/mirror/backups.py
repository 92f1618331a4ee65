"""Opening the place where a mirror keeps what it replaces or deletes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from plait.engine.transfer import Transfer, TransferSettings
from plait.mirror.keeping import CopyingKeeper, KeptNames, RenamingKeeper
from plait.mirror.overlap import BACKUP_ELSEWHERE, check_backup, check_backup_of_file, root_of
from plait.mirror.transforms import parse_transforms
from plait.model.errors import FatalError
from plait.stores.abilities import Renames
from plait.stores.copies import Copies
from plait.stores.location import Location, LocationKind
from plait.stores.registry import Opened, open_location

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from plait.mirror.keeping import Keeper
    from plait.mirror.overlap import Root
    from plait.model.options import Values
    from plait.stores.registry import Opening

CANNOT_KEEP = "can't use --backup-dir on a remote which doesn't support server-side move or copy"


class BackupPlaces(msgspec.Struct, frozen=True):
    """The trees of a mirror that keeps; `backup` None: files are kept beside themselves, by `--suffix`."""

    source: Opened
    destination: Opened
    backup: Opened | None

    def check(self, includes_directory: Callable[[Root, str], bool], *, suffix: bool) -> None:
        """Raises FatalError where the places cannot be used together; `suffix`: there is a `--suffix`."""
        if self.backup is None:
            return
        if self.backup.remote != self.destination.remote:
            raise FatalError(BACKUP_ELSEWHERE)
        backup, source, destination = root_of(self.backup), root_of(self.source), root_of(self.destination)
        if self.source.file is None:
            check_backup(backup, source, destination, includes_directory)
        else:
            check_backup_of_file(backup, source, destination, suffix=suffix)

    def keeper(self, values: Values, opening: Opening, closing: ExitStack, cancelled: Callable[[], bool]) -> Keeper:
        """What puts files there. Raises FatalError where the store can neither rename nor copy."""
        names = KeptNames(values.suffix, values.suffix_keep_extension, parse_transforms(values.name_transform))
        kept = self.destination if self.backup is None else self.backup
        across = Transfer(self.destination.store, kept.store, TransferSettings(), cancelled=cancelled)
        rename = _Renaming(names, across, kept.text, durable=values.durable)
        if self.backup is None and isinstance(self.destination.store, Renames):
            return rename.within(self.destination.store, "", "")
        if isinstance(self.destination.store, Renames) and self.destination.store.features.scheme == "local":
            return self._keeper_on_disk(kept, rename, opening, closing)
        if isinstance(kept.store, Copies) and kept.store.can_copy_from(self.destination.store):
            return CopyingKeeper(self.destination.store, kept.store, kept.text, names)
        raise FatalError(CANNOT_KEEP)

    def _keeper_on_disk(self, kept: Opened, rename: _Renaming, opening: Opening, closing: ExitStack) -> Keeper:
        """A keeper that renames between two directories, through a store that holds both."""
        above = os.path.commonpath((self.destination.root, kept.root))
        opened = open_location(Location(LocationKind.LOCAL, above, above, backend="local"), opening)
        closing.callback(opened.store.close)
        if not isinstance(opened.store, Renames):
            raise FatalError(CANNOT_KEEP)
        return rename.within(opened.store, _below(above, self.destination.root), _below(above, kept.root))


class _Renaming(msgspec.Struct, frozen=True):
    names: KeptNames
    across: Transfer
    shown: str
    durable: bool

    def within(self, store: Renames, destination: str, kept: str) -> Keeper:
        return RenamingKeeper(store, destination, kept, self.shown, self.names, self.across, durable=self.durable)


def _below(above: str, path: str) -> str:
    """The key prefix of `path` in a store rooted at `above`."""
    return "" if path == above else os.path.relpath(path, above) + "/"
