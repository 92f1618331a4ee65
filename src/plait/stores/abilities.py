"""What a store may do beyond the core protocol (`base.py`): attributes, directories, buckets, upkeep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plait.model.items import Item, Page
    from plait.stores.base import Deleted, Store

    Allows = Callable[[str, str, int | None], bool]
    """Whether something is to be done (a verb, what it is done to, and that one's size), which a dry run denies."""


def unheard(_key: str, _text: str) -> None:
    """What a store has to say, where nobody listens (see `plait.stores.registry.Opening`)."""


def anything(what: str, subject: str, size: int | None = None) -> bool:
    """Allows everything."""
    del what, subject, size
    return True


@runtime_checkable
class SetsAttributes(Protocol):
    """Stores that change an item's time or metadata without its content."""

    def set_attributes(
        self, key: str, *, modified: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Sets what is not None; on a directory where `Features.directory_times`. Raises ObjectNotFoundError."""
        ...


@runtime_checkable
class Directories(Protocol):
    """Stores in which directories exist by themselves, or in which objects stand for them."""

    def make_directory(self, key: str) -> None:
        """Makes the directory and its parents; one that exists is a success. "" makes the root."""
        ...

    def remove_directory(self, key: str) -> None:
        """Removes an empty directory. Raises StoreError where it is not empty; a missing one is a success."""
        ...


@runtime_checkable
class Renames(Protocol):
    """Stores that move an item to another key without carrying its content."""

    def rename(self, origin: str, key: str, *, replace: bool = False, durable: bool = False) -> None:
        """Atomic. Makes missing directories. Raises AlreadyExistsError unless `replace`, ObjectNotFoundError."""
        ...


@runtime_checkable
class MovesDirectories(Protocol):
    """Stores that take over a whole tree of another one by a rename."""

    def move_directory_from(self, source: Store) -> None:
        """Makes the root of `source` the root here, with everything in it, where nothing stands yet.

        Raises AlreadyExistsError where something does, NotSupportedError where it cannot be done by a rename (another
        kind of store, another file system), StoreError.
        """
        ...


@runtime_checkable
class Leftovers(Protocol):
    """Stores that write beside the final name, where a killed writer may leave a partial file.

    Their listings leave partial files out.
    """

    def remove_leftovers(self) -> Iterator[Deleted]:
        """Removes the partial files that this store's listings have met and that no living writer holds; lazily."""
        ...


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How much a store holds and could hold, in bytes; None where that is not known. `objects` is a count."""

    total: int | None = None
    used: int | None = None
    free: int | None = None
    trashed: int | None = None
    other: int | None = None
    objects: int | None = None


@runtime_checkable
class TellsUsage(Protocol):
    """Stores that know how full they are."""

    def usage(self) -> Usage:
        """Asks the store. Raises DirectoryNotFoundError where the root is missing."""
        ...


@runtime_checkable
class Shares(Protocol):
    """Stores that give out links by which everyone who has one can read an item."""

    def share(self, key: str, seconds: float | None = None) -> str:
        """A link to an item, valid for so long (None: as long as the store lets it be). Raises ObjectNotFoundError."""
        ...

    def unshare(self, key: str) -> None:
        """Takes links back. Raises NotSupportedError where that cannot be."""
        ...


@runtime_checkable
class HasCommands(Protocol):
    """Stores with commands of their own (`backend COMMAND` on the command line)."""

    @property
    def commands(self) -> Sequence[str]:
        """The names of the commands."""
        ...

    def command(
        self, name: str, options: Mapping[str, str], arguments: Sequence[str] = (), allows: Allows = anything
    ) -> object:
        """Runs a command, and gives what JSON can show; None for nothing. Raises ConfigurationError for bad options.

        What would be lost by it is lost only where `allows` lets it.
        """
        ...


@runtime_checkable
class CleansUp(Protocol):
    """Stores that keep what was deleted, or what was begun, and can be told to let it go."""

    def clean_up(self) -> None:
        """Empties the trash, or ends what was abandoned."""
        ...


@runtime_checkable
class Purges(Protocol):
    """Stores that remove a directory with all that is in it by one request."""

    def purge(self) -> None:
        """Removes the root of the store and everything in it. Raises DirectoryNotFoundError, StoreError."""
        ...


@runtime_checkable
class Containers(Protocol):
    """Stores without directories whose root lies in a container that must exist: a bucket."""

    def make_container(self) -> None:
        """Makes the container; one that exists is a success."""
        ...

    def remove_container(self) -> None:
        """Removes the empty container, where the root is the container itself; else does nothing.

        Raises StoreError where it is not empty.
        """
        ...


@runtime_checkable
class ListsLevels(Protocol):
    """Stores that list what lies directly below a prefix without walking through what is below that."""

    def list_level(self, prefix: str = "") -> Iterator[Page]:
        """The items directly below `prefix` ("" or ending with "/"), and as directories what other keys imply.

        In the order of names, directories by theirs alone. Raises DirectoryNotFoundError where the root is missing.
        """
        ...


@runtime_checkable
class KeepsVersions(Protocol):
    """Stores that may keep what is deleted and overwritten as old versions."""

    def every_version(self) -> Store | None:
        """A store of the same root that lists every version, and deletes it for good; None where none are kept."""
        ...


@runtime_checkable
class Duplicates(Protocol):
    """Stores in which several items may have one name; every other call then means one of them."""

    def duplicates(self) -> Iterator[tuple[str, Sequence[Item]]]:
        """Keys that several files have, with all of them, the first as a listing shows it; `Stat.identifier` is set."""
        ...

    def duplicate_directories(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Keys that several directories have, parents first, with their identifiers, that with the most in it first."""
        ...

    def merge_directories(self, identifiers: Sequence[str]) -> None:
        """Moves what is in the other directories into the first, and removes those that are empty then."""
        ...

    def delete_identified(self, identifier: str) -> None:
        """Deletes one item of several with its name."""
        ...

    def rename_identified(self, identifier: str, key: str) -> None:
        """Renames one item of several with its name."""
        ...
