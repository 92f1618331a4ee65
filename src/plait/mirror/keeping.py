"""Keeping what a mirror replaces or deletes: `--backup-dir`, `--suffix`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from plait.model.errors import NotSupportedError, ObjectNotFoundError
from plait.stores.base import Outgoing

if TYPE_CHECKING:
    from plait.engine.transfer import Transfer
    from plait.mirror.transforms import Transforms
    from plait.model.items import Item, Stat
    from plait.stores.abilities import Renames
    from plait.stores.base import Store
    from plait.stores.copies import Copies


class KeptNames(msgspec.Struct, frozen=True):
    """How the kept file is called: its own path with `suffix`, before the extension where `before_extension`.

    `transforms` are those of `--name-transform`, which rclone applies to what it keeps as to all that it carries.
    """

    suffix: str = ""
    before_extension: bool = False
    transforms: Transforms | None = None

    def name(self, key: str) -> str:
        """The key under which the file `key` is kept."""
        named = self._with_suffix(key)
        return named if self.transforms is None else self.transforms.path(named)

    def _with_suffix(self, key: str) -> str:
        if not self.suffix:
            return key
        if not self.before_extension:
            return key + self.suffix
        base, extensions = split_extensions(key)
        return base + self.suffix + extensions


class Keeper(Protocol):
    """Puts files of the destination where they are kept; an older file that is kept there already is replaced."""

    @property
    def renames(self) -> bool:
        """True where `keep` takes the file away from the destination, False where it leaves it there."""
        ...

    def keep(self, item: Item) -> str:
        """Keeps one file and says where, as a location's text."""
        ...

    def name(self, key: str) -> str:
        """The key under which the file `key` is kept, below the place of what is kept."""
        ...


class RenamingKeeper:
    """Keeps by renaming, within one store that holds both the destination and the place of what is kept.

    `destination` and `kept` are the keys of both in `store`, "" or ending with "/"; `shown` is the location of the
    latter. `across` carries from the destination to there where that is another file system.
    """

    renames = True

    def __init__(
        self,
        store: Renames,
        destination: str,
        kept: str,
        shown: str,
        names: KeptNames,
        across: Transfer,
        *,
        durable: bool,
    ) -> None:
        self._store = store
        self._destination = destination
        self._kept = kept
        self._shown = shown
        self._names = names
        self._across = across
        self._durable = durable

    def keep(self, item: Item) -> str:
        """Renames the file."""
        name = self._names.name(item.key)
        try:
            self._store.rename(self._destination + item.key, self._kept + name, replace=True, durable=self._durable)
        except NotSupportedError:
            older = _stat(self._across.destination, name)
            self._across.carry(item, name, Outgoing(durable=self._durable), lambda _: None, older)
            for deleted in self._across.source.delete([item.key]):
                if deleted.error is not None:
                    raise deleted.error from None
        return shown_below(self._shown, name)

    def name(self, key: str) -> str:
        """The key under which it is kept."""
        return self._names.name(key)


def _stat(store: Store, key: str) -> Stat | None:
    try:
        return store.stat(key)
    except ObjectNotFoundError:
        return None


class CopyingKeeper:
    """Keeps by a server-side copy, where objects cannot be renamed."""

    renames = False

    def __init__(self, destination: Store, kept: Copies, shown: str, names: KeptNames) -> None:
        self._destination = destination
        self._kept = kept
        self._shown = shown
        self._names = names

    def keep(self, item: Item) -> str:
        """Copies the file, with its time."""
        name = self._names.name(item.key)
        self._kept.copy_from(self._destination, item, name, Outgoing(modified=item.modified))
        return shown_below(self._shown, name)

    def name(self, key: str) -> str:
        """The key under which it is kept."""
        return self._names.name(key)


def shown_below(location: str, key: str) -> str:
    """The text of a key below a location."""
    return location + key if location.endswith(("/", ":")) or not location else f"{location}/{key}"


def split_extensions(key: str) -> tuple[str, str]:
    """A key without its extensions, and these.

    The last extension always counts as one, those before it where they stand for a type of content: `f.tar.gz` is `f`
    and `.tar.gz`, `f.1.gz` is `f.1` and `.gz` (rclone's rule for --suffix-keep-extension).
    """
    base, extensions = _split_last(key)
    if not extensions:
        return key, ""
    while True:
        shorter, extension = _split_last(base)
        if not extension or not _is_known(extension):
            return base, extensions
        base, extensions = shorter, extension + extensions


def _split_last(key: str) -> tuple[str, str]:
    """As Go's path.Ext: from the last dot of the last element, wherever it stands."""
    dot = key.rfind(".")
    if dot <= key.rfind("/"):
        return key, ""
    return key[:dot], key[dot:]


def _is_known(extension: str) -> bool:
    from mimetypes import encodings_map, guess_type

    return extension in encodings_map or guess_type("x" + extension)[0] is not None
