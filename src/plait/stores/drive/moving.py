"""Moving files and folders on one account: they are given another name and folder, and keep their identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
)
from plait.stores.content import check_expected
from plait.stores.copies import CopyResult
from plait.stores.drive.files import show_time, to_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plait.stores.copies import CopyRequest
    from plait.stores.drive.files import Found
    from plait.stores.drive.store import DriveStore

_WHAT: Final = "failed to move"


def move_batch(
    origin: DriveStore, target: DriveStore, requests: Sequence[CopyRequest], cancelled: Callable[[], bool]
) -> list[CopyResult | None]:
    """See `plait.stores.copies.MovesBatches`."""
    return [None if cancelled() else _moved(origin, target, request) for request in requests]


def _moved(origin: DriveStore, target: DriveStore, request: CopyRequest) -> CopyResult | None:
    try:
        found, old = origin.tree.find(request.item.key), target.present(request.key)
        check_expected(request.item.stat, found.stat, request.item.key)
        if (old is None) != (request.replaces is None):
            return None
        if old is not None:
            check_expected(request.replaces, old.stat, request.key)
        title = _title(found, request.key)
        if title is None or (old is not None and old.place == found.place):
            return None
    except CancelledError:
        raise
    except PlaitError as error:
        if error.fatal:
            raise
        return None
    try:
        body: dict[str, Any] = {"name": title}
        if found.stat.modified is not None and not found.shortcut:
            body["modifiedTime"] = show_time(found.stat.modified)
        target.place_at(found.place, body, target.tree.make(request.key.rpartition("/")[0]), _WHAT)
        if old is not None:
            target.remove(old.place)
    except CancelledError:
        raise
    except PlaitError as error:
        if error.fatal:
            raise
        return CopyResult(request, error)
    return CopyResult(request, None, found.stat, moved=True)


def _title(found: Found, key: str) -> str | None:
    """The name that an item gets: a document's without the extension of what it is exported as."""
    name = key.rpartition("/")[2]
    if found.is_folder:
        return None
    if found.export is None:
        return to_name(name)
    return to_name(name.removesuffix(found.export.extension)) if name.endswith(found.export.extension) else None


def move_folder(origin: DriveStore, target: DriveStore) -> None:
    """Makes the root of one store that of the other, where nothing stands; see `MovesDirectories`."""
    if not origin.tree.place or not target.tree.place:
        raise NotSupportedError("can't move directory: the root of a drive stays where it is")
    if (target.tree.place + "/").startswith(origin.tree.place + "/"):
        raise StoreError("can't move a directory into itself")
    try:
        target.tree.root()
    except (DirectoryNotFoundError, ObjectNotFoundError):
        pass
    else:
        raise AlreadyExistsError("directory already exists")
    moved = origin.tree.place_of("")
    parent, name = target.tree.make_above_root()
    target.place_at(moved, {"name": to_name(name)}, parent, "failed to move the directory")
    for tree in (origin.tree, target.tree):
        tree.forget("")
