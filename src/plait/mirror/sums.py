"""Files of sums, as md5sum and its relatives write them: a hash, a space, a space or `*`, and a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plait.engine.events import Level, Message
from plait.engine.steps import ListingFailed, Pair, Side
from plait.mirror.lookups import hash_of
from plait.model.errors import ConfigurationError, StoreError
from plait.model.items import Item, Kind, Page, Stat
from plait.stores.hashes import new_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plait.engine.listing import TreeListing
    from plait.engine.selection import EntryFailed, Selection
    from plait.engine.steps import Step
    from plait.mirror.check import Difference
    from plait.mirror.mirroring import Surroundings
    from plait.stores.base import Store
    from plait.stores.registry import Opened

_LINE = re.compile(r"([^ ]+) [ *](.+)", re.DOTALL)
_MOST_WARNINGS = 3
_BLOCK = 1 << 20


def read_sums(opened: Opened, around: Surroundings) -> dict[str, str]:
    """The hashes in a file of sums, lower case, by name. Lines that are none are warned of and passed over."""
    if opened.file is None:
        raise StoreError(f"not a sum file: {opened.text}")
    with opened.store.read(opened.file) as reader:
        content = b"".join(iter(lambda: reader.read(_BLOCK), b""))
    sums: dict[str, str] = {}
    warnings: list[str] = []
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n")):
        text = line.removesuffix("\r")
        if not text:
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            warnings.append(f"improperly formatted checksum line {number}")
        elif found[2] in sums:
            warnings.append(f"duplicate file on checksum line {number}")
        else:
            sums[found[2]] = found[1].lower()
    if len(warnings) > _MOST_WARNINGS:
        warnings[_MOST_WARNINGS:] = [f"{len(warnings) - _MOST_WARNINGS} warning(s) suppressed..."]
    for warning in warnings:
        around.events.emit(Message(Level.NOTICE, warning, opened.file))
    return sums


def steps_of_sums(sums: dict[str, str], listing: TreeListing, selection: Selection, name: str) -> Iterator[Step]:
    """Pairs each listed file with its sum of the hash `name`, and then the selected sums that no file had."""
    sums = dict(sums)
    for page in listing.pages():
        if isinstance(page, Page):
            for item in page.items():
                if item.kind is Kind.FILE:
                    value = sums.pop(item.key, None)
                    yield Pair(None if value is None else _summed(item.key, name, value), item)
        if page.error is not None:
            yield ListingFailed(Side.DESTINATION, _directory(page), page.error)
    for key, value in sums.items():
        if selection.includes_file(key, None, None, None):
            yield Pair(_summed(key, name, value), None)


def difference_of_sums(opened: Opened, name: str, *, download: bool) -> Difference:
    """Compares a file with its sum, by the store's own hash or by reading it.

    Raises ConfigurationError where the store does not know the hash.
    """
    store = opened.store
    if not download and name not in store.features.hashes:
        raise ConfigurationError(f"{name}: hash type is not supported by file system: {opened.text}")

    def by_sum(ours: Item, theirs: Item) -> str | None:
        value = _hash_by_reading(store, theirs, name) if download else hash_of(store, theirs, name)
        if value is None:
            return None
        return "" if value == ours.stat.hashes[name] else "files differ"

    return by_sum


def _summed(key: str, name: str, value: str) -> Item:
    return Item(key, Stat(Kind.FILE, hashes={name: value}))


def _directory(page: Page | EntryFailed) -> str:
    return page.prefix.removesuffix("/") if isinstance(page, Page) else page.directory


def _hash_by_reading(store: Store, item: Item, name: str) -> str:
    digest = new_digest(name)
    with store.read(item.key, expected=item.stat) as reader:
        while block := reader.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
