"""What a repository does to every byte it stores: identify, compress, encrypt (format, sections 3 to 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.repository.format import frames
from plait.repository.format.compression import Compression, compress, decompress
from plait.repository.format.encryption import Cipher
from plait.repository.format.hashing import Authenticator

if TYPE_CHECKING:
    from plait.repository.format.hashing import Data
    from plait.repository.format.resources import Resource

BLOB_LIMIT: Final = 1 << 30
"""The longest plaintext that is taken from one stored stream where the caller knows no lower bound."""


class Codec(msgspec.Struct, frozen=True):
    """The identifiers, compression and encryption of one repository; either of the last two may be missing."""

    authenticator: Authenticator
    compression: Compression | None = None
    cipher: Cipher | None = None

    def mac(self, data: Data) -> bytes:
        """The identifier of `data`."""
        return self.authenticator.mac(data)

    def encode(self, plain: bytes) -> bytes:
        """As stored: compressed, then encrypted."""
        stream = plain if self.compression is None else compress(self.compression, plain)
        return stream if self.cipher is None else self.cipher.encrypt(stream)

    def decode(self, stored: bytes, limit: int = BLOB_LIMIT) -> bytes:
        """The plaintext of what `encode` gave. Raises IntegrityError where it is damaged or longer than `limit`."""
        stream = stored if self.cipher is None else self.cipher.decrypt(stored)
        return stream if self.compression is None else decompress(self.compression, stream, limit)

    def wrap(self, resource: Resource, version: int, payload: bytes) -> bytes:
        """A stored file with `payload` in it, which is encoded already."""
        return frames.wrap(resource, version, payload, self.mac)

    def unwrap(self, data: bytes, resource: Resource, newest: int) -> tuple[int, bytes]:
        """Version and payload of a stored file. Raises as `frames.unwrap`."""
        return frames.unwrap(data, resource, newest, self.mac)
