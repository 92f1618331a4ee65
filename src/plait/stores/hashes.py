"""The hashes that Plait computes itself, under rclone's names."""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from typing import TYPE_CHECKING, Protocol

from plait.model.errors import IntegrityError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Digest(Protocol):
    """A hash being computed."""

    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


class Crc32:
    """CRC-32 (IEEE 802.3) as eight hex digits."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


_HASHLIB = ("md5", "sha1", "whirlpool", "sha256", "sha512")
_PREFERENCE = ("md5", "sha1", "whirlpool", "crc32", "sha256", "sha512", "blake3")


@cache
def computable() -> tuple[str, ...]:
    """The names that `new_digest` knows on this machine, in rclone's order of preference."""
    missing = {name for name in _HASHLIB if name not in hashlib.algorithms_available}
    return tuple(name for name in _PREFERENCE if name not in missing)


def new_digest(name: str) -> Digest:
    """A fresh digest. Raises NotSupportedError for a name that is not `computable`."""
    if name not in computable():
        raise NotSupportedError(f"the hash {name} cannot be computed here")
    if name == "crc32":
        return Crc32()
    if name == "blake3":
        from blake3 import blake3

        return blake3()
    return hashlib.new(name, usedforsecurity=False)


class Digests:
    """Those of the expected hashes that can be computed, computed together and compared at the end."""

    def __init__(self, expected: Mapping[str, str], names: Sequence[str] | None = None) -> None:
        known = computable() if names is None else names
        self._expected = expected
        self._digests = {name: new_digest(name) for name in expected if name in known}

    def update(self, data: bytes) -> None:
        """Adds content."""
        for digest in self._digests.values():
            digest.update(data)

    def check(self, key: str) -> None:
        """Raises IntegrityError where a hash is not the expected one."""
        for name, digest in self._digests.items():
            found = digest.hexdigest()
            if found != self._expected[name]:
                raise IntegrityError(
                    f"corrupted on transfer: {name} hashes differ: expected {self._expected[name]}, got {found}",
                    key=key,
                )
