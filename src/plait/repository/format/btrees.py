"""The trees of a snapshot, and how the original grows them (format, section 10.4).

Nodes are found by their identifiers. A tree that is built here by the original's rule of insertion, in its order, has
the original's nodes to the byte.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeAlias

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.format import wire
from plait.repository.format.resources import Resource
from plait.repository.format.wire import OMIT_EMPTY, U32, Int, Mac, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    node = wire.decode(data, Node)
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


class _Growing:
    """A node while the tree grows; `children` of an inner one, `values` of a leaf."""

    __slots__ = ("children", "keys", "values")

    def __init__(self, keys: list[tuple[SortKey, str]], values: list[bytes], children: list[_Growing]) -> None:
        self.keys = keys
        self.values = values
        self.children = children

    def split(self) -> tuple[tuple[SortKey, str], _Growing]:
        """Cuts off the right half: the key between the halves, and the right one."""
        cut = (len(self.keys) + 1) // 2 - 1
        between = self.keys[cut]
        if self.children:
            right = _Growing(self.keys[cut + 1 :], [], self.children[cut + 1 :])
            del self.children[cut + 1 :]
        else:
            right = _Growing(self.keys[cut:], self.values[cut:], [])
            del self.values[cut:]
        del self.keys[cut:]
        return between, right


def grow(kind: Kind, items: Iterable[tuple[str, bytes]], mac: Callable[[bytes], bytes]) -> Iterator[Stored]:
    """The nodes of a tree of `items`, and its descriptor last; keys are unique.

    Each node comes after those that it names, as they have to be written.
    """
    ordered = sorted(items, key=lambda item: kind.insertion(item[0]), reverse=kind.descending)
    root = _Growing([], [], [])
    for key, value in ordered:
        root = _insert(root, (kind.sort_key(key), key), value)
    level = _leaves(root)
    macs: dict[int, bytes] = {}
    following: bytes | None = None
    for leaf in reversed(level):
        keys = tuple(key for _, key in leaf.keys) or None
        plain = wire.encode(Node(keys=keys, values=tuple(leaf.values) or None, next=following))
        following = macs[id(leaf)] = mac(plain)
        yield Stored(kind.node, following, plain)
    yield from _inner(root, kind, mac, macs)
    plain = wire.encode(Root(root=macs[id(root)]))
    yield Stored(kind.root, mac(plain), plain)


def _insert(root: _Growing, key: tuple[SortKey, str], value: bytes) -> _Growing:
    """The root after an insertion."""
    path: list[tuple[_Growing, int]] = []
    node = root
    while node.children:
        index = bisect_right(node.keys, key)
        path.append((node, index))
        node = node.children[index]
    index = bisect_left(node.keys, key)
    node.keys.insert(index, key)
    node.values.insert(index, value)
    while len(node.keys) >= ORDER:
        between, right = node.split()
        if not path:
            return _Growing([between], [], [node, right])
        parent, index = path.pop()
        parent.keys.insert(index, between)
        parent.children.insert(index + 1, right)
        node = parent
    return root


def _leaves(root: _Growing) -> list[_Growing]:
    level = [root]
    while level[0].children:
        level = [child for node in level for child in node.children]
    return level


def _inner(root: _Growing, kind: Kind, mac: Callable[[bytes], bytes], macs: dict[int, bytes]) -> Iterator[Stored]:
    """The nodes above the leaves, from the lowest level upwards."""
    levels = [[root]]
    while levels[-1][0].children:
        levels.append([child for node in levels[-1] for child in node.children])
    for level in reversed(levels[:-1]):
        for node in level:
            pointers = tuple(macs[id(child)] for child in node.children)
            plain = wire.encode(Node(keys=tuple(key for _, key in node.keys), pointers=pointers))
            macs[id(node)] = mac(plain)
            yield Stored(kind.node, macs[id(node)], plain)
