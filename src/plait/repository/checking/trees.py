"""Checking the trees of a snapshot beside that of paths: attributes, errors, summaries, content types."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from plait.model.errors import IntegrityError
from plait.repository.checking.directories import Outcome, packfiles_of
from plait.repository.format import btrees, wire
from plait.repository.format.entries import ErrorEntry, XattrEntry
from plait.repository.format.headers import CONTENT_TYPE_INDEX, DIRPACK_INDEX, SUMMARY_INDEX
from plait.repository.format.resources import Resource
from plait.repository.format.summaries import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.repository.checking.findings import Damage
    from plait.repository.reading import RepositoryReader
    from plait.repository.snapshots import SnapshotReader

_Item: TypeAlias = tuple[str, bytes]
"""A key, and the identifier that it leads to."""
_BATCH: Final = 1024


class _Tree(NamedTuple):
    """A tree, by its descriptor, and what says which of its items, some at a time, are damaged."""

    kind: btrees.Kind
    descriptor: bytes
    broken: Callable[[list[_Item]], Iterator[Damage]]


class TreesCheck:
    """Checks the trees of snapshots, one snapshot after the other; a tree that several share is read once.

    `read_contents`: the values of attributes are read.
    """

    def __init__(self, repository: RepositoryReader, *, read_contents: bool) -> None:
        self._repository = repository
        self._read_contents = read_contents
        self._known: dict[tuple[Resource, bytes], list[Damage]] = {}

    def check(self, snapshot: SnapshotReader) -> Outcome:
        """What is damaged is named by its path, or "/" where only the tree is known. Raises the store's errors."""
        outcome = Outcome(path="")
        before = self._repository.blobs.received
        for tree in self._trees(snapshot):
            # Empty trees of two kinds have the same descriptor, stored twice.
            key = tree.kind.root, tree.descriptor
            if key not in self._known:
                self._known[key] = list(self._damages(tree))
            outcome.damages += self._known[key]
        outcome.received = self._repository.blobs.received - before
        return outcome

    def _damages(self, tree: _Tree) -> Iterator[Damage]:
        batch: list[_Item] = []
        try:
            for item in self._repository.items(tree.kind, tree.descriptor):
                batch.append(item)
                if len(batch) >= _BATCH:
                    yield from tree.broken(batch)
                    batch = []
        except IntegrityError as error:
            yield "/", str(error), packfiles_of(error)
        yield from tree.broken(batch)

    def _trees(self, snapshot: SnapshotReader) -> Iterator[_Tree]:
        roots = snapshot.source.root
        yield _Tree(btrees.XATTRS, roots.xattrs, partial(_broken, self._visit_attribute))
        yield _Tree(btrees.ERRORS, roots.errors, partial(_broken, self._visit_error))
        # What values of the last two name is read elsewhere, and has only to be there.
        visits: dict[str, tuple[btrees.Kind, Callable[[list[_Item]], Iterator[Damage]]]] = {
            SUMMARY_INDEX: (btrees.INDEX, self._broken_summaries),
            CONTENT_TYPE_INDEX: (btrees.CONTENT_TYPES, partial(self._missing, Resource.VFS_ENTRY)),
            DIRPACK_INDEX: (btrees.INDEX, partial(self._missing, Resource.OBJECT)),
        }
        for index in snapshot.source.indexes or ():
            if index.name in visits:
                kind, visit = visits[index.name]
                yield _Tree(kind, index.value, visit)

    def _visit_attribute(self, mac: bytes) -> None:
        blobs = self._repository.blobs
        attribute = wire.decode(blobs.read(Resource.XATTR_ENTRY, mac), XattrEntry)
        item = blobs.object(attribute.object)
        if self._read_contents:
            for _chunk in blobs.content(item):
                pass

    def _visit_error(self, mac: bytes) -> None:
        wire.decode(self._repository.blob(Resource.ERROR_ENTRY, mac), ErrorEntry)

    def _missing(self, resource: Resource, items: list[_Item]) -> Iterator[Damage]:
        found = self._repository.blobs.all_places(resource, [mac for _, mac in items])
        for (key, mac), places in zip(items, found, strict=True):
            if not places:
                yield key, f"the repository does not hold {resource.name.lower()} {mac.hex()}", ()

    def _broken_summaries(self, items: list[_Item]) -> Iterator[Damage]:
        for path, plain in self._repository.blobs.read_all(Resource.VFS_SUMMARY, items):
            try:
                if isinstance(plain, IntegrityError):
                    raise plain
                wire.decode(plain, Summary)
            except IntegrityError as error:
                yield path, str(error), packfiles_of(error)


def _broken(visit: Callable[[bytes], None], items: list[_Item]) -> Iterator[Damage]:
    for key, mac in items:
        try:
            visit(mac)
        except IntegrityError as error:
            yield key, str(error), packfiles_of(error)
