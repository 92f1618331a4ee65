"""CONFIG: what a repository is, and the way from its passphrase to its codec (format, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import IntegrityError, SecretError
from plait.repository.format import frames, wire
from plait.repository.format.codec import Codec
from plait.repository.format.compression import Compression
from plait.repository.format.derivation import Argon2id, Derivation, derive_key
from plait.repository.format.encryption import DATA_GCM_SIV, KEY_SIZE, KEY_WRAP, Cipher
from plait.repository.format.hashing import Authenticator, keyed_checksum, plain_checksum, plain_secret
from plait.repository.format.resources import VERSION_1_0_0, Resource
from plait.repository.format.wire import U32, U64, Bool, Bytes, Int, Text, Time, Uuid

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE_LIMIT: Final = 32 << 10
"""Bytes that a CONFIG may take; one with every setting takes about 700."""
CANARY_SIZE: Final = 32


class PackfileSizes(msgspec.Struct, frozen=True, rename="pascal"):
    """Bytes of blobs in a packfile; only the greatest counts: a packfile is closed when it is passed."""

    min_size: U64 = 0
    avg_size: U64 = 0
    max_size: U64 = 64 << 20


class Chunking(msgspec.Struct, frozen=True, rename="pascal"):
    """How content is cut: the name of the algorithm, and bytes in a chunk."""

    algorithm: Text = "fastcdc-v1.0.0"
    min_size: U32 = 512 << 10
    normal_size: U32 = 1 << 20
    max_size: U32 = 8 << 20


class Hashing(msgspec.Struct, frozen=True, rename="pascal"):
    """What identifiers are made with: BLAKE3 or SHA256."""

    algorithm: Text = "BLAKE3"
    bits: U32 = 256


class CompressionSettings(msgspec.Struct, frozen=True):
    """Only the name counts: LZ4 or GZIP."""

    algorithm: Text = msgspec.field(default="LZ4", name="Algorithm")
    level: Int = msgspec.field(default=131072, name="Level")
    window_size: Int = msgspec.field(default=-1, name="WindowSize")
    chunk_size: Int = msgspec.field(default=-1, name="ChunkSize")
    block_size: Int = msgspec.field(default=-1, name="BlockSize")
    enable_crc: Bool = msgspec.field(default=False, name="EnableCRC")


class Encryption(msgspec.Struct, frozen=True):
    """How streams are encrypted, how the key comes from the passphrase, and a stream that only that key decrypts."""

    sub_key_algorithm: Text = msgspec.field(name="SubKeyAlgorithm")
    data_algorithm: Text = msgspec.field(name="DataAlgorithm")
    chunk_size: Int = msgspec.field(name="ChunkSize")
    derivation: Derivation = msgspec.field(name="KDFParams")
    canary: Bytes = msgspec.field(name="Canary")


class Configuration(msgspec.Struct, frozen=True):
    """What CONFIG says. `timestamp` is in nanoseconds since the epoch, `repository` a UUID."""

    timestamp: Time = msgspec.field(name="Timestamp")
    repository: Uuid = msgspec.field(name="RepositoryID")
    packfile: PackfileSizes = msgspec.field(default=PackfileSizes(), name="Packfile")
    chunking: Chunking = msgspec.field(default=Chunking(), name="Chunking")
    hashing: Hashing = msgspec.field(default=Hashing(), name="Hashing")
    compression: CompressionSettings | None = msgspec.field(default=None, name="Compression")
    encryption: Encryption | None = msgspec.field(default=None, name="Encryption")


class Unlocked(msgspec.Struct, frozen=True):
    """A configuration with the codec of its repository."""

    configuration: Configuration
    codec: Codec


def read(data: bytes) -> Configuration:
    """What a CONFIG says, before its checksum can be verified.

    Raises IntegrityError where it is none or malformed, NotSupportedError for a newer version.
    """
    if len(data) > SIZE_LIMIT:
        raise IntegrityError(f"the configuration of the repository is too long: {len(data)} bytes")
    _, payload = frames.open_payload(data, Resource.CONFIG, VERSION_1_0_0)
    try:
        return wire.decode(payload, Configuration)
    except IntegrityError as error:
        raise IntegrityError(f"the config is damaged or cut short: {error}") from None


def unlock(data: bytes, passphrase: bytes | None, random_bytes: Callable[[int], bytes]) -> Unlocked:
    """Opens a CONFIG; `random_bytes` is for what will be written, and must be fit for secrets.

    Raises SecretError where the repository is encrypted and the passphrase is missing or wrong; else as `read`, and
    IntegrityError where the checksum is wrong. A passphrase for a repository that needs none is not used.
    """
    configuration = read(data)
    encryption = configuration.encryption
    if encryption is None:
        frames.verify(data, Resource.CONFIG, plain_checksum)
        return Unlocked(configuration, make_codec(configuration, None, random_bytes))
    if passphrase is None:
        raise SecretError("the repository is encrypted and no passphrase was given")
    key = derive_key(passphrase, encryption.derivation)
    codec = make_codec(configuration, key, random_bytes)
    try:
        _cipher(encryption, key, random_bytes).decrypt(encryption.canary)
    except IntegrityError:
        raise SecretError("the passphrase of the repository is wrong") from None
    frames.verify(data, Resource.CONFIG, keyed_checksum(key))
    return Unlocked(configuration, codec)


def make_unlocked(configuration: Configuration, key: bytes | None, random_bytes: Callable[[int], bytes]) -> Unlocked:
    """A configuration whose key is known, as `unlock` gives it. Raises as `make_codec`."""
    return Unlocked(configuration, make_codec(configuration, key, random_bytes))


def make_codec(configuration: Configuration, key: bytes | None, random_bytes: Callable[[int], bytes]) -> Codec:
    """The codec of a repository; `key` is that of an encrypted one. Raises NotSupportedError for unknown algorithms."""
    algorithm = configuration.hashing.algorithm
    secret = plain_secret(algorithm, configuration.repository) if key is None else key
    compression = configuration.compression
    return Codec(
        authenticator=Authenticator(algorithm, secret),
        compression=None if compression is None else Compression.named(compression.algorithm),
        cipher=None
        if configuration.encryption is None or key is None
        else _cipher(configuration.encryption, key, random_bytes),
    )


def make_encryption(passphrase: bytes, random_bytes: Callable[[int], bytes]) -> tuple[Encryption, bytes]:
    """The encryption of a new repository, as the original makes it by default, and the key of its passphrase."""
    derivation = Derivation(kdf="ARGON2ID", salt=random_bytes(16), argon2id=Argon2id())
    key = derive_key(passphrase, derivation)
    record_size = 65536
    canary = Cipher(key, KEY_WRAP, DATA_GCM_SIV, record_size, random_bytes).encrypt(random_bytes(CANARY_SIZE))
    return Encryption(KEY_WRAP, DATA_GCM_SIV, record_size, derivation, canary), key


def write(configuration: Configuration, key: bytes | None) -> bytes:
    """The CONFIG of a repository; `key` is that of an encrypted one."""
    checksum = plain_checksum if key is None else keyed_checksum(key)
    return frames.wrap(Resource.CONFIG, VERSION_1_0_0, wire.encode(configuration), checksum)


def _cipher(encryption: Encryption, key: bytes, random_bytes: Callable[[int], bytes]) -> Cipher:
    if len(key) != KEY_SIZE:
        raise IntegrityError(f"the key of the repository has {len(key)} bytes")
    return Cipher(key, encryption.sub_key_algorithm, encryption.data_algorithm, encryption.chunk_size, random_bytes)
