"""Encrypted streams: a wrapped key of their own, then records of AES-256-GCM-SIV (format, section 4)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.model.errors import IntegrityError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_TAG_SIZE: Final = 16
_RECORD_OVERHEAD: Final = _NONCE_SIZE + _TAG_SIZE
_LARGEST_RECORD: Final = 1 << 26

KEY_WRAP: Final = "AES256-KW"
KEY_GCM: Final = "AES256-GCM"
DATA_GCM_SIV: Final = "AES256-GCM-SIV"


class _Library(NamedTuple):
    """What is used of `cryptography`: looked up once, as an import statement costs as much as a small blob does."""

    data: type[AESGCMSIV]
    legacy: type[AESGCM]
    wrap: Callable[[bytes, bytes], bytes]
    unwrap: Callable[[bytes, bytes], bytes]
    invalid_tag: type[Exception]
    invalid_unwrap: type[Exception]


@cache
def _library() -> _Library:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import keywrap
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

    return _Library(AESGCMSIV, AESGCM, keywrap.aes_key_wrap, keywrap.aes_key_unwrap, InvalidTag, keywrap.InvalidUnwrap)


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

    def encrypt(self, plain: bytes) -> bytes:
        """The encrypted stream of `plain`, under a fresh key."""
        secret = self._random(KEY_SIZE + _NONCE_SIZE)
        subkey, nonce = secret[:KEY_SIZE], secret[KEY_SIZE:]
        seal = _library().data(subkey).encrypt
        if 0 < len(plain) <= self._record_size:
            return self._wrap(subkey) + nonce + seal(nonce, plain, None)
        parts = [self._wrap(subkey)]
        view = memoryview(plain)
        for start in range(0, len(plain), self._record_size):
            nonce = self._random(_NONCE_SIZE)
            parts.append(nonce)
            parts.append(seal(nonce, view[start : start + self._record_size], None))
        return b"".join(parts)

    def decrypt(self, stream: bytes) -> bytes:
        """The plaintext of a stream.

        Raises IntegrityError where it was altered or cut inside a record, or belongs to another key. (A stream cut
        between two records passes: what is inside has identifiers of its own.)
        """
        library = _library()
        size = self._wrapped_size
        if len(stream) < size:
            raise IntegrityError(f"an encrypted stream is cut short: {len(stream)} bytes")
        unseal = library.data(self._unwrap(stream[:size])).decrypt
        if _RECORD_OVERHEAD < len(stream) - size <= self._record_size + _RECORD_OVERHEAD:
            try:
                return unseal(stream[size : size + _NONCE_SIZE], stream[size + _NONCE_SIZE :], None)
            except library.invalid_tag:
                raise IntegrityError("a record of an encrypted stream was altered") from None
        view = memoryview(stream)
        parts = []
        step = self._record_size + _RECORD_OVERHEAD
        for start in range(size, len(stream), step):
            record = view[start : start + step]
            if len(record) <= _RECORD_OVERHEAD:
                raise IntegrityError("the last record of an encrypted stream is cut short")
            try:
                parts.append(unseal(record[:_NONCE_SIZE], record[_NONCE_SIZE:], None))
            except library.invalid_tag:
                raise IntegrityError("a record of an encrypted stream was altered") from None
        return b"".join(parts)

    @property
    def _wrapped_size(self) -> int:
        return KEY_SIZE + 8 if self._wraps else KEY_SIZE + _RECORD_OVERHEAD

    def _wrap(self, subkey: bytes) -> bytes:
        if self._wraps:
            return _library().wrap(self._key, subkey)
        nonce = self._random(_NONCE_SIZE)
        return nonce + _library().legacy(self._key).encrypt(nonce, subkey, None)

    def _unwrap(self, wrapped: bytes) -> bytes:
        library = _library()
        try:
            if self._wraps:
                return library.unwrap(self._key, wrapped)
            return library.legacy(self._key).decrypt(wrapped[:_NONCE_SIZE], wrapped[_NONCE_SIZE:], None)
        except (library.invalid_unwrap, library.invalid_tag):
            raise IntegrityError("the key of an encrypted stream was altered, or is another repository's") from None
