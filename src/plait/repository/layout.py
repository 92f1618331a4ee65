"""Under which keys of a store a repository's files stand (format, section 1).

The original's connectors do not agree, so that each kind of store has its own entry here.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION: Final = "CONFIG"
REPLACED: Final = "REPLACED"
"""A file in a repository that another one has taken the place of, or is about to: the RepositoryID of that one."""
_BUCKETS: Final = 256


class Folder(Enum):
    """The kinds of files that have names of 32 bytes."""

    PACKFILES = "packfiles"
    STATES = "states"
    LOCKS = "locks"

    @property
    def prefix(self) -> str:
        """What all keys of the kind begin with."""
        return f"{self.value}/"


class Layout(msgspec.Struct, frozen=True):
    """Which kinds of files stand in 256 buckets, named by the first byte of the file's name."""

    bucketed: frozenset[Folder]

    def key(self, folder: Folder, name: bytes) -> str:
        """The key of a file."""
        bucket = f"{name[0]:02x}/" if folder in self.bucketed else ""
        return f"{folder.prefix}{bucket}{name.hex()}"

    def directories(self) -> Iterator[str]:
        """What the original makes up front, and needs, where directories exist by themselves: parents first."""
        for folder in Folder:
            yield folder.value
            if folder in self.bucketed:
                yield from (f"{folder.prefix}{number:02x}" for number in range(_BUCKETS))


def name_of(key: str) -> bytes | None:
    """The name of the file under a key; None where it is no file of a repository (a temporary one, another's)."""
    last = key.rpartition("/")[2]
    if len(last) != 2 * MAC_SIZE or not set(last) <= set("0123456789abcdef"):
        return None
    return bytes.fromhex(last)


_STANDARD: Final = Layout(frozenset({Folder.PACKFILES, Folder.STATES}))
_BUCKETED_LOCKS: Final = Layout(frozenset(Folder))
FLAT: Final = Layout(frozenset())
"""That of the original's connector to rclone, on whatever store; nothing but the files themselves tells it."""

_BY_SCHEME: Final = {"google cloud storage": _BUCKETED_LOCKS, "azureblob": _BUCKETED_LOCKS, "plakar-http": FLAT}


def layout_of(scheme: str) -> Layout:
    """The layout on a kind of store, by its rclone name (`Features.scheme`): that of the original's connector."""
    return _BY_SCHEME.get(scheme, _STANDARD)
