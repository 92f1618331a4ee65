"""Renaming within the destination: by the store, or by a copy there and a deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.errors import AlreadyExistsError, NotSupportedError, ObjectNotFoundError
from plait.stores.abilities import Renames
from plait.stores.base import Outgoing
from plait.stores.copies import Copies

if TYPE_CHECKING:
    from plait.model.items import Item
    from plait.stores.base import Store


def can_rename(store: Store) -> bool:
    """True where files of the store can get another name without passing through here."""
    return isinstance(store, Renames) or (isinstance(store, Copies) and store.can_copy_from(store))


def rename(store: Store, item: Item, key: str, *, durable: bool) -> bool:
    """Gives a file another key, in the place of what is there. False where it was copied and deleted.

    Raises NotSupportedError where the store can do neither, and what the store raises.
    """
    if isinstance(store, Renames):
        store.rename(item.key, key, replace=True, durable=durable)
        return True
    if not isinstance(store, Copies) or not store.can_copy_from(store):
        raise NotSupportedError("the destination can neither rename nor copy", key=key)
    store.copy_from(store, item, key, Outgoing(modified=item.modified))
    for deleted in store.delete([item.key]):
        if deleted.error is not None:
            raise deleted.error
    return False


def respell(store: Store, item: Item, key: str, *, durable: bool) -> bool:
    """Gives a file or directory a name that differs from its own in spelling only. Returns as `rename` does.

    Raises AlreadyExistsError where something else has that name, and as `rename`.
    """
    if isinstance(store, Renames):
        try:
            store.rename(item.key, key, replace=False, durable=durable)
        except AlreadyExistsError:
            if not _is_same(store, item.key, key):
                raise
            store.rename(item.key, key, replace=True, durable=durable)
        return True
    try:
        store.stat(key)
    except ObjectNotFoundError:
        return rename(store, item, key, durable=durable)
    raise AlreadyExistsError("a file with this spelling exists already", key=key)


def _is_same(store: Store, one: str, other: str) -> bool:
    """True where two names lead to one file, as where the file system ignores case."""
    ours, theirs = store.stat(one).posix, store.stat(other).posix
    if ours is None or theirs is None:
        return False
    return (ours.device, ours.inode) == (theirs.device, theirs.inode) and ours.links == 1
