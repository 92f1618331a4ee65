"""What the conformance suites do with a store: short hands for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.model.errors import NameTooLongError, NotSupportedError, ObjectNotFoundError, UnsafeNameError
from plait.model.items import Kind, order_bytes
from plait.stores.base import Outgoing, Store
from plait.testing.generators import ORDERED_KEYS, as_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.model.items import Item, Stat
    from plait.stores.base import Source

MOMENT = 1_600_000_000_123_456_789
LATER = 1_700_000_000_987_654_321
REFUSALS = (NotSupportedError, UnsafeNameError, NameTooLongError)


def put(store: Store, key: str, data: bytes | Source, how: Outgoing | None = None) -> Stat:
    """Writes bytes under a key."""
    size = len(data) if isinstance(data, bytes) else None
    return store.write(key, as_source(data), size, Outgoing() if how is None else how)


def get(store: Store, key: str) -> bytes:
    """All bytes under a key."""
    with store.read(key) as reader:
        return reader.read()


def items(store: Store, prefix: str = "", start_after: str = "") -> list[Item]:
    """The items of a listing that must not fail."""
    found: list[Item] = []
    for page in store.list(prefix, start_after):
        assert page.error is None
        found.extend(page.items())
    return found


def keys(store: Store, prefix: str = "", start_after: str = "") -> list[str]:
    """The order keys of a listing: a directory with `/` appended."""
    return [item.order_key for item in items(store, prefix, start_after)]


def files(store: Store) -> list[str]:
    """The keys of the files of a listing."""
    return [item.key for item in items(store) if item.kind is Kind.FILE]


def implied(names: Sequence[str]) -> list[str]:
    """The order keys of a tree that holds files of these names, its directories included, in the total order."""
    tree = set(names)
    for name in names:
        parts = name.split("/")
        tree.update("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
    return sorted(tree, key=order_bytes)


def ordered_keys(store: Store) -> list[str]:
    """Keys in the total order; where directories exist by themselves, none is both a file and a directory."""
    if not store.features.directories:
        return list(ORDERED_KEYS)
    return [key for key in ORDERED_KEYS if not any(other.startswith(key + "/") for other in ORDERED_KEYS)]


def holds(store: Store, key: str) -> bool:
    """True where the store holds the key."""
    try:
        store.stat(key)
    except ObjectNotFoundError:
        return False
    return True


def rounded(moment: int, store: Store) -> int:
    """The time as the store keeps it."""
    precision = store.features.time_precision or 1
    return moment // precision * precision
