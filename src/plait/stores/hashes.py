"""The hashes that Plait computes itself, under rclone's names."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

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


_HASHLIB: Final = frozenset({"md5", "sha1", "whirlpool", "sha256", "sha512"})
COMPUTABLE: Final = (
    *("md5", "sha1", "whirlpool", "crc32", "sha256", "sha512", "blake3", "xxh3", "xxh128"),
    *("dropbox", "hidrive", "mailru", "quickxor"),
)
"""The names that `new_digest` knows, in rclone's order of preference."""


ALIASES: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "Whirlpool": "whirlpool",
    "CRC-32": "crc32",
    "SHA-256": "sha256",
    "SHA-512": "sha512",
    "BLAKE3": "blake3",
    "XXH3": "xxh3",
    "XXH128": "xxh128",
    "DropboxHash": "dropbox",
    "HidriveHash": "hidrive",
    "MailruHash": "mailru",
    "QuickXorHash": "quickxor",
}


def hash_name(text: str) -> str | None:
    """A hash by what a person calls it; None for what is none."""
    name = ALIASES.get(text, text.lower())
    return name if name in COMPUTABLE else None


def new_digest(name: str) -> Digest:
    """A fresh digest. Raises NotSupportedError for a name that is not of `COMPUTABLE`."""
    if name == "crc32":
        return Crc32()
    if name in _HASHLIB:
        # Loading OpenSSL is a part of the start that a sync by times need not wait for.
        import hashlib

        if name in hashlib.algorithms_available:
            return hashlib.new(name, usedforsecurity=False)
    made = _of_library(name) or _of_service(name)
    if made is None:
        raise NotSupportedError(f"the hash {name} cannot be computed here")
    return made


def _of_library(name: str) -> Digest | None:
    if name == "blake3":
        from blake3 import blake3

        return blake3()
    if name == "xxh3":
        from xxhash import xxh3_64

        return xxh3_64()
    if name == "xxh128":
        from xxhash import xxh3_128

        return xxh3_128()
    return None


def _of_service(name: str) -> Digest | None:
    from plait.stores.digests.services import SERVICES
    from plait.stores.digests.whirlpool import Whirlpool

    return Whirlpool() if name == "whirlpool" else SERVICES[name]() if name in SERVICES else None


class Digests:
    """Those of the expected hashes that can be computed, computed together and compared at the end."""

    def __init__(self, expected: Mapping[str, str], names: Sequence[str] | None = None) -> None:
        known = COMPUTABLE if names is None else names
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
