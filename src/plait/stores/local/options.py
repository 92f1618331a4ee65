"""How a local store is opened."""

from __future__ import annotations

from enum import StrEnum

import msgspec

LINK_SUFFIX = ".rclonelink"
"""What rclone appends to the name of a symbolic link that it shows as a text file."""


class Links(StrEnum):
    """What becomes of symbolic links."""

    SKIP = "skip"
    """They are left out of listings, with a notice."""
    FOLLOW = "follow"
    """Reading and listing go to what they lead to, wherever that is; writing never follows one."""
    TRANSLATE = "translate"
    """A link `name` is a file `name.rclonelink` that holds the link's target, in both directions."""


class LocalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a local store; the names are rclone's where it has them.

    `skip_links`, `skip_specials`: leave them out without a notice. `one_file_system`: directories on another device are
    left out. `no_check_updated`: do not mind when a file changes while it is read. `no_set_modtime`: never set
    modification times. `partial_suffix`: how the names of partial files end, at most 16 bytes. `durable`: every write
    is, whatever `Outgoing` says. `no_preallocate`: do not reserve the space of large files before they are written.
    `metadata`: give and take POSIX metadata (`attributes`). `show_metadata`: give it, for filters, but carry none.
    `restore_special_bits`: with it, setuid, setgid and sticky.
    `case_sensitive`: None to probe. `hashes`: those that are computed, None for all.
    """

    links: Links = Links.SKIP
    skip_links: bool = False
    skip_specials: bool = False
    one_file_system: bool = False
    no_check_updated: bool = False
    no_set_modtime: bool = False
    partial_suffix: str = ".partial"
    durable: bool = False
    no_preallocate: bool = False
    metadata: bool = False
    show_metadata: bool = False
    restore_special_bits: bool = False
    case_sensitive: bool | None = None
    hashes: tuple[str, ...] | None = None

    @property
    def gives_metadata(self) -> bool:
        """True where the attributes of a file come with its metadata."""
        return self.metadata or self.show_metadata
