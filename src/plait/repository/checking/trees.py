"""Checking the trees of a snapshot beside that of paths: attributes, errors, summaries, content types."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plait.model.errors import IntegrityError
from plait.repository.blobs import DamagedBlobError
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


class _Tree(NamedTuple):
    """A tree, by its descriptor, and what is done with each key and value."""

    kind: btrees.Kind
    descriptor: bytes
    visit: Callable[[str, bytes], None]


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
        try:
            for key, mac in self._repository.items(tree.kind, tree.descriptor):
                try:
                    tree.visit(key, mac)
                except IntegrityError as error:
                    yield key, str(error), packfiles_of(error)
        except IntegrityError as error:
            yield "/", str(error), packfiles_of(error)

    def _trees(self, snapshot: SnapshotReader) -> Iterator[_Tree]:
        roots = snapshot.source.root
        yield _Tree(btrees.XATTRS, roots.xattrs, self._visit_attribute)
        yield _Tree(btrees.ERRORS, roots.errors, self._visit_error)
        visits = {
            SUMMARY_INDEX: (btrees.INDEX, self._visit_summary),
            CONTENT_TYPE_INDEX: (btrees.CONTENT_TYPES, self._visit_content_type),
            DIRPACK_INDEX: (btrees.INDEX, self._visit_list),
        }
        for index in snapshot.source.indexes or ():
            if index.name in visits:
                kind, visit = visits[index.name]
                yield _Tree(kind, index.value, visit)

    def _visit_attribute(self, _: str, mac: bytes) -> None:
        blobs = self._repository.blobs
        attribute = wire.decode(blobs.read(Resource.XATTR_ENTRY, mac), XattrEntry)
        item = blobs.object(attribute.object)
        if self._read_contents:
            for _chunk in blobs.content(item):
                pass

    def _visit_error(self, _: str, mac: bytes) -> None:
        wire.decode(self._repository.blob(Resource.ERROR_ENTRY, mac), ErrorEntry)

    def _visit_summary(self, _: str, mac: bytes) -> None:
        wire.decode(self._repository.blob(Resource.VFS_SUMMARY, mac), Summary)

    def _visit_content_type(self, _: str, mac: bytes) -> None:
        self._require(Resource.VFS_ENTRY, mac)

    def _visit_list(self, _: str, mac: bytes) -> None:
        self._require(Resource.OBJECT, mac)

    def _require(self, resource: Resource, mac: bytes) -> None:
        """What is read elsewhere has only to be there."""
        if not self._repository.holdings.places(resource, mac):
            text = f"the repository does not hold {resource.name.lower()} {mac.hex()}"
            raise DamagedBlobError(text, resource, mac, ())
