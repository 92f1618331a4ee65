"""Symbolic links shown as text files: `name.rclonelink` holds the target of the link `name`, as in rclone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from plait.model.errors import IntegrityError, ObjectNotFoundError, from_os_error
from plait.model.items import Kind, Stat
from plait.stores.content import blocks
from plait.stores.hashes import Digests
from plait.stores.local.attributes import kind_of, read_metadata, stat_of
from plait.stores.local.options import LINK_SUFFIX, Links
from plait.stores.local.writing import write_link

if TYPE_CHECKING:
    from plait.stores.base import Outgoing, Source
    from plait.stores.local.options import LocalOptions
    from plait.stores.local.paths import Place, Root
    from plait.stores.local.writing import Target

LONGEST_TARGET = 1 << 16


def stands_for_link(leaf: str, options: LocalOptions) -> bool:
    """True where the name stands for a symbolic link."""
    return options.links is Links.TRANSLATE and leaf.endswith(LINK_SUFFIX) and len(leaf) > len(LINK_SUFFIX)


def real_name(leaf: str, options: LocalOptions) -> str:
    """The name in the file system."""
    return leaf.removesuffix(LINK_SUFFIX) if stands_for_link(leaf, options) else leaf


def link_stat(directory: int, leaf: str, options: LocalOptions) -> Stat | None:
    """The stat of a translated link as a file; None where no link has the name. Raises OSError."""
    try:
        found = os.stat(real_name(leaf, options), dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if kind_of(found.st_mode) is not Kind.SYMLINK:
        return None
    metadata = read_metadata(found, None) if options.gives_metadata else None
    return msgspec.structs.replace(stat_of(found, metadata), kind=Kind.FILE)


def read_link(root: Root, where: Place, options: LocalOptions) -> tuple[bytes, Stat]:
    """The target of a translated link, and its stat. Raises ObjectNotFoundError."""
    try:
        with root.directory(where.parents) as directory:
            stat = link_stat(directory, where.leaf, options)
            if stat is not None:
                return os.fsencode(os.readlink(real_name(where.leaf, options), dir_fd=directory)), stat
    except OSError as error:
        raise from_os_error(error, "failed to open source object", key=where.key) from None
    raise ObjectNotFoundError("failed to open source object: there is no symbolic link of this name", key=where.key)


def make_link(target: Target, content: Source, size: int | None, how: Outgoing) -> Stat:
    """Makes the link that the content names. Raises IntegrityError for a content that can be no target."""
    key = target.key
    digests = Digests(how.hashes)
    text = bytearray()
    for block in blocks(content, size, key):
        digests.update(block)
        text += block
        if len(text) > LONGEST_TARGET:
            raise IntegrityError("this is too long to be the target of a symbolic link", key=key)
    digests.check(key)
    if not text or 0 in text:
        raise IntegrityError("this cannot be the target of a symbolic link", key=key)
    real = msgspec.structs.replace(target, leaf=real_name(target.leaf, target.options))
    write_link(real, bytes(text), how)
    stat = link_stat(target.directory, target.leaf, target.options)
    if stat is None:
        raise ObjectNotFoundError("the symbolic link was replaced as soon as it was made", key=key)
    return stat
