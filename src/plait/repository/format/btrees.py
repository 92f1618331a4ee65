"""The trees of a snapshot, and how the original grows them (format, section 10.4).

Nodes are found by their identifiers. A tree that is built here by the original's rule of insertion, in its order, has
the original's nodes to the byte.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeAlias

import msgspec

from plait.model.errors import IntegrityError
from plait.native import tree_shape
from plait.repository.format import msgpack, wire
from plait.repository.format.msgpack import pack_raw
from plait.repository.format.resources import MAC_SIZE, Resource
from plait.repository.format.wire import OMIT_EMPTY, U32, Int, Mac, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ORDER: Final = 50
_GREATEST_DEPTH: Final = 64

SortKey: TypeAlias = tuple[int, bytes]


def by_bytes(key: str) -> SortKey:
    """The order of all trees but the two that `by_depth` is for."""
    return 0, key.encode("utf-8", "surrogateescape")


def by_depth(key: str) -> SortKey:
    """Paths with fewer slashes first, then by bytes: the children of a directory are neighbours."""
    return key.count("/"), key.encode("utf-8", "surrogateescape")


def by_path_of_type(key: str) -> SortKey:
    """The path in a key of the index of content types, which begins with the type: `/text/plain/d/a.txt`."""
    return by_bytes(key.split("/", 3)[-1])


class Kind(NamedTuple):
    """A kind of tree.

    `root`, `node`: the resources that its descriptor and its nodes are stored as. `sort_key`: the order of its keys as
    written. `insertion`, `descending`: the order in which the original inserts the keys.
    """

    root: Resource
    node: Resource
    sort_key: Callable[[str], SortKey]
    insertion: Callable[[str], SortKey]
    descending: bool


VFS: Final = Kind(Resource.VFS_BTREE, Resource.VFS_NODE, by_depth, by_bytes, descending=True)
ERRORS: Final = Kind(Resource.ERROR_BTREE, Resource.ERROR_NODE, by_bytes, by_bytes, descending=False)
XATTRS: Final = Kind(Resource.XATTR_BTREE, Resource.XATTR_NODE, by_depth, by_bytes, descending=False)
"""As the original writes it. It looks keys up in the order of bytes, so read this one with `walk`."""
XATTRS_BY_BYTES: Final = Kind(Resource.XATTR_BTREE, Resource.XATTR_NODE, by_bytes, by_bytes, descending=False)
"""The same in the order of bytes, as other programs write it."""
INDEX: Final = Kind(Resource.BTREE_ROOT, Resource.BTREE_NODE, by_bytes, by_bytes, descending=True)
"""Of dirpacks and of summaries, by directory."""
CONTENT_TYPES: Final = Kind(Resource.BTREE_ROOT, Resource.BTREE_NODE, by_bytes, by_path_of_type, descending=True)


class Root(msgspec.Struct, frozen=True, rename="pascal", kw_only=True):
    """The descriptor of a tree. `version` and `count` are 0 in every tree that the original writes."""

    version: U32 = 0
    order: Int = ORDER
    count: Int = 0
    root: Mac


class Node(msgspec.Struct, frozen=True):
    """A leaf (keys and values) or an inner node (keys, and one pointer more than keys); None where Go has nil."""

    version: U32 = 0
    keys: tuple[Text, ...] | None = None
    pointers: tuple[Mac, ...] | None = None
    values: tuple[Mac, ...] | None = None
    previous: Annotated[Mac | None, OMIT_EMPTY] = msgspec.field(default=None, name="prev")
    next: Annotated[Mac | None, OMIT_EMPTY] = None

    @property
    def is_leaf(self) -> bool:
        """Whether it holds values."""
        return not self.pointers


class Stored(NamedTuple):
    """A node or descriptor as it is stored: under which identifier, as what, which plain bytes."""

    resource: Resource
    mac: bytes
    plain: bytes


def read_root(data: bytes) -> Root:
    """A descriptor. Raises IntegrityError where it is malformed."""
    return wire.decode(data, Root)


def read_node(data: bytes) -> Node:
    """A node. Raises IntegrityError where it is malformed, or its keys do not fit its pointers or values."""
    node = wire.decode_usual(data, Node)
    keys, values, pointers = len(node.keys or ()), len(node.values or ()), len(node.pointers or ())
    fits = values == 0 and pointers == keys + 1 if pointers else values == keys
    if not fits:
        raise IntegrityError("a node of a tree has keys that do not fit what they lead to")
    return node


def walk(
    root: Root, fetch: Callable[[bytes], Node], start: str | None = None, sort_key: Callable[[str], SortKey] = by_bytes
) -> Iterator[tuple[str, bytes]]:
    """Keys and values in order, from `start` on in the order of `sort_key`, or all.

    `fetch` gives a node by its identifier. Goes down from the root and not along the leaves, so that
    it ends on any bytes: a node that comes a second time, and a tree deeper than any can be, raise IntegrityError.
    Raises what `fetch` raises.
    """
    first = None if start is None else sort_key(start)
    seen: set[bytes] = set()
    waiting = [(root.root, 0)]
    while waiting:
        mac, depth = waiting.pop()
        if mac in seen:
            raise IntegrityError("a node comes twice in a tree")
        if depth > _GREATEST_DEPTH:
            raise IntegrityError("a tree is deeper than any can be")
        seen.add(mac)
        node = fetch(mac)
        keys = node.keys or ()
        if node.pointers:
            skipped = 0 if first is None else bisect_right(keys, first, key=sort_key)
            waiting.extend((pointer, depth + 1) for pointer in reversed(node.pointers[skipped:]))
        else:
            skipped = 0 if first is None else bisect_left(keys, first, key=sort_key)
            yield from zip(keys[skipped:], (node.values or ())[skipped:], strict=True)


def find(root: Root, key: str, sort_key: Callable[[str], SortKey], fetch: Callable[[bytes], Node]) -> bytes | None:
    """The value of a key, if it is there. Raises as `walk`."""
    wanted = sort_key(key)
    mac = root.root
    for _ in range(_GREATEST_DEPTH):
        node = fetch(mac)
        keys = node.keys or ()
        if node.pointers:
            mac = node.pointers[bisect_right(keys, wanted, key=sort_key)]
            continue
        index = bisect_left(keys, wanted, key=sort_key)
        return (node.values or ())[index] if index < len(keys) and keys[index] == key else None
    raise IntegrityError("a tree is deeper than any can be")


def grow(kind: Kind, items: Iterable[tuple[str, bytes]], mac: Callable[[bytes], bytes]) -> Iterator[Stored]:
    """The nodes of a tree of `items`, and its descriptor last; keys are unique.

    Each node comes after those that it names, as they have to be written.
    """
    columns = Columns()
    for key, value in items:
        columns.add((key.encode("utf-8", "surrogateescape"),), (value,))
    return grow_columns(kind, columns, mac)


class Columns:
    """Keys, encoded, and values of a tree to be, in any order; far smaller than as many objects."""

    def __init__(self) -> None:
        self._keys = bytearray()
        self._ends = array("Q", [0])
        self._values = bytearray()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, keys: Iterable[bytes], values: Iterable[bytes]) -> None:
        """Adds keys, which are new, and their values."""
        added = list(keys)
        ends = accumulate(map(len, added), initial=self._ends.pop())
        self._ends.extend(ends)
        self._keys += b"".join(added)
        self._values += b"".join(values)

    def keys(self) -> list[bytes]:
        """The keys."""
        whole = bytes(self._keys)
        return [whole[start:end] for start, end in pairwise(self._ends)]

    def values(self, order: Iterable[int]) -> bytes:
        """The values in another order."""
        size = MAC_SIZE
        return b"".join(self._values[number * size : (number + 1) * size] for number in order)


def grow_columns(kind: Kind, items: Columns, mac: Callable[[bytes], bytes]) -> Iterator[Stored]:
    """As `grow`."""
    keys = items.keys()
    written = sorted(range(len(keys)), key=keys.__getitem__)
    if kind.sort_key is by_depth:
        written.sort(key=[key.count(b"/") for key in keys].__getitem__)
    values = items.values(written)
    keys = [keys[number] for number in written]
    del written
    inserted = [key.split(b"/", 3)[-1] for key in keys] if kind.insertion is by_path_of_type else keys
    order = array("I", sorted(range(len(keys)), key=inserted.__getitem__, reverse=kind.descending))
    del inserted
    shape = [memoryview(level).cast("I") for level in tree_shape(order.tobytes(), ORDER)]
    del order
    level, firsts = [], []
    end, following = len(keys), b""
    for size in reversed(shape[0]):
        start = end - size
        packed = [pack_raw(key) for key in keys[start:end]]
        plain = _leaf(packed, values[start * MAC_SIZE : end * MAC_SIZE], following)
        following = mac(plain)
        yield Stored(kind.node, following, plain)
        level.append(following)
        firsts.append(packed[0] if size else b"")
        end = start
    level.reverse()
    firsts.reverse()
    for sizes in shape[1:]:
        level, firsts, nodes = _inner(kind.node, sizes, level, firsts, mac)
        yield from nodes
    plain = wire.encode(Root(root=level[0]))
    yield Stored(kind.root, mac(plain), plain)


def _inner(
    node: Resource, sizes: Iterable[int], below: list[bytes], firsts: list[bytes], mac: Callable[[bytes], bytes]
) -> tuple[list[bytes], list[bytes], list[Stored]]:
    """One level of inner nodes: their identifiers, the first keys below each, and the nodes themselves."""
    level, starts, nodes = [], [], []
    start = 0
    for size in sizes:
        end = start + size
        plain = _inner_node(firsts[start + 1 : end], below[start:end])
        level.append(mac(plain))
        starts.append(firsts[start])
        nodes.append(Stored(node, level[-1], plain))
        start = end
    return level, starts, nodes


_NODE: Final = msgpack.pack_text("version") + b"\xce\x00\x00\x00\x00" + msgpack.pack_text("keys")
_POINTERS: Final = msgpack.pack_text("pointers")
_VALUES: Final = msgpack.pack_text("values")
_NEXT: Final = msgpack.pack_text("next")
_MAC: Final = b"\xc4\x20"


def _leaf(keys: list[bytes], values: bytes, following: bytes) -> bytes:
    """A leaf of packed keys, and their values one behind the other; `following` is the next leaf, empty for none."""
    parts = [msgpack.pack_map_size(5 if following else 4), _NODE, _array(keys), _POINTERS, msgpack.NIL, _VALUES]
    parts.append(_array([_MAC + values[at : at + MAC_SIZE] for at in range(0, len(values), MAC_SIZE)]))
    if following:
        parts += (_NEXT, _MAC, following)
    return b"".join(parts)


def _inner_node(keys: list[bytes], pointers: list[bytes]) -> bytes:
    children = _array([_MAC + pointer for pointer in pointers])
    return b"".join((msgpack.pack_map_size(4), _NODE, _array(keys), _POINTERS, children, _VALUES, msgpack.NIL))


def _array(items: list[bytes]) -> bytes:
    return msgpack.pack_array_size(len(items)) + b"".join(items) if items else msgpack.NIL


def replaced(
    kind: Kind, root: bytes, changes: Mapping[str, bytes], fetch: Callable[[bytes], Node], mac: Callable[[bytes], bytes]
) -> Iterator[Stored]:
    """The nodes of a tree that take the place of others where values change and no key comes or goes.

    `root` is the node at the top. The last node is the new top; nothing comes where there is no change. Leaves name
    their right neighbours, so that all those left of a change are new. Raises KeyError for a key that the tree does
    not have, IntegrityError where it is damaged, and what `fetch` raises.
    """
    if not changes:
        return
    ordered = sorted((kind.sort_key(key), key) for key in changes)
    nodes: list[Stored] = []
    _replace(_Replacing(kind, changes, fetch, mac, nodes), root, ordered, None, 0)
    yield from nodes


class _Replacing(NamedTuple):
    kind: Kind
    changes: Mapping[str, bytes]
    fetch: Callable[[bytes], Node]
    mac: Callable[[bytes], bytes]
    nodes: list[Stored]

    def store(self, node: Node) -> bytes:
        plain = wire.encode(node)
        self.nodes.append(Stored(self.kind.node, self.mac(plain), plain))
        return self.nodes[-1].mac


def _replace(
    work: _Replacing, mac: bytes, wanted: list[tuple[SortKey, str]], following: bytes | None, depth: int
) -> tuple[bytes, bytes | None]:
    """The node in place of another, and its first leaf; None for that where it is as it was.

    `following` is the leaf behind it, None if that is as it was.
    """
    if not wanted and following is None:
        return mac, None
    if depth > _GREATEST_DEPTH:
        raise IntegrityError("a tree is deeper than any can be")
    node = work.fetch(mac)
    keys = node.keys or ()
    if not node.pointers:
        values = dict(zip(keys, node.values or (), strict=True))
        for _, key in wanted:
            if key not in values:
                raise KeyError(key)
            values[key] = work.changes[key]
        leaf = work.store(
            msgspec.structs.replace(node, values=tuple(values.values()) or None, next=following or node.next)
        )
        return leaf, leaf
    pointers = list(node.pointers)
    ends = [bisect_left(wanted, (work.kind.sort_key(key), "")) for key in keys]
    for index in range(len(pointers) - 1, -1, -1):
        start = ends[index - 1] if index else 0
        end = ends[index] if index < len(ends) else len(wanted)
        pointers[index], following = _replace(work, pointers[index], wanted[start:end], following, depth + 1)
    return work.store(msgspec.structs.replace(node, pointers=tuple(pointers))), following
