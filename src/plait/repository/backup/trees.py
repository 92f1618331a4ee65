"""The trees of a snapshot, from what its folders hold, or from those of the snapshot before and what changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError
from plait.repository.format import btrees, wire
from plait.repository.format.btrees import Columns, Kind, Root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plait.repository.format.codec import Codec
    from plait.repository.reading import RepositoryReader
    from plait.repository.writing import Writer

_SEPARATOR: Final = "/"


class Tree:
    """A tree in the making: values that are set and keys that are gone, since the one before if there is one."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._new = Columns()
        self.values: dict[str, bytes] = {}
        self.gone: set[str] = set()
        self._added = False

    def set(self, key: str, value: bytes, *, existed: bool) -> None:
        """Sets the value of a key, which the tree before has or has not."""
        self.values[key] = value
        self._added |= not existed

    def add(self, keys: Iterable[bytes], values: Iterable[bytes]) -> None:
        """Sets the values of many keys, encoded, of which neither the tree before nor this one has any."""
        self._new.add(keys, values)

    def remove(self, key: str) -> None:
        """Takes a key away that the tree before has."""
        self.gone.add(key)

    def store(self, grower: Grower, before: bytes | None, *, pruned: bool) -> bytes:
        """Stores the tree; its descriptor. `before`: that of the tree before. `pruned`: whole directories are gone."""
        items = self._new
        if before is not None:
            if not (self.gone or pruned or self._added or items):
                return grower.replace(self.kind, before, self.values)
            for key, value in grower.items(self.kind, before):
                if key not in self.gone and key not in self.values and grower.keeps(self, key):
                    items.add((_raw(key),), (value,))
        items.add(map(_raw, self.values), self.values.values())
        self.values.clear()
        self._new = Columns()
        return grower.grow(self.kind, items)


class Grower:
    """Stores trees. `removed`: absolute paths of the directories that are gone with all that was below them."""

    def __init__(self, reader: RepositoryReader, codec: Codec, writer: Writer, removed: frozenset[str]) -> None:
        self._reader = reader
        self._codec = codec
        self._writer = writer
        self._removed = removed

    def keeps(self, tree: Tree, key: str) -> bool:
        """Whether a key of the tree before does not lie in a directory that is gone."""
        if not self._removed:
            return True
        path = "/" + key.split("/", 3)[-1] if tree.kind is btrees.CONTENT_TYPES else key
        at = path.find(_SEPARATOR, 1)
        while at > 0:
            if path[:at] in self._removed:
                return False
            at = path.find(_SEPARATOR, at + 1)
        return tree.kind is not btrees.INDEX or path not in self._removed

    def items(self, kind: Kind, descriptor: bytes) -> Iterator[tuple[str, bytes]]:
        """All of a tree."""
        return self._reader.items(kind, descriptor)

    def grow(self, kind: Kind, items: Columns) -> bytes:
        """Stores a tree; its descriptor."""
        stored = None
        for stored in btrees.grow_columns(kind, items, self._codec.mac):
            self._writer.put(stored.resource, stored.mac, stored.plain)
        if stored is None:
            raise IntegrityError("a tree has no descriptor")
        return stored.mac

    def replace(self, kind: Kind, descriptor: bytes, values: dict[str, bytes]) -> bytes:
        """Stores what is new of a tree with the keys of another; its descriptor."""
        read = self._reader.blob
        root = btrees.read_root(read(kind.root, descriptor)).root

        def fetch(mac: bytes) -> btrees.Node:
            return btrees.read_node(read(kind.node, mac))

        for stored in btrees.replaced(kind, root, values, fetch, self._codec.mac):
            self._writer.put(stored.resource, stored.mac, stored.plain)
            root = stored.mac
        plain = wire.encode(Root(root=root))
        mac = self._codec.mac(plain)
        self._writer.put(kind.root, mac, plain)
        return mac


def _raw(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
