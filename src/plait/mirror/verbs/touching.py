"""`touch`: modification times set, and empty files made."""

from __future__ import annotations

import re
import time
from io import BytesIO
from typing import TYPE_CHECKING, Final

from plait.engine.events import Level
from plait.mirror.verbs.task import AtDepth, Chosen
from plait.model.errors import (
    CancelledError,
    DirectoryNotFoundError,
    NotSupportedError,
    ObjectNotFoundError,
    PlaitError,
    StoreError,
)
from plait.model.items import Item, Kind
from plait.model.values.quoting import quote
from plait.model.values.times import parse_rfc3339, parse_time
from plait.stores.abilities import SetsAttributes
from plait.stores.base import Outgoing

if TYPE_CHECKING:
    from plait.mirror.verbs.task import Task
    from plait.stores.base import Store
    from plait.stores.registry import Opened

_SECONDS: Final = "2006-01-02T15:04:05"
_SHORT: Final = re.compile("([0-9]{2})([0-9]{2})([0-9]{2})")


def time_of(text: str, *, local: bool, now: int) -> int:
    """The time that `--timestamp` means, in nanoseconds; "" is `now`. Raises StoreError."""
    if not text:
        return now
    try:
        return _parsed(text, local=local)
    except ValueError as error:
        _, colon, reason = str(error).rpartition(": ")
        if colon and reason.endswith("out of range"):
            raise StoreError(f"failed to parse timestamp argument: parsing time {quote(text)}: {reason}") from None
        layout, first = ("060102", "06") if len(text) < len(_SECONDS) else (_SECONDS, "2006")
        if len(text) > len(_SECONDS):
            layout += ".999999999"
        wrong = f'parsing time {quote(text)} as "{layout}": cannot parse {quote(text)} as "{first}"'
        raise StoreError(f"failed to parse timestamp argument: {wrong}") from None


def _parsed(text: str, *, local: bool) -> int:
    short = _SHORT.fullmatch(text)
    if short is not None:
        year = int(short[1])
        text = f"{(1900 if year >= 69 else 2000) + year}-{short[2]}-{short[3]}T00:00:00"
    elif len(text) < len(_SECONDS):
        raise ValueError(text)
    return parse_time(text) if local else parse_rfc3339(text + "Z")


def touch(task: Task, opened: Opened, name: str, moment: int, *, create: bool, recursive: bool) -> None:
    """Sets the time of a file, or of the files of a directory, or makes an empty file.

    `opened` is the directory of the location, `name` its last part, "" for the directory itself.
    """
    item = _found(opened.store, name)
    if item is not None and item.kind is not Kind.DIRECTORY:
        if task.allows("touch", name):
            set_time(opened.store, item, moment)
    elif item is not None or (not name and (recursive or not create)):
        # What can only be a directory and is missing is told as such.
        touch_directory(task, opened, name, moment, recursive=recursive)
    elif not create or recursive:
        why = "--recursive" if create else "--no-create"
        task.say(f"Not touching nonexistent file due to {why}", opened.text, Level.NOTICE)
    elif task.allows("touch (create)", opened.text):
        task.say(f"Touching (creating) {quote(name)}", opened.text, Level.DEBUG)
        modified = moment if opened.store.features.time_precision is not None else None
        opened.store.write(name, BytesIO(), 0, Outgoing(modified=modified))


def touch_directory(task: Task, opened: Opened, name: str, moment: int, *, recursive: bool) -> None:
    """Sets the times of the files of a directory, with `recursive` of all below it."""
    prefix = f"{name}/" if name else ""
    depth = prefix.count("/") + 1
    selection = task.filters if recursive else AtDepth(task.filters, depth)
    for item in task.items(Chosen(opened, selection), prefix):
        if item.kind is not Kind.FILE or not task.allows("touch", item.key, item.size):
            continue
        task.say(f"Touching {quote(item.key)}", opened.text, Level.DEBUG)
        try:
            set_time(opened.store, item, moment)
        except CancelledError:
            raise
        except PlaitError as error:
            task.fail(error, error.message, item.key)


def set_time(store: Store, item: Item, moment: int) -> None:
    """Sets the modification time of a file. Raises StoreError where that cannot be."""
    try:
        if not isinstance(store, SetsAttributes) or not store.features.set_times:
            raise NotSupportedError(f"{store.description} keeps no modification times")
        store.set_attributes(item.key, modified=moment)
    except CancelledError:
        raise
    except PlaitError as error:
        raise type(error)(f"failed to touch: {error.message}", hint=error.hint, key=error.key) from None


def _found(store: Store, name: str) -> Item | None:
    """What stands under a name; None for nothing. The root, and what only keys below it imply, is a directory."""
    try:
        return Item(name, store.stat(name))
    except (ObjectNotFoundError, DirectoryNotFoundError):
        return None


def now() -> int:
    """The time now, in nanoseconds since the epoch."""
    return time.time_ns()
