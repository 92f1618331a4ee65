"""`dedupe`: items with equal names, or files with equal content, made one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from plait.engine.events import Level
from plait.mirror.comparison import HASH_ORDER
from plait.mirror.lookups import hash_of, with_time
from plait.mirror.names import inside
from plait.model.errors import CancelledError, ConfigurationError, ObjectNotFoundError, PlaitError, StoreError
from plait.model.items import Item, Kind
from plait.model.values.layouts import show_layout
from plait.stores.abilities import Duplicates, Renames
from plait.stores.wrappers.base import offered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.mirror.verbs.task import Chosen, Task

NOT_HERE: Final = "Can't have duplicate names here. Perhaps you wanted --by-hash ? Continuing anyway."
LAYOUT: Final = "2006-01-02 15:04:05.000000000"
_MOST_NAMES: Final = 100


class Asking(Protocol):
    """Shows duplicates to a person, and puts the questions of the interactive mode."""

    def show(self, line: str) -> None:
        """Prints a line."""
        ...

    def what(self, *, rename: bool) -> str:
        """The letter of what to do: `s` skip, `k` keep one, `r` rename, `q` quit."""
        ...

    def which(self, count: int) -> int:
        """The number, from 1, of the file to keep."""
        ...


class Deduplication:
    """One run of `dedupe` on a location."""

    def __init__(self, task: Task, chosen: Chosen, mode: str, asking: Asking, *, by_hash: bool) -> None:
        """Raises ConfigurationError where there are no hashes to go by."""
        self._task = task
        self._chosen = chosen
        self._store = chosen.store
        self._several = offered(chosen.store, Duplicates)
        self._mode = mode
        self._asking = asking
        self._by_hash = by_hash
        hashes = self._store.features.hashes
        self._hash = next((name for name in HASH_ORDER if name in hashes), hashes[0] if hashes else "")
        if by_hash and not self._hash:
            raise ConfigurationError(f"{chosen.text} has no hashes")
        self._what = f"{self._hash} hashes" if by_hash else "names"

    def warn(self) -> None:
        """Says that there are no equal names here."""
        if not self._by_hash and self._several is None:
            self._task.say(NOT_HERE, self._chosen.text, Level.NOTICE)

    def run(self) -> None:
        """Finds duplicates and does with them what the mode says."""
        self._task.say(f"Looking for duplicate {self._what} using {self._mode} mode.", self._chosen.text)
        if not self._by_hash and self._several is not None:
            self._merge_directories(self._several)
        for name, items in self._found():
            if len(items) < 2:
                continue
            self._task.say(f"Found {len(items)} files with duplicate {self._what}", name, Level.NOTICE)
            left = list(items)
            if not self._by_hash and self._mode != "list":
                left = self._without_identical(name, left)
                if len(left) < 2:
                    self._task.say("All duplicates removed", name, Level.NOTICE)
                    continue
            if not self._treat(name, left):
                return

    def _found(self) -> Iterable[tuple[str, Sequence[Item]]]:
        if not self._by_hash:
            listed = [item for item in self._task.items(self._chosen) if item.kind is Kind.FILE]
            if self._several is None:
                return []
            shown = {item.key for item in listed}
            return [(inside(key), items) for key, items in self._several.duplicates() if key in shown]
        groups: dict[str, list[Item]] = {}
        for item in self._task.items(self._chosen):
            if item.kind is not Kind.FILE:
                continue
            try:
                value = hash_of(self._store, item, self._hash)
            except CancelledError:
                raise
            except PlaitError as error:
                self._task.say(f"Failed to hash: {error.message}", item.key, Level.ERROR)
                continue
            if value:
                groups.setdefault(value, []).append(item)
        return groups.items()

    def _treat(self, name: str, items: list[Item]) -> bool:
        """Does what the mode says; False where a person wants no more."""
        match self._mode:
            case "interactive":
                return self._ask(name, items)
            case "first":
                self._keep(name, items, items[0])
            case "newest" | "oldest":
                by_time = sorted(items, key=self._time)
                self._keep(name, by_time, by_time[-1 if self._mode == "newest" else 0])
            case "largest" | "smallest":
                by_size = sorted(items, key=lambda item: item.size or 0)
                self._keep(name, by_size, by_size[-1 if self._mode == "largest" else 0])
            case "rename":
                self._rename(name, items)
            case "skip":
                self._task.say(f"Skipping {len(items)} files with duplicate {self._what}", name, Level.NOTICE)
            case "list":
                self._list(name, items)
        return True

    def _ask(self, name: str, items: list[Item]) -> bool:
        self._list(name, items)
        match self._asking.what(rename=not self._by_hash):
            case "k":
                self._keep(name, items, items[self._asking.which(len(items)) - 1])
            case "r":
                self._rename(name, items)
            case "q":
                return False
        return True

    def _list(self, name: str, items: Sequence[Item]) -> None:
        self._asking.show(f"{name}: {len(items)} duplicates")
        for number, item in enumerate(items, 1):
            lead = f"  {number}: {item.size or 0:12d} bytes, {show_layout(self._time(item), LAYOUT)}, "
            if self._by_hash:
                self._asking.show(lead + inside(item.key))
            else:
                self._asking.show(f"{lead}{self._hash} {item.stat.hashes.get(self._hash, ''):>32}")

    def _time(self, item: Item) -> int:
        return with_time(self._store, item).modified or 0

    # Deleting

    def _without_identical(self, name: str, items: list[Item]) -> list[Item]:
        """Deletes all but one of those that are the same; what is left."""
        groups: dict[str, list[Item]] = {}
        for item in items:
            value = item.stat.hashes.get(self._hash, "")
            same = f"{self._hash} {value}" if value else ""
            if self._task.values.size_only and item.size is not None:
                same = f"size {item.size}"
            # What nothing is known of equals nothing.
            groups.setdefault(same or item.stat.identifier, []).append(item)
        left: list[Item] = []
        for same, equal in groups.items():
            left.append(equal[0])
            if len(equal) > 1:
                told = f"Deleting {len(equal) - 1}/{len(equal)} identical duplicates ({same})"
                self._task.say(told, name, Level.NOTICE)
                left += [item for item in equal[1:] if not self._delete(item)]
        return left

    def _keep(self, name: str, items: Sequence[Item], kept: Item) -> None:
        deleted = sum(self._delete(item) for item in items if item is not kept)
        if deleted:
            self._task.say(f"Deleted {deleted} extra copies", name, Level.NOTICE)

    def _delete(self, item: Item) -> bool:
        """True where an item was deleted, or would have been."""
        if not self._task.allows("delete", item.key, item.size):
            return True
        try:
            if self._several is not None and item.stat.identifier:
                self._several.delete_identified(item.stat.identifier)
            else:
                for deleted in self._store.delete([item.key]):
                    if deleted.error is not None:
                        raise deleted.error
        except CancelledError:
            raise
        except PlaitError as error:
            self._task.fail(error, f"Couldn't delete: {error.message}", item.key)
            return False
        self._task.say("Deleted", item.key)
        return True

    # Renaming

    def _rename(self, name: str, items: Sequence[Item]) -> None:
        """Gives each of them a name of its own (`file-1.jpg`, `file-2.jpg` …)."""
        rename = self._renamer()
        directory, slash, leaf = items[0].key.rpartition("/")
        dot = leaf.rfind(".")
        base, extension = (leaf, "") if dot < 0 else (leaf[:dot], leaf[dot:])
        for position, item in enumerate(items):
            free = (f"{directory}{slash}{base}-{position + suffix}{extension}" for suffix in range(1, _MOST_NAMES + 2))
            key = next((candidate for candidate in free if not self._exists(candidate)), None)
            if key is None:
                self._task.say("Could not find an available new name", name, Level.ERROR)
                continue
            if not self._task.allows("rename", item.key):
                continue
            try:
                rename(item, key)
            except CancelledError:
                raise
            except PlaitError as error:
                self._task.fail(error, f"Failed to rename: {error.message}", item.key)
                continue
            self._task.say(f"renamed from: {item.key}", key)

    def _renamer(self) -> Callable[[Item, str], None]:
        several, store = self._several, self._store
        if several is not None:
            return lambda item, key: several.rename_identified(item.stat.identifier, key)
        if isinstance(store, Renames):
            return lambda item, key: store.rename(item.key, key)
        raise StoreError(f"Fs {self._chosen.text} doesn't support Move")

    def _exists(self, key: str) -> bool:
        try:
            self._store.stat(key)
        except ObjectNotFoundError:
            return False
        return True

    def _merge_directories(self, store: Duplicates) -> None:
        for key, identifiers in store.duplicate_directories():
            if self._mode == "list":
                self._asking.show(f"{key}: {len(identifiers)} duplicates of this directory")
                continue
            if not self._task.allows("merge duplicate directories", key):
                continue
            self._task.say("Merging contents of duplicate directories", key)
            try:
                store.merge_directories(identifiers)
            except CancelledError:
                raise
            except PlaitError as error:
                self._task.fail(error, f"merge duplicate dirs: {error.message}")
