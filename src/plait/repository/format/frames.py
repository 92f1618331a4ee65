"""The frame around every stored file: what it is, its version, and a checksum behind it (format, section 3)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError, NotSupportedError
from plait.repository.format.resources import MAC_SIZE, Resource, version_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.repository.format.hashing import Data

MAGIC: Final = b"_KLOSET_"
_OLD_MAGIC: Final = b"_PLAKAR_"
"""In the frames of betas before May 2025."""

_HEADER: Final = struct.Struct("<8sII")
HEADER_SIZE: Final = _HEADER.size
TRAILER_SIZE: Final = MAC_SIZE


def header(resource: Resource, version: int) -> bytes:
    """The 16 bytes before the payload."""
    return _HEADER.pack(MAGIC, resource, version)


def wrap(resource: Resource, version: int, payload: bytes, checksum: Callable[[Data], bytes]) -> bytes:
    """A stored file: header, payload, and the checksum of both."""
    framed = header(resource, version) + payload
    return framed + checksum(framed)


class NewerVersionError(NotSupportedError):
    """A stored file was written by a newer program. `found` and `newest` are texts, such as `v1.0.0`."""

    def __init__(self, what: str, version: int, newest: int) -> None:
        self.found = version_text(version)
        self.newest = version_text(newest)
        super().__init__(f"the {what} has version {self.found}; {self.newest} is the newest known")


def open_header(data: bytes, resource: Resource, newest: int) -> int:
    """The version that the first 16 bytes of a stored file name.

    Raises IntegrityError where they are not those of such a resource, NotSupportedError for a version after `newest`.
    """
    what = resource.name.lower()
    if len(data) < HEADER_SIZE:
        raise IntegrityError(f"the {what} is cut short: {len(data)} bytes")
    magic, kind, version = _HEADER.unpack_from(data)
    if magic not in {MAGIC, _OLD_MAGIC}:
        raise IntegrityError(f"the {what} does not begin as a file of a repository does")
    if kind != resource:
        raise IntegrityError(f"the {what} is marked as another kind of file ({kind})")
    if version > newest:
        raise NewerVersionError(what, version, newest)
    number: int = version
    return number


def open_payload(data: bytes, resource: Resource, newest: int) -> tuple[int, bytes]:
    """Version and payload of a stored file, whose trailer is *not* verified. Raises as `open_header`."""
    version = open_header(data, resource, newest)
    if len(data) < HEADER_SIZE + TRAILER_SIZE:
        raise IntegrityError(f"the {resource.name.lower()} is cut short: {len(data)} bytes")
    return version, data[HEADER_SIZE:-TRAILER_SIZE]


def unwrap(data: bytes, resource: Resource, newest: int, checksum: Callable[[Data], bytes]) -> tuple[int, bytes]:
    """Version and payload of a stored file.

    Raises IntegrityError where the file is cut short, is another kind of file, or does not have the checksum that it
    ends with, NotSupportedError for a version after `newest`.
    """
    version, payload = open_payload(data, resource, newest)
    verify(data, resource, checksum)
    return version, payload


def verify(data: bytes, resource: Resource, checksum: Callable[[Data], bytes]) -> None:
    """Raises IntegrityError where a stored file does not have the checksum that it ends with."""
    view = memoryview(data)
    if checksum(view[:-TRAILER_SIZE]) != view[-TRAILER_SIZE:]:
        raise IntegrityError(f"the {resource.name.lower()} does not have the checksum that it ends with")
