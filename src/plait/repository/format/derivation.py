"""From a passphrase to a key (format, sections 2.3 and 2.4).

The parameters come from a file that anyone may have written, so they are bounded before any work is done.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from plait.model.errors import IntegrityError, NotSupportedError
from plait.repository.format.encryption import KEY_SIZE
from plait.repository.format.wire import OMIT_EMPTY, U8, U32, Bytes, Int, Text

_MOST_MEMORY: Final = 1 << 30
"""Bytes; the default of Argon2id takes a quarter of it."""
_MOST_ARGON2_WORK: Final = 16 << 20
"""KiB times passes; the default is 1 << 20, about a second."""
_SODIUM_SALT: Final = 16
"""Bytes of the only salts that libsodium takes."""
_MOST_SCRYPT_LANES: Final = 16
_MOST_ITERATIONS: Final = 10_000_000

_DIGESTS: Final = {"SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}


class Argon2id(msgspec.Struct, frozen=True, rename="pascal"):
    """Costs of Argon2id, version 1.3; memory in KiB."""

    salt_size: U32 = 16
    time: U32 = 4
    memory: U32 = 262144
    threads: U8 = 1
    key_len: U32 = KEY_SIZE


class Scrypt(msgspec.Struct, frozen=True, rename="pascal"):
    """Costs of scrypt (RFC 7914)."""

    salt_size: U32 = 16
    n: Int = 32768
    r: Int = 8
    p: Int = 1
    key_len: Int = KEY_SIZE


class Pbkdf2(msgspec.Struct, frozen=True, rename="pascal"):
    """Costs of PBKDF2 (RFC 8018)."""

    salt_size: U32 = 16
    iterations: Int = 100000
    key_len: Int = KEY_SIZE
    hashing: Text = "SHA256"


class Derivation(msgspec.Struct, frozen=True):
    """How the key is derived: the name of the function, the salt, and the costs of that function."""

    kdf: Text = msgspec.field(name="KDF")
    salt: Bytes = msgspec.field(name="Salt")
    argon2id: Annotated[Argon2id | None, OMIT_EMPTY] = None
    scrypt: Annotated[Scrypt | None, OMIT_EMPTY] = None
    pbkdf2: Annotated[Pbkdf2 | None, OMIT_EMPTY] = None


def derive_key(passphrase: bytes, derivation: Derivation) -> bytes:
    """The key of 32 bytes that a passphrase and the parameters give; takes a second or more by intention.

    Raises NotSupportedError for another function, IntegrityError for parameters that are missing, impossible, or would
    take more memory or time than any sensible repository does.
    """
    if not 8 <= len(derivation.salt) <= 1024:
        raise IntegrityError(f"the salt of the repository's key has {len(derivation.salt)} bytes")
    costs = {"ARGON2ID": derivation.argon2id, "SCRYPT": derivation.scrypt, "PBKDF2": derivation.pbkdf2}
    if derivation.kdf not in costs:
        raise NotSupportedError(f"the repository's key derivation is not known: {derivation.kdf}")
    match costs[derivation.kdf]:
        case Argon2id() as argon2id:
            return _argon2id(passphrase, derivation.salt, argon2id)
        case Scrypt() as scrypt:
            return _scrypt(passphrase, derivation.salt, scrypt)
        case Pbkdf2() as pbkdf2:
            return _pbkdf2(passphrase, derivation.salt, pbkdf2)
        case _:
            raise IntegrityError(f"the parameters of the repository's key derivation are missing: {derivation.kdf}")


def _argon2id(passphrase: bytes, salt: bytes, costs: Argon2id) -> bytes:
    possible = costs.key_len == KEY_SIZE and costs.time >= 1 and costs.threads >= 1
    possible = possible and 8 * costs.threads <= costs.memory <= _MOST_MEMORY >> 10
    _check(possible=possible and costs.memory * costs.time <= _MOST_ARGON2_WORK)
    if costs.threads == 1 and len(salt) == _SODIUM_SALT:
        return _argon2id_of_sodium(passphrase, salt, costs)
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as Function

    function = Function(
        salt=salt, length=costs.key_len, iterations=costs.time, lanes=costs.threads, memory_cost=costs.memory
    )
    return function.derive(passphrase)


def _argon2id_of_sodium(passphrase: bytes, salt: bytes, costs: Argon2id) -> bytes:
    """The same in two thirds of the time, with wide registers, and with a smaller library in memory beside it."""
    from nacl.bindings import crypto_pwhash_alg, crypto_pwhash_ALG_ARGON2ID13
    from nacl.exceptions import RuntimeError as SodiumError

    try:
        return crypto_pwhash_alg(
            costs.key_len, passphrase, salt, costs.time, costs.memory << 10, crypto_pwhash_ALG_ARGON2ID13
        )
    except SodiumError:
        # The only reason that it has.
        raise MemoryError from None


def _scrypt(passphrase: bytes, salt: bytes, costs: Scrypt) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as Function

    possible = costs.key_len == KEY_SIZE and costs.n >= 2 and costs.n & (costs.n - 1) == 0
    possible = possible and costs.r >= 1 and 1 <= costs.p <= _MOST_SCRYPT_LANES
    _check(possible=possible and 128 * costs.r * (costs.n + costs.p) <= _MOST_MEMORY)
    return Function(salt=salt, length=costs.key_len, n=costs.n, r=costs.r, p=costs.p).derive(passphrase)


def _pbkdf2(passphrase: bytes, salt: bytes, costs: Pbkdf2) -> bytes:
    import hashlib

    if costs.hashing not in _DIGESTS:
        raise NotSupportedError(f"the repository's key derivation is not known: PBKDF2 with {costs.hashing}")
    _check(possible=costs.key_len == KEY_SIZE and 1 <= costs.iterations <= _MOST_ITERATIONS)
    return hashlib.pbkdf2_hmac(_DIGESTS[costs.hashing], passphrase, salt, costs.iterations, costs.key_len)


def _check(*, possible: bool) -> None:
    if not possible:
        raise IntegrityError("the parameters of the repository's key derivation are out of their range")
