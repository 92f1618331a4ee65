"""Items with one name: found, and named by their identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plait.model.items import Item, Kind
from plait.stores.drive.files import place_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.stores.drive.client import DriveClient
    from plait.stores.drive.files import Found
    from plait.stores.drive.tree import Tree


class Identified(Protocol):
    """What the methods below know of their store."""

    _client: DriveClient
    tree: Tree

    def remove(self, identifier: str, *, keep: bool = False) -> None: ...


class DuplicateMethods:
    """The protocol `plait.stores.abilities.Duplicates`."""

    def duplicates(self: Identified) -> Iterator[tuple[str, Sequence[Item]]]:
        """Keys that several files have, with all of them."""
        for prefix, found in _folders(self.tree):
            groups: dict[str, list[Item]] = {}
            for item in found:
                if item.stat.kind is Kind.FILE:
                    key = prefix + item.name
                    groups.setdefault(key, []).append(Item(key, item.stat))
            yield from ((key, items) for key, items in groups.items() if len(items) > 1)

    def duplicate_directories(self: Identified) -> Sequence[tuple[str, Sequence[str]]]:
        """Keys that several folders have, parents first, and their identifiers, that with the most in it first."""
        result = []
        for prefix, found in _folders(self.tree):
            groups: dict[str, list[str]] = {}
            for item in found:
                if item.is_folder and not item.shortcut:
                    groups.setdefault(prefix + item.name, []).append(item.identifier)
            for key, identifiers in groups.items():
                if len(identifiers) > 1:
                    counts = {identifier: len(self.tree.children(identifier)) for identifier in identifiers}
                    result.append((key, sorted(identifiers, key=lambda identifier: -counts[identifier])))
        return result

    def merge_directories(self: Identified, identifiers: Sequence[str]) -> None:
        """Moves what is in the other folders into the first, and removes them."""
        kept, *others = identifiers
        for other in others:
            for item in self.tree.children(other):
                request = self._client.service.files().update(
                    fileId=item.place,
                    body={},
                    addParents=kept,
                    removeParents=other,
                    fields="id",
                    supportsAllDrives=True,
                )
                self._client.execute(request, f"failed to move {item.name}")
            if self.tree.is_empty(other):
                self.remove(other)
        self.tree.forget("")

    def delete_identified(self: Identified, identifier: str) -> None:
        """Deletes one item; of a shortcut, itself."""
        self.remove(place_in(identifier))


def _folders(tree: Tree) -> Iterator[tuple[str, Sequence[Found]]]:
    """Every folder: its prefix, and what is in it; of folders with one name all."""
    waiting = [("", tree.root())]
    seen: set[str] = set()
    while waiting:
        prefix, identifier = waiting.pop(0)
        if identifier in seen:
            continue
        seen.add(identifier)
        found = tree.children(identifier)
        yield prefix, found
        waiting += [(f"{prefix}{item.name}/", item.identifier) for item in found if item.is_folder]
