"""`about`, `link` and `backend features`: what a store says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.model.errors import CancelledError, NotSupportedError, ObjectNotFoundError, PlaitError, StoreError
from plait.model.values.sizes import show_count, show_size_unit
from plait.stores.abilities import CleansUp, Duplicates, HasCommands, Renames, Shares, TellsUsage, Usage, anything
from plait.stores.copies import Copies
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.stores.abilities import Allows
    from plait.stores.registry import Opened

_FIELDS: Final = ("total", "used", "free", "trashed", "other", "objects")
_SECOND: Final = 1_000_000_000


def usage(opened: Opened) -> Usage:
    """How full a store is. Raises NotSupportedError where it does not know."""
    store = offered(opened.store, TellsUsage)
    if store is None:
        raise NotSupportedError(f"{directory_text(opened)} doesn't support about")
    try:
        return store.usage()
    except CancelledError:
        raise
    except PlaitError as error:
        raise type(error)(f"about call failed: {error.message}", hint=error.hint, key=error.key) from None


def usage_lines(found: Usage, *, full: bool) -> Iterator[str]:
    """What is known, a line each."""
    for name in _FIELDS:
        value = getattr(found, name)
        if value is None:
            continue
        shown = str(value) if full else show_count(value) if name == "objects" else show_size_unit(value)
        yield f"{name.title() + ':':<9}{shown}"


def usage_fields(found: Usage) -> dict[str, int]:
    """What is known, by name."""
    return {name: value for name in _FIELDS if (value := getattr(found, name)) is not None}


def link(opened: Opened, expire: int | None, *, unlink: bool) -> str:
    """A link to a file, or "" where links were taken back; `expire` in nanoseconds. Raises NotSupportedError."""
    store = offered(opened.store, Shares)
    if store is None:
        raise NotSupportedError(f"{directory_text(opened)} doesn't support public links")
    key = opened.file or ""
    if not key:
        raise ObjectNotFoundError("object not found")
    if unlink:
        store.unshare(key)
        return ""
    return store.share(key, None if expire is None else expire / _SECOND)


def directory_text(opened: Opened) -> str:
    """The location, or that of the directory in which its file lies."""
    if opened.file is None:
        return opened.text
    above = opened.text.removesuffix("/" + opened.file)
    return above if above != opened.text else opened.text.removesuffix(opened.file) + "."


def features(opened: Opened) -> dict[str, Any]:
    """What a store can do, under rclone's names where it has one."""
    store, found = opened.store, opened.store.features
    return {
        "Name": opened.remote,
        "Root": opened.root,
        "String": opened.text,
        "Precision": found.time_precision,
        "Hashes": list(found.hashes),
        "Features": {
            "About": offered(store, TellsUsage) is not None,
            "BucketBased": not found.directories,
            "CanHaveEmptyDirectories": found.makes_directories,
            "CaseInsensitive": not found.case_sensitive,
            "CleanUp": offered(store, CleansUp) is not None,
            "Copy": isinstance(store, Copies),
            "DirModTimeUpdatesOnWrite": found.scheme == "local",
            "DirSetModTime": found.directory_times,
            "DuplicateFiles": offered(store, Duplicates) is not None,
            "IsLocal": found.scheme == "local",
            "Move": isinstance(store, Renames),
            "PublicLink": offered(store, Shares) is not None,
            "PutStream": found.streaming_writes,
            "ReadMetadata": found.metadata,
            "SlowHash": not found.hashes_in_listing,
            "SlowModTime": not found.times_in_listing,
            "WriteMetadata": found.metadata,
        },
    }


def command(
    opened: Opened,
    name: str,
    options: Sequence[str],
    arguments: Sequence[str] = (),
    allows: Allows = anything,
) -> object:
    """Runs a command of the store, with options `NAME=VALUE` or `NAME`. Raises StoreError where there is none."""
    store = offered(opened.store, HasCommands)
    if store is None or name not in store.commands:
        raise StoreError(f'"{name}" command not found')
    pairs = (option.partition("=") for option in options)
    return store.command(name, {key: value for key, _, value in pairs}, arguments, allows)
