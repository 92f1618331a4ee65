"""What the system knows of a file beyond its content: its stat, its POSIX metadata, and how they are set.

The metadata's names and forms are those of rclone's local backend: `mode` in octal with the file type, `uid` and `gid`
decimal, `rdev` in hex, `atime`, `mtime` and `btime` in RFC 3339, and every extended attribute `user.NAME` under its
name in lower case. The names above belong to the system: an attribute `user.mode` is not shown.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from plait.model.items import Kind, Posix, Stat
from plait.stores.local.births import birth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SYSTEM = frozenset({"mode", "uid", "gid", "rdev", "atime", "mtime", "btime"})
_USER = "user."
_SPECIAL_BITS = modes.S_ISUID | modes.S_ISGID | modes.S_ISVTX
_NO_ATTRIBUTES = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL)
_BILLION = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def kind_of(mode: int) -> Kind:
    """The kind of a file by its mode."""
    if modes.S_ISREG(mode):
        return Kind.FILE
    if modes.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.SYMLINK if modes.S_ISLNK(mode) else Kind.SPECIAL


def posix_of(found: os.stat_result) -> Posix:
    """What the system says beyond kind, size and modification time, with the numbers of a listing's columns."""
    return Posix(
        changed=_clamped(found.st_ctime_ns),
        accessed=_clamped(found.st_atime_ns),
        inode=_wrapped(found.st_ino),
        device=_wrapped(found.st_dev),
        mode=found.st_mode,
        uid=found.st_uid,
        gid=found.st_gid,
        links=found.st_nlink,
        special_device=_wrapped(found.st_rdev),
    )


def stat_of(found: os.stat_result, metadata: Mapping[str, str] | None = None) -> Stat:
    """The store's stat of a file."""
    kind = kind_of(found.st_mode)
    return Stat(
        kind,
        None if kind is Kind.DIRECTORY else found.st_size,
        modified=_clamped(found.st_mtime_ns),
        metadata=metadata,
        posix=posix_of(found),
    )


def read_metadata(found: os.stat_result, descriptor: int | None) -> dict[str, str]:
    """The metadata of a file; extended attributes only of one that is open."""
    metadata = {} if descriptor is None else _read_extended(descriptor)
    metadata["mode"] = f"{found.st_mode:o}"
    metadata["uid"] = str(found.st_uid)
    metadata["gid"] = str(found.st_gid)
    if found.st_rdev:
        metadata["rdev"] = f"{found.st_rdev:x}"
    metadata["atime"] = format_time(found.st_atime_ns)
    metadata["mtime"] = format_time(found.st_mtime_ns)
    born = getattr(found, "st_birthtime", None)
    moment = int(born * _BILLION) if born is not None else None if descriptor is None else birth_of(descriptor)
    if moment is not None:
        metadata["btime"] = format_time(moment)
    return metadata


def apply_metadata(
    descriptor: int, metadata: Mapping[str, str], *, special_bits: bool, warn: Callable[[str], None]
) -> None:
    """Gives an open file its metadata, times excepted.

    What has no sense, is not permitted or not known to the file system is only warned of. Raises OSError else.
    """
    _write_extended(descriptor, {name: value for name, value in metadata.items() if name.lower() not in SYSTEM}, warn)
    owner, group = _owner(metadata, warn)
    if (owner, group) != (-1, -1):
        try:
            os.chown(descriptor, owner, group)
        except PermissionError as error:
            warn(f"failed to change ownership: {(error.strerror or '').lower()}")
    mode = _number(metadata, "mode", 8, warn)
    if mode is not None:
        # After the owner, because a change of owner clears the special bits.
        bits = modes.S_IMODE(mode)
        os.fchmod(descriptor, bits if special_bits else bits & ~_SPECIAL_BITS)


def own_link(directory: int, leaf: str, metadata: Mapping[str, str], warn: Callable[[str], None]) -> None:
    """Gives a symbolic link itself its owner; it has no other metadata (Linux). Raises OSError.

    What is not permitted is only warned of.
    """
    owner, group = _owner(metadata, warn)
    if (owner, group) != (-1, -1):
        try:
            os.chown(leaf, owner, group, dir_fd=directory, follow_symlinks=False)
        except PermissionError as error:
            warn(f"failed to change ownership: {(error.strerror or '').lower()}")


def _owner(metadata: Mapping[str, str], warn: Callable[[str], None]) -> tuple[int, int]:
    """The user and group of metadata; -1 leaves one as it is."""
    owner, group = (_number(metadata, name, 10, warn) for name in ("uid", "gid"))
    return -1 if owner is None else owner, -1 if group is None else group


def times_of(
    metadata: Mapping[str, str] | None, modified: int | None, warn: Callable[[str], None]
) -> tuple[int, int] | None:
    """Access and modification time to set, in nanoseconds; None where neither is asked for.

    An explicit `modified` wins over the metadata's; a missing access time follows it, as in rclone.
    """
    metadata = metadata or {}
    accessed = _time(metadata, "atime", warn)
    if modified is None:
        modified = _time(metadata, "mtime", warn)
    if modified is None:
        return None
    return (modified if accessed is None else accessed, modified)


def format_time(nanoseconds: int) -> str:
    """RFC 3339 in UTC, with as many digits as needed."""
    seconds, fraction = divmod(nanoseconds, _BILLION)
    moment = datetime.fromtimestamp(seconds, UTC)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{digits}Z"


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time zone is missing")
    whole = moment.replace(microsecond=0) - _EPOCH
    seconds = whole.days * 86_400 + whole.seconds
    fraction = text.partition(".")[2]
    digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
    return seconds * _BILLION + int((digits + "000000000")[:9])


def _clamped(nanoseconds: int) -> int:
    """As a listing's columns have it: a time beyond int64 becomes its nearest end."""
    return min(max(nanoseconds, -(2**63)), 2**63 - 1)


def _wrapped(value: int) -> int:
    """As a listing's columns have it: the 64 bits of an unsigned number, read as a signed one."""
    return value - 2**64 if value >= 2**63 else value


def _read_extended(descriptor: int) -> dict[str, str]:
    if not hasattr(os, "listxattr"):
        return {}
    try:
        names = os.listxattr(descriptor)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return {}
        raise
    return {
        name.removeprefix(_USER).lower(): os.getxattr(descriptor, name).decode("utf-8", "surrogateescape")
        for name in names
        if name.startswith(_USER) and name.removeprefix(_USER).lower() not in SYSTEM
    }


def _write_extended(descriptor: int, attributes: Mapping[str, str], warn: Callable[[str], None]) -> None:
    if attributes and not hasattr(os, "setxattr"):
        warn("failed to write xattr: not supported on this system")
        return
    for name, value in attributes.items():
        try:
            os.setxattr(descriptor, _USER + name.lower(), value.encode("utf-8", "surrogateescape"))
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTES:
                raise
            warn(f"failed to write xattr {name}: {(error.strerror or '').lower()}")


def _number(metadata: Mapping[str, str], name: str, base: int, warn: Callable[[str], None]) -> int | None:
    text = metadata.get(name)
    if text is None:
        return None
    try:
        return int(text, base)
    except ValueError:
        warn(f'failed to parse metadata {name}: "{text}"')
        return None


def _time(metadata: Mapping[str, str], name: str, warn: Callable[[str], None]) -> int | None:
    text = metadata.get(name)
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError:
        warn(f'failed to parse metadata {name}: "{text}"')
        return None
