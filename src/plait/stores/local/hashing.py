"""Hashes of many files of one directory at once: for small files, opening each by its whole path costs most."""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING

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
        return [_hash(store, descriptor, item, name) for item in items]
    finally:
        os.close(descriptor)


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
