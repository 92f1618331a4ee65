"""Hashes of many files of one directory at once: for small files, opening each by its whole path costs most."""

from __future__ import annotations

import os
import struct
from itertools import groupby
from typing import TYPE_CHECKING

from plait.model.items import order_bytes
from plait.native import md5_files
from plait.stores.hashes import new_digest
from plait.stores.local.links import stands_for_link
from plait.stores.local.paths import components
from plait.stores.local.reading import READ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.model.items import Item
    from plait.stores.local.store import LocalStore

SMALL = 1 << 20
"""Larger files are left to `hash`, which reads in blocks and can be cancelled."""
_EXPECTED = struct.Struct("=5q")


def hash_small_files(store: LocalStore, items: Sequence[Item], name: str) -> list[str | None]:
    """The hash of each item that is a small file and as it was listed; None for every other."""
    found: list[str | None] = []
    for directory, group in groupby(items, lambda item: item.key.rpartition("/")[0]):
        found += _in_directory(store, directory, list(group), name)
    return found


def _in_directory(store: LocalStore, directory: str, items: Sequence[Item], name: str) -> list[str | None]:
    try:
        descriptor = store.root.open(components(directory))
    except OSError:
        return [None] * len(items)
    try:
        found = _md5s(store, descriptor, items) if name == "md5" else [None] * len(items)
        return [
            _hash(store, descriptor, item, name) if one is None else one for item, one in zip(items, found, strict=True)
        ]
    finally:
        os.close(descriptor)


def _md5s(store: LocalStore, directory: int, items: Sequence[Item]) -> list[str | None]:
    """What one native call can tell of them all."""
    leaves = [item.key.rpartition("/")[2] for item in items]
    rows = [_expected(item) for item in items]
    if None in rows or any(stands_for_link(leaf, store.options) for leaf in leaves):
        return [None] * len(items)
    answers = md5_files(directory, [order_bytes(leaf) for leaf in leaves], b"".join(row for row in rows if row)).hex()
    # Of each a byte that is 0 where there is one, and the hash.
    return [answers[at + 2 : at + 34] if answers[at + 1] == "0" else None for at in range(0, len(answers), 34)]


def _expected(item: Item) -> bytes | None:
    """What the native call is to find of a file."""
    stat = item.stat
    posix = stat.posix
    if stat.size is None or stat.modified is None or posix is None:
        return None
    return _EXPECTED.pack(stat.size, stat.modified, posix.changed, posix.inode, posix.device)


def _hash(store: LocalStore, directory: int, item: Item, name: str) -> str | None:
    size = item.stat.size
    leaf = item.key.rpartition("/")[2]
    if size is None or size > SMALL or stands_for_link(leaf, store.options):
        return None
    try:
        descriptor = os.open(leaf, READ | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        return None
    try:
        content = os.read(descriptor, size + 1)
        found = os.fstat(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if len(content) != size or found.st_size != size or item.stat.modified not in {None, found.st_mtime_ns}:
        return None
    digest = new_digest(name)
    digest.update(content)
    return digest.hexdigest()
