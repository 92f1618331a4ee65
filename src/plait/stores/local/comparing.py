"""Comparing the contents of many small files of two local stores, a directory's worth at a time."""

from __future__ import annotations

import os
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING

from plait.model.errors import PlaitError
from plait.model.items import POSIX_FIELDS, Posix, order_bytes
from plait.native import same_files
from plait.stores.local.options import Links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.model.items import Page
    from plait.stores.local.store import LocalStore

_ANSWERS = (True, False, None)
"""Of the native function's numbers."""
_DETAILS = tuple(map(Posix.__struct_fields__.index, ("changed", "inode", "device")))


def compare_pages(store: LocalStore, page: Page, other: LocalStore, others: Page) -> Sequence[bool | None]:
    """As `plait.stores.hashing.ComparesPages` has it. What follows or translates links is left to be read."""
    unknown: list[bool | None] = [None] * len(page)
    columns = [*_columns(page), *_columns(others)]
    plain = all(one.options.links is Links.SKIP for one in (store, other))
    if not plain or len(columns) != 2 * (2 + len(_DETAILS)) or not len(page):
        return unknown
    rows = array("q", bytes(8 * len(columns) * len(page)))
    for at, column in enumerate(columns):
        rows[at :: len(columns)] = column
    names = order_bytes("/".join(page.names)).split(b"/")
    with ExitStack() as opened:
        try:
            left = store.open_directory(page.prefix + page.names[0])
            opened.callback(os.close, left)
            right = other.open_directory(others.prefix + others.names[0])
            opened.callback(os.close, right)
        except PlaitError:
            return unknown
        return [_ANSWERS[answer] for answer in same_files(left, right, names, rows.tobytes())]


def _columns(page: Page) -> list[array[int]]:
    """What is expected of the files, a column each; none where a listing does not tell."""
    if page.details is None:
        return []
    details = array("q", page.details)
    others = (details[at::POSIX_FIELDS] for at in _DETAILS)
    return [array("q", page.sizes), array("q", page.modified), *others]
