"""What a repository does to every byte it stores: identify, compress, encrypt (format, sections 3 to 6)."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

import msgspec

from plait.native import open_blob, open_blobs
from plait.native.pure.open_blobs import VERIFIED
from plait.repository.format import frames
from plait.repository.format.compression import Compression, compress, decompress
from plait.repository.format.encryption import Cipher
from plait.repository.format.hashing import Authenticator
from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.repository.format.hashing import Data
    from plait.repository.format.resources import Resource

_LEAST_LIMIT: Final = 16 << 20
_GREATEST_RATIO: Final = 16


def structure_limit(stored: int) -> int:
    """The longest plaintext that is taken from so many stored bytes of a structure.

    What grows with a repository (states, lists of chunks) consists of identifiers for the most part, and these do not
    compress; what could be repetitive is short.
    """
    return max(_LEAST_LIMIT, _GREATEST_RATIO * stored)


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

    def decode(self, stored: bytes, limit: int | None = None) -> bytes:
        """The plaintext of what `encode` gave, of at most `limit` bytes; None: `structure_limit`.

        Raises IntegrityError where it is damaged or longer.
        """
        longest = structure_limit(len(stored)) if limit is None else limit
        stream_key = self._stream_key
        if stream_key is not None:
            plain = open_blob(*stream_key, self.compression is not None, stored, longest)
            if plain is not None:
                return plain
        # What is unusual, and what is damaged, of which this way says how.
        stream = stored if self.cipher is None else self.cipher.decrypt(stored)
        if self.compression is None:
            return stream
        return decompress(self.compression, stream, longest)

    @property
    def verified_size(self) -> int:
        """How long what `decode_all` decodes may be to be verified by it; -1: nothing is."""
        return -1 if self.authenticator.blake3_key is None else VERIFIED

    def decode_all(self, stored: bytes, spans: bytes, place: memoryview, macs: bytes) -> Sequence[int]:
        """Decodes many blobs of `stored` into `place`, as `native.open_blobs` does; `macs` are their identifiers.

        A negative length may mean anything: `decode` says what is the matter. It decodes what is unusual, too.
        """
        stream_key = self._stream_key
        if stream_key is None:
            return [-1] * (len(macs) // MAC_SIZE)
        compressed, secret = self.compression is not None, self.authenticator.blake3_key
        return array("q", open_blobs(*stream_key, compressed, stored, spans, place, secret, macs))

    @property
    def _stream_key(self) -> tuple[bytes | None, int] | None:
        """What `native.open_blob` takes for a key; None where it does not know this repository's algorithms."""
        if self.compression not in {None, Compression.LZ4}:
            return None
        return (None, 0) if self.cipher is None else self.cipher.stream_key

    def wrap(self, resource: Resource, version: int, payload: bytes) -> bytes:
        """A stored file with `payload` in it, which is encoded already."""
        return frames.wrap(resource, version, payload, self.mac)

    def unwrap(self, data: bytes, resource: Resource, newest: int) -> tuple[int, bytes]:
        """Version and payload of a stored file. Raises as `frames.unwrap`."""
        return frames.unwrap(data, resource, newest, self.mac)
