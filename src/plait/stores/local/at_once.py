"""Reading or writing a small file in one call of the system's, as far as Python is concerned.

With many workers, what costs is the interpreter's lock, which each call of the system lets go of and takes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.items import Kind, Posix, Stat, order_bytes
from plait.native import read_file, write_file
from plait.stores.content import blocks
from plait.stores.hashes import Digests
from plait.stores.local.links import stands_for_link
from plait.stores.local.options import Links
from plait.stores.local.partials import partial_bytes
from plait.stores.local.writing import MODE, system_errors

if TYPE_CHECKING:
    from plait.stores.base import Outgoing, Source
    from plait.stores.local.options import LocalOptions
    from plait.stores.local.paths import Place, Root

AT_ONCE: Final = 256 << 10
"""Bytes up to which a file's content is held in memory."""
LATEST: Final = 1 << 63
"""Nanoseconds since the epoch that no system call takes any more."""


def can_write_at_once(how: Outgoing, options: LocalOptions) -> bool:
    """True where nothing is wanted but content, name and modification time."""
    wanted = how.if_absent or how.in_place or how.durable or options.durable
    return not wanted and how.if_match is None and how.metadata is None and how.mode is None


def checked_whole(content: Source, size: int, how: Outgoing, key: str) -> bytes:
    """All of the content. Raises IntegrityError where it is not as long, or has not the hashes, as it should."""
    data = b"".join(blocks(content, size, key))
    digests = Digests(how.hashes)
    digests.update(data)
    digests.check(key)
    return data


def write_at_once(root: Root, where: Place, data: bytes, how: Outgoing, options: LocalOptions) -> Stat | None:
    """Writes a file; None where that is to be done step by step, and nothing was done."""
    modified = None if options.no_set_modtime else how.modified
    if stands_for_link(where.leaf, options) or not (modified is None or -LATEST <= modified < LATEST):
        return None
    leaf = order_bytes(where.leaf)
    with system_errors("failed to make the directory", where.key):
        directory = root.descriptor(make=True)
    numbers = write_file(
        directory,
        [order_bytes(name) for name in where.parents],
        (partial_bytes(leaf, order_bytes(options.partial_suffix)), leaf),
        data,
        MODE,
        modified,
    )
    if numbers is None:
        return None
    size, kept, *others = numbers
    return Stat(Kind.FILE, size, modified=kept, posix=Posix(*others))


def read_at_once(root: Root, where: Place, expected: Stat | None, options: LocalOptions) -> tuple[bytes, Stat] | None:
    """All of a file that is expected to be small, and what it is; None where that is to be done step by step."""
    size = None if expected is None else expected.size
    plain = options.links is not Links.FOLLOW and not options.gives_metadata and not options.no_check_updated
    if size is None or size > AT_ONCE or not plain:
        return None
    parents = [order_bytes(name) for name in where.parents]
    found = read_file(root.descriptor(), parents, (order_bytes(where.leaf),), size)
    if found is None:
        return None
    (length, modified, *others), data = found
    return data, Stat(Kind.FILE, length, modified=modified, posix=Posix(*others))
