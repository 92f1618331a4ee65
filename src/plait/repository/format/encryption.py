"""Encrypted streams: a wrapped key of their own, then records of AES-256-GCM-SIV (format, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.model.errors import IntegrityError, NotSupportedError
from plait.native import open_stream, seal_stream
from plait.native.pure import gcm_siv

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_TAG_SIZE: Final = 16
_KEY_RECORD: Final = _NONCE_SIZE + KEY_SIZE + _TAG_SIZE
_LARGEST_RECORD: Final = 1 << 26

KEY_WRAP: Final = "AES256-KW"
KEY_GCM: Final = "AES256-GCM"
DATA_GCM_SIV: Final = "AES256-GCM-SIV"


class Cipher:
    """Encrypts and decrypts the streams of one repository.

    `key`: 32 bytes from the passphrase. `subkeys`, `data`: names of the algorithms. `record_size`: plaintext bytes in
    every record but the last. `random_bytes`: where keys and nonces come from; it must be fit for secrets.
    Raises NotSupportedError for other algorithms, IntegrityError for a record size that is none.
    """

    def __init__(
        self, key: bytes, subkeys: str, data: str, record_size: int, random_bytes: Callable[[int], bytes]
    ) -> None:
        if subkeys not in {KEY_WRAP, KEY_GCM} or data != DATA_GCM_SIV:
            raise NotSupportedError(f"the repository's encryption is not known: {subkeys} with {data}")
        if len(key) != KEY_SIZE:
            raise NotSupportedError(f"a key of {len(key)} bytes was derived; {KEY_SIZE} are needed")
        if not 1 <= record_size <= _LARGEST_RECORD:
            raise IntegrityError(f"the size of the encryption's records is out of its range: {record_size}")
        self._key = key
        self._wraps = subkeys == KEY_WRAP
        self._record_size = record_size
        self._random = random_bytes

    @property
    def stream_key(self) -> tuple[bytes, int] | None:
        """The key and the record size that `native.open_stream` takes; None where subkeys are not wrapped."""
        return (self._key, self._record_size) if self._wraps else None

    def encrypt(self, plain: bytes) -> bytes:
        """The encrypted stream of `plain`, under a fresh key."""
        secret = self._random(KEY_SIZE + _NONCE_SIZE * -(-len(plain) // self._record_size))
        if self._wraps:
            return seal_stream(self._key, secret, plain, self._record_size)
        subkey, nonces = secret[:KEY_SIZE], secret[KEY_SIZE:]
        return self._wrap_as_record(subkey) + gcm_siv.seal_records(subkey, nonces, plain, self._record_size)

    def decrypt(self, stream: bytes) -> bytes:
        """The plaintext of a stream.

        Raises IntegrityError where it was altered or cut inside a record, or belongs to another key. (A stream cut
        between two records passes: what is inside has identifiers of its own.)
        """
        try:
            if self._wraps:
                return open_stream(self._key, stream, self._record_size)
            records = memoryview(stream)[_KEY_RECORD:]
            return gcm_siv.open_records(self._unwrap_record(stream), records, self._record_size)
        except ValueError as error:
            raise IntegrityError(str(error)) from None

    def _wrap_as_record(self, subkey: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = self._random(_NONCE_SIZE)
        return nonce + AESGCM(self._key).encrypt(nonce, subkey, None)

    def _unwrap_record(self, stream: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(stream) < _KEY_RECORD:
            raise IntegrityError(f"an encrypted stream is cut short: {len(stream)} bytes")
        try:
            return AESGCM(self._key).decrypt(stream[:_NONCE_SIZE], stream[_NONCE_SIZE:_KEY_RECORD], None)
        except InvalidTag:
            raise IntegrityError("the key of an encrypted stream was altered, or is another repository's") from None
