"""What a repository's work says while it goes on: to progress displays, logs, `--json` and tests.

Work takes a `Listener`, which is called from its threads, one call at a time for each piece of work. Events are small,
hold no secret, and none is lost: all have been delivered when the work returns or raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec


class Work(StrEnum):
    """What is being done; the words of the original's events."""

    BACKUP = "backup"
    CHECK = "check"
    RESTORE = "restore"
    SYNC = "sync"
    REPACK = "repack"
    REPAIR = "repair"


class Phase(StrEnum):
    """Parts of the work, in their order."""

    IMPORT = "import"
    """Items are read and carried."""
    TREE = "vfs"
    """The tree of paths is made."""
    INDEX = "index"
    """The further trees are made."""
    COMMIT = "commit"
    """The snapshot becomes part of the repository."""


class Begun(msgspec.Struct, frozen=True):
    """Work on a snapshot began. `snapshot` is its identifier, `target` the place that is saved or written to."""

    work: Work
    snapshot: bytes
    target: str = ""


class Expected(msgspec.Struct, frozen=True):
    """How much there is to do in all, as counted beforehand: an estimate, for progress displays."""

    items: int
    size: int


class Entered(msgspec.Struct, frozen=True):
    """A phase began, or ended where `done`."""

    snapshot: bytes
    phase: Phase
    done: bool = False


class Done(msgspec.Struct, frozen=True):
    """Items of one directory were dealt with, without an error.

    `directory` is an absolute path, `names` are the items' in it ("" is the directory itself), `kinds` holds one byte
    an item (`plait.model.items.Kind`). `size`: bytes of content of them all. `unchanged`: taken from an earlier
    snapshot, or found in place.
    """

    snapshot: bytes
    directory: str
    names: Sequence[str]
    kinds: bytes
    size: int = 0
    unchanged: bool = False


class Carried(msgspec.Struct, frozen=True):
    """So many more bytes of content were read, of an item large enough that a person may be waiting."""

    snapshot: bytes
    path: str
    size: int


class Advanced(msgspec.Struct, frozen=True):
    """How far work on packfiles is: how many of them, and their bytes, were read until now, and are to be in all."""

    work: Work
    items: int
    size: int
    total_items: int
    total_size: int


class Failed(msgspec.Struct, frozen=True):
    """An item could not be dealt with, and why. `path` is "" where only an object is known, by its identifier."""

    snapshot: bytes
    path: str
    error: str
    object: bytes | None = None


class Warned(msgspec.Struct, frozen=True):
    """Something that a person should know, and that fails nothing."""

    text: str
    path: str = ""


class Noted(msgspec.Struct, frozen=True):
    """Something that a person may want to know, and that is as it should be."""

    text: str
    path: str = ""


class Ended(msgspec.Struct, frozen=True):
    """Work on a snapshot ended.

    `errors`: how many items failed. `duration` in nanoseconds. `read`, `written`: bytes from and to the repository's
    store. `size`: bytes of content.
    """

    work: Work
    snapshot: bytes
    errors: int
    duration: int
    read: int
    written: int
    size: int = 0
    target: str = ""


Event: TypeAlias = Begun | Expected | Entered | Done | Carried | Advanced | Failed | Warned | Noted | Ended
Listener: TypeAlias = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener that does nothing."""
    del event
