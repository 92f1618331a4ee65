"""Identifiers: keyed hashes of what they identify (format, section 5)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Protocol, TypeAlias

import blake3

from plait.model.errors import NotSupportedError
from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable


Data: TypeAlias = bytes | bytearray | memoryview


class Hasher(Protocol):
    """A hash under way."""

    def update(self, data: Data, /) -> object:
        """Goes on with `data`."""
        ...

    def digest(self) -> bytes:
        """The hash of what was given so far."""
        ...


class Authenticator:
    """The MAC of one repository: 32 bytes that nobody without its secret can foretell.

    `algorithm` is `BLAKE3` (keyed mode) or `SHA256` (HMAC), `secret` 32 bytes. Raises NotSupportedError for any other.
    """

    def __init__(self, algorithm: str, secret: bytes) -> None:
        if len(secret) != MAC_SIZE:
            raise NotSupportedError(f"a secret of {len(secret)} bytes cannot key the identifiers; 32 are needed")
        _hash(algorithm)
        self.algorithm = algorithm
        self._secret = secret

    @property
    def blake3_key(self) -> bytes | None:
        """The secret, where identifiers are BLAKE3s keyed with it."""
        return self._secret if self.algorithm == "BLAKE3" else None

    def hasher(self) -> Hasher:
        """A MAC to be fed piece by piece."""
        if self.algorithm == "BLAKE3":
            return blake3.blake3(key=self._secret)
        return hmac.new(self._secret, digestmod=hashlib.sha256)

    def mac(self, data: Data) -> bytes:
        """The MAC of `data`."""
        if self.algorithm == "BLAKE3":
            return blake3.blake3(data, key=self._secret).digest()
        return hmac.digest(self._secret, data, "sha256")


def plain_secret(algorithm: str, repository: bytes) -> bytes:
    """The secret of a repository that is not encrypted: the hash of its identifier. Raises NotSupportedError."""
    return _hash(algorithm)(repository)


def plain_checksum(data: Data) -> bytes:
    """BLAKE3 without a key, as at the end of CONFIG."""
    return blake3.blake3(data).digest()


def keyed_checksum(key: bytes) -> Callable[[Data], bytes]:
    """BLAKE3 with a key of 32 bytes, as at the end of an encrypted repository's CONFIG."""
    return lambda data: blake3.blake3(data, key=key).digest()


def _hash(algorithm: str) -> Callable[[bytes], bytes]:
    if algorithm == "BLAKE3":
        return plain_checksum
    if algorithm == "SHA256":
        return lambda data: hashlib.sha256(data).digest()
    raise NotSupportedError(f"the repository's hash algorithm is not known: {algorithm}")
