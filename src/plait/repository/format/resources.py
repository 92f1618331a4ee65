"""Kinds of resources and their versions (format, section 0)."""

from enum import IntEnum
from typing import Final


class Resource(IntEnum):
    """What a framed file or a blob is; one byte in states."""

    CONFIG = 1
    LOCK = 2
    STATE = 3
    PACKFILE = 4
    SNAPSHOT = 5
    SIGNATURE = 6
    OBJECT = 7
    CHUNK = 9
    VFS_BTREE = 10
    VFS_NODE = 11
    VFS_ENTRY = 12
    ERROR_BTREE = 13
    ERROR_NODE = 14
    ERROR_ENTRY = 15
    XATTR_BTREE = 16
    XATTR_NODE = 17
    XATTR_ENTRY = 18
    BTREE_ROOT = 19
    BTREE_NODE = 20
    VFS_SUMMARY = 21
    RANDOM = 255


MAC_SIZE: Final = 32
NO_MAC: Final = bytes(MAC_SIZE)
"""Where the format says "none" in a place that always holds an identifier."""

VERSION_1_0_0: Final = 0x00010000
VERSION_1_1_0: Final = 0x00010100
STATE_VERSION: Final = VERSION_1_1_0
"""The one resource whose layout has changed; all others are 1.0.0."""


def version_text(version: int) -> str:
    """A version as people write it: 0x00010100 is "1.1.0"."""
    return f"{version >> 16}.{version >> 8 & 0xFF}.{version & 0xFF}"
