"""Encrypted streams: a key of their own, wrapped as in RFC 3394, then records of AES-256-GCM-SIV as in RFC 8452.

Through OpenSSL, which `cryptography` brings; this twin and `open_blobs` are the only ones that need a library.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

    from plait.native.pure.fastcdc import Bytes

_KEY: Final = 32
_WRAPPED: Final = _KEY + 8
_NONCE: Final = 12
_OVERHEAD: Final = _NONCE + 16
_NO_SIZES: Final = "the key has to have 32 bytes, and records some"


class _Library(NamedTuple):
    """What is used of `cryptography`: looked up once, as an import statement costs as much as a small stream does."""

    data: type[AESGCMSIV]
    wrap: Callable[[bytes, bytes], bytes]
    unwrap: Callable[[bytes, bytes], bytes]
    invalid_tag: type[Exception]
    invalid_unwrap: type[Exception]


@cache
def _library() -> _Library:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import keywrap
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

    return _Library(AESGCMSIV, keywrap.aes_key_wrap, keywrap.aes_key_unwrap, InvalidTag, keywrap.InvalidUnwrap)


def seal_stream(key: Bytes, secret: Bytes, plain: Bytes, record_size: int, /) -> bytes:
    """The encrypted stream of `plain`.

    `key`: 32 bytes, which wrap the stream's own. `secret`: that key of 32 bytes, and a nonce of 12 for every record;
    it must be fit for secrets, and new. `record_size`: bytes of `plain` in every record but the last; of none there is
    none. Raises ValueError where the lengths are others.
    """
    if len(key) != _KEY or record_size < 1:
        raise ValueError(_NO_SIZES)
    subkey, nonces = bytes(secret[:_KEY]), bytes(secret[_KEY:])
    if len(secret) != _KEY + _NONCE * -(-len(plain) // record_size):
        message = "the secret has to be a key and a nonce for each record"
        raise ValueError(message)
    return _library().wrap(bytes(key), subkey) + seal_records(subkey, nonces, plain, record_size)


def open_stream(key: Bytes, stream: Bytes, record_size: int, /) -> bytes:
    """What `seal_stream` sealed.

    Raises ValueError, which says for people what is wrong: the stream was altered, or cut inside a record, or belongs
    to another key, or the lengths cannot be.
    """
    if len(key) != _KEY or record_size < 1:
        raise ValueError(_NO_SIZES)
    if len(stream) < _WRAPPED:
        message = f"an encrypted stream is cut short: {len(stream)} bytes"
        raise ValueError(message)
    view = memoryview(stream)
    require_records(len(stream) - _WRAPPED, record_size)
    library = _library()
    try:
        subkey = library.unwrap(bytes(key), bytes(view[:_WRAPPED]))
    except library.invalid_unwrap:
        message = "the key of an encrypted stream was altered, or is another repository's"
        raise ValueError(message) from None
    return open_records(subkey, view[_WRAPPED:], record_size)


def seal_records(subkey: bytes, nonces: bytes, plain: Bytes, record_size: int) -> bytes:
    """The records of a stream, behind its wrapped key."""
    seal = _library().data(subkey).encrypt
    view = memoryview(plain)
    parts: list[bytes] = []
    for number, start in enumerate(range(0, len(plain), record_size)):
        nonce = nonces[_NONCE * number : _NONCE * (number + 1)]
        parts += (nonce, seal(nonce, view[start : start + record_size], None))
    return b"".join(parts)


def open_records(subkey: bytes, records: Bytes, record_size: int) -> bytes:
    """What `seal_records` sealed. Raises as `open_stream`."""
    library = _library()
    require_records(len(records), record_size)
    unseal = library.data(subkey).decrypt
    view = memoryview(records)
    parts = []
    for start in range(0, len(records), record_size + _OVERHEAD):
        record = view[start : start + record_size + _OVERHEAD]
        try:
            parts.append(unseal(record[:_NONCE], record[_NONCE:], None))
        except library.invalid_tag:
            message = "a record of an encrypted stream was altered"
            raise ValueError(message) from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def require_records(size: int, record_size: int) -> None:
    """Raises ValueError where so many bytes cannot be records, the last of which is not empty."""
    if 0 < size % (record_size + _OVERHEAD) <= _OVERHEAD:
        message = "the last record of an encrypted stream is cut short"
        raise ValueError(message)
