"""`mkdir`, `rmdir`, `rmdirs` and `purge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from plait.engine.events import Level
from plait.mirror.verbs.deleting import delete
from plait.mirror.verbs.task import Chosen, Told
from plait.model.errors import ConfigurationError, DirectoryNotFoundError, ObjectNotFoundError, PlaitError, StoreError
from plait.stores.abilities import Containers, Directories, KeepsVersions, Purges
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from plait.mirror.verbs.task import Task
    from plait.stores.registry import Opened

LOCAL_TEXT = "Local file system at "
NO_EMPTY_DIRECTORIES = "Warning: running mkdir on a remote which can't have empty directories does nothing"


def make_directory(task: Task, opened: Opened) -> None:
    """Makes the directory of a location, or the bucket that it lies in."""
    if not task.allows("make directory", opened.text):
        return
    task.say("Making directory", opened.text)
    store = opened.store
    if isinstance(store, Directories):
        store.make_directory("")
        return
    container = offered(store, Containers)
    if container is not None:
        container.make_container()


def warn_of_no_directories(task: Task, opened: Opened) -> None:
    """Says that only a bucket can be made where a location names more."""
    if not opened.store.features.makes_directories and "/" in opened.root:
        task.say(NO_EMPTY_DIRECTORIES, opened.text, Level.NOTICE)


def remove_directory(task: Task, opened: Opened, key: str = "") -> None:
    """Removes an empty directory, or an empty bucket. Raises PlaitError where it is missing or holds something."""
    subject = key or opened.text
    if not task.allows("remove directory", subject):
        return
    task.say("Removing directory", subject)
    store = opened.store
    if isinstance(store, Directories):
        try:
            if not key:
                store.stat("")
            store.remove_directory(key)
        except PlaitError as error:
            raise _worded(task, opened, key, error) from None
        return
    container = offered(store, Containers)
    if container is not None and not key:
        try:
            container.remove_container()
        except DirectoryNotFoundError as error:
            if not task.original:
                raise
            # Of a bucket, the original says what the server said: exit 1.
            raise StoreError(error.message) from None


def remove_empty_directories(task: Task, opened: Opened, *, leave_root: bool) -> None:
    """Removes every directory below a location in which there is no file, deepest first, and the location itself.

    Raises StoreError where one could not be removed.
    """
    if not task.original and opened.store.features.directories:
        opened.store.stat("")
    full: set[str] = {""} if leave_root else set()
    found: list[str] = [""]
    selection = Chosen(opened, task.filters)
    words = 'Failed to list "": '
    try:
        for item in task.items(selection, words=words, subject=opened.text):
            if item.is_directory:
                found.append(item.key)
                continue
            parent = item.key.rpartition("/")[0]
            while parent not in full:
                full.add(parent)
                parent = parent.rpartition("/")[0]
    except Told:
        # Counted; what could be listed is still tidied up, but not what may hold something unseen.
        full |= _ancestors(task.unlisted)
    failures: list[PlaitError] = []
    # A directory goes by the rules for files, its name with a slash.
    empty = [key for key in found if key not in full and task.filters.includes_path(key + "/")]
    for key in sorted(empty, key=lambda key: (-key.count("/") - 1 if key else 0, key)):
        try:
            remove_directory(task, opened, key)
        except PlaitError as error:
            if error.fatal:
                raise
            task.fail(error, f"Failed to rmdir: {error.message}", key)
            failures.append(error)
    if failures:
        count = f"{len(failures)} errors: last error: " if len(failures) > 1 else ""
        raise StoreError(f"failed to remove directories: {count}{failures[-1].message}")


def purge(task: Task, opened: Opened) -> None:
    """Removes a directory and everything in it. Raises ConfigurationError where filters are given."""
    if task.filters.active:
        raise ConfigurationError("filters are not supported with purge (purge will delete everything unconditionally)")
    container = None if opened.store.features.directories else offered(opened.store, Containers)
    if container is not None:
        if task.allows("purge directory", opened.text):
            versioned = offered(opened.store, KeepsVersions)
            store = None if versioned is None else versioned.every_version()
            if store is None:
                delete(task, Chosen(opened, task.filters), markers=True)
            else:
                _delete_versions(task, msgspec.structs.replace(opened, store=task.wrapped(store)))
            container.remove_container()
        return
    at_once = offered(opened.store, Purges)
    if at_once is not None:
        if task.allows("purge directory", opened.text):
            at_once.purge()
        return
    if not task.original and opened.store.features.directories:
        opened.store.stat("")
    try:
        delete(task, Chosen(opened, task.filters))
    except Told as told:
        if not isinstance(told.error, DirectoryNotFoundError):
            raise
    remove_empty_directories(task, opened, leave_root=False)


def _delete_versions(task: Task, every: Opened) -> None:
    """Deletes every version. Those that were written within one moment share a name, and may take several turns."""
    deleted = delete(task, Chosen(every, task.filters), markers=True)
    try:
        while deleted:
            deleted = delete(task, Chosen(every, task.filters), markers=True)
    except Told as told:
        if not isinstance(told.error, DirectoryNotFoundError):
            raise


def _worded(task: Task, opened: Opened, key: str, error: PlaitError) -> PlaitError:
    """The error as the operating system's words have it, where the original shows them."""
    if not task.original or opened.store.features.scheme != "local" or error.fatal:
        return error
    path = opened.text.removeprefix(LOCAL_TEXT) + (f"/{key}" if key else "")
    if isinstance(error, DirectoryNotFoundError | ObjectNotFoundError):
        return StoreError(f"stat {path}: no such file or directory")
    return StoreError(f"remove {path}: {error.message.rpartition(': ')[2]}")


def _ancestors(keys: set[str]) -> set[str]:
    """The keys and all directories above them."""
    above: set[str] = set()
    for key in keys:
        parent = key
        while parent not in above:
            above.add(parent)
            parent = parent.rpartition("/")[0]
    return above
