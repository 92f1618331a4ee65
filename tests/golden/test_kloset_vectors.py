"""Bytes and figures of the format, one by one; the longer ones are in kloset/vectors.json."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import blake3
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from plait.native import entropy
from plait.repository.format import (
    archives,
    btrees,
    compression,
    configuration,
    derivation,
    dirpacks,
    entries,
    frames,
    locks,
    msgpack,
    packfiles,
    states,
    wire,
)
from plait.repository.format.chunking import Chunker, spread_masks
from plait.repository.format.codec import Codec
from plait.repository.format.compression import Compression
from plait.repository.format.configuration import Chunking, Configuration
from plait.repository.format.encryption import Cipher
from plait.repository.format.gear import GEAR
from plait.repository.format.hashing import Authenticator, plain_secret
from plait.repository.format.objects import Chunk, Object, mean_entropy
from plait.repository.format.resources import NO_MAC, STATE_VERSION, VERSION_1_0_0, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.golden.conftest import Golden

VECTORS = {
    name: bytes.fromhex(text)
    for name, text in json.loads((Path(__file__).parent / "kloset/vectors.json").read_text()).items()
}
TIME = 1_700_000_000_123_456_789
REPOSITORY = bytes(range(16))
PASSPHRASE = b"correct horse battery staple"
SALT = bytes(range(0x10, 0x20))
KEY = bytes.fromhex("03d477f99258b063adbcd5033fd6e250c478692bad8d8d7a00f9384633a08a34")
SUBKEY = bytes(range(0x40, 0x60))
NONCE = bytes(range(12))
WRAPPED = bytes.fromhex("3a27a789b5bfac4914160966b129d041a18cf516b18fc918a24a42634294237238a81062c2e2f0cb")
RECORD = bytes.fromhex("000102030405060708090a0bb6591f43c71232d8b311d879e21cd8b0b3461d1912")
CANARY = WRAPPED + bytes.fromhex(
    "000102030405060708090a0b9603ac20c1a6a44abc3ead2c5247276e645d3291bc0b0329af28d8e672a3096a1a25e304805160a4e3e989f5"
    "4025f4a8"
)
OBJECT_MAC = bytes.fromhex("3c41f64dfcaa5a10c679e57fef8ab55c67965b89c6dc7a8dde071bc3e24966fc")
ENTRY_MAC = bytes.fromhex("4478efa1e6f970f082eded293432e4177b5fb55d3fb5836723c8c4be69ecfee6")
A, B = b"\xaa" * 32, b"\xbb" * 32


def given(*values: bytes) -> Callable[[int], bytes]:
    """A source of these "random" bytes, in order."""
    left = bytearray(b"".join(values))

    def take(size: int) -> bytes:
        value = bytes(left[:size])
        assert len(value) == size
        del left[:size]
        return value

    return take


def plain_codec(algorithm: str = "BLAKE3") -> Codec:
    return Codec(Authenticator(algorithm, plain_secret(algorithm, REPOSITORY)))


def cuts(lengths: list[int]) -> str:
    return hashlib.sha256(struct.pack(f"<{len(lengths)}Q", *lengths)).hexdigest()


def test_gear_table() -> None:
    words = struct.unpack("=256Q", GEAR)
    assert hashlib.sha256(struct.pack("<256Q", *words)).hexdigest() == (
        "c4e8f68dd1d035055021eec0298fdf67af2b77a8b690d418533cdb3970760372"
    )


def test_masks() -> None:
    assert spread_masks(1 << 20) == (0xAAAAAAAAAAA00000, 0x9249249249249000)


@pytest.mark.parametrize("content", [bytes(32 << 20), b"plakar" * ((32 << 20) // 6 + 1)], ids=["zeros", "repeat"])
@pytest.mark.parametrize("algorithm", ["fastcdc-v1.0.0", "FASTCDC", "keyed"])
@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ((2 << 10, 8 << 10, 64 << 10), 512, "b985af207b5cbf7a3e6dfd235fbfff68"),
        ((256 << 10, 512 << 10, 1 << 20), 32, "6207c153ab65f7dd7da183e82ee7900c"),
        ((1 << 20, 4 << 20, 16 << 20), 2, "8a2e77537c324b8ecfa4a28090b2c315"),
    ],
)
def test_uniform_contents_are_cut_at_the_greatest_length(
    content: bytes, algorithm: str, sizes: tuple[int, int, int], count: int, expected: str
) -> None:
    chunker = Chunker.of(Chunking("fastcdc" if algorithm == "keyed" else algorithm, *sizes))
    if algorithm == "keyed":
        key = bytes((7 * index + 3) % 256 for index in range(32))
        little = struct.pack("<256Q", *struct.unpack("=256Q", GEAR))
        words = struct.unpack("<256Q", blake3.blake3(little, key=key).digest(2048))
        chunker = Chunker(chunker.sizes, chunker.masks, struct.pack("=256Q", *words))
    lengths = chunker.cut(content[: 32 << 20], final=True)
    assert len(lengths) == count
    assert cuts(lengths).startswith(expected)


@pytest.mark.parametrize(
    ("seed", "size", "settings", "lengths", "expected"),
    [
        (
            *("kloset-chunking", 32 << 20, Chunking()),
            (
                "1207171 1058469 1318368 1161362 636076 1085985 1173114 1322840 1068213 1060831 1345812 1730170 "
                "1052898 615645 1110646 1138210 2221385 1074681 1210505 1155929 1060352 1102858 1654712 1205837 "
                "1359052 1153506 1271267 989129 9409"
            ),
            "a8423f61de73c3df57385ce5ca6009f645d4bacddd88785ebf401010519560dc",
        ),
        (
            *("kloset-chunking", 32 << 20, Chunking("FASTCDC", 65536, 1048576, 4194304)),
            "96493 101930 65683 116007 86561 70466 211083 66403 74151 83189 110849 117571",
            "da82b6c36ae83ed9494b5ac198d45b56ed088be0415ebfd3c54cbf2f0ee4d387",
        ),
        ("golden-big", 5255225, Chunking(), "1452903 1986990 1428551 386781", None),
        (
            *("golden-edge", 12582912, Chunking()),
            "695474 1141050 1709832 1401732 737123 1110250 1166641 1099806 1066761 1262657 1132007 59579",
            None,
        ),
    ],
)
def test_random_contents_are_cut_as_recorded(
    seed: str, size: int, settings: Chunking, lengths: str, expected: str | None
) -> None:
    content = hashlib.shake_128(seed.encode()).digest(size)
    made = Chunker.of(settings).cut(content, final=True)
    first = [int(length) for length in lengths.split()]
    assert made[: len(first)] == first
    assert sum(made) == size
    assert expected in {None, cuts(made)}


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (0, [0]),
        *((size, [size]) for size in (1, 524288, 524289, 1048576, 1048577, 8388607, 8388608)),
        (8388609, [8388608, 1]),
        (20971520, [8388608, 8388608, 4194304]),
    ],
)
def test_zeros_are_cut_as_the_original_cuts_them(size: int, lengths: list[int]) -> None:
    chunker = Chunker.of(Chunking())
    assert chunker.cut(bytes(size), final=True) == lengths
    assert [len(chunk) for chunk in chunker.chunks([bytes(size // 2), bytes(size - size // 2)])] == lengths


def test_key_wrap_of_rfc_3394() -> None:
    key_data = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    cipher = Cipher(bytes(range(32)), "AES256-KW", "AES256-GCM-SIV", 65536, given(key_data, bytes(12)))
    assert cipher.encrypt(b"").hex() == (
        "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
    )


def test_record_of_rfc_8452() -> None:
    subkey, nonce = b"\x01" + bytes(31), b"\x03" + bytes(11)
    stream = Cipher(bytes(32), "AES256-KW", "AES256-GCM-SIV", 65536, given(subkey, nonce)).encrypt(b"\x01" + bytes(7))
    assert stream[40:] == nonce + bytes.fromhex("c2ef328e5c71c83b843122130f7364b761e0b97427e3df28")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (derivation.Derivation("ARGON2ID", SALT, argon2id=derivation.Argon2id()), KEY.hex()),
        (
            derivation.Derivation("SCRYPT", SALT, scrypt=derivation.Scrypt()),
            "4422cc8b14ecaf05e5b234429eac95c3594a6f75c9bdd032fedf5416db8dae48",
        ),
        (
            derivation.Derivation("PBKDF2", SALT, pbkdf2=derivation.Pbkdf2()),
            "27ec20ac9d4c5dc7e41d7f5a5cd3db8f7e95a06f11fa232aa3797fe8d82ae276",
        ),
    ],
    ids=["argon2id", "scrypt", "pbkdf2"],
)
def test_keys_of_passphrases(parameters: derivation.Derivation, expected: str) -> None:
    assert derivation.derive_key(PASSPHRASE, parameters).hex() == expected


@pytest.mark.parametrize(("salt", "lanes"), [(16, 1), (24, 1), (16, 2)])
def test_keys_of_all_libraries_are_alike(salt: int, lanes: int) -> None:
    """Which library derives a key depends on salt and lanes, never what comes out."""
    costs = derivation.Argon2id(time=2, memory=64, threads=lanes)
    whole = Argon2id(salt=bytes(range(salt)), length=32, iterations=2, lanes=lanes, memory_cost=64)
    parameters = derivation.Derivation("ARGON2ID", bytes(range(salt)), argon2id=costs)
    assert derivation.derive_key(PASSPHRASE, parameters) == whole.derive(PASSPHRASE)


def test_encrypted_streams() -> None:
    def cipher(*values: bytes) -> Cipher:
        return Cipher(KEY, "AES256-KW", "AES256-GCM-SIV", 65536, given(*values))

    assert cipher(SUBKEY, NONCE).encrypt(b"hello") == WRAPPED + RECORD
    assert cipher().decrypt(WRAPPED + RECORD) == b"hello"
    assert cipher(SUBKEY, NONCE).encrypt(bytes(range(32))) == CANARY


@pytest.mark.parametrize(
    ("algorithm", "secret", "macs"),
    [
        (
            *("BLAKE3", "a6a492965517a830cb75fdb713465aa465f2f098233896fea44c1d98268bf9e3"),
            {
                b"": "33560a4b127c9c22c8a6ff6ff7e832ba07d894d7f990651c0fa6899cf15f7480",
                b"hello": "ab94229d10a730a50ef482c1548bafdaa2e7ae098fb30b275f6d16a00cdd3dfa",
            },
        ),
        (
            *("SHA256", "be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991"),
            {b"hello": "a7e864e0fb9100d8288715886bdfc7b4440f6579efd0f846f9b90754bffb97d1"},
        ),
    ],
)
def test_identifiers(algorithm: str, secret: str, macs: dict[bytes, str]) -> None:
    assert plain_secret(algorithm, REPOSITORY).hex() == secret
    authenticator = Authenticator(algorithm, bytes.fromhex(secret))
    for data, mac in macs.items():
        assert authenticator.mac(data).hex() == mac
        hasher = authenticator.hasher()
        for index in range(len(data)):
            hasher.update(data[index : index + 1])
        assert hasher.digest().hex() == mac


@pytest.mark.parametrize(
    ("plain", "stream"),
    [
        (b"", "04224d186470b900000000055dcc02"),
        (b"hello", "04224d186470b90500008068656c6c6f00000000f97700fb"),
    ],
)
def test_the_originals_compressed_streams(plain: bytes, stream: str) -> None:
    assert compression.decompress(Compression.LZ4, bytes.fromhex(stream), len(plain)) == plain


def test_the_time_of_the_vectors() -> None:
    assert msgpack.pack_time(TIME).hex() == "d7ff1d6f34546553f100"


def plain_configuration() -> Configuration:
    return Configuration(TIME, REPOSITORY, compression=configuration.CompressionSettings())


def test_configuration_of_a_plain_repository() -> None:
    assert configuration.write(plain_configuration(), None) == VECTORS["config_plain"]
    unlocked = configuration.unlock(VECTORS["config_plain"], None, given())
    assert unlocked.configuration == plain_configuration()
    assert unlocked.codec.compression is Compression.LZ4


def test_configuration_of_an_encrypted_repository() -> None:
    encryption, key = configuration.make_encryption(PASSPHRASE, given(SALT, bytes(range(32)), SUBKEY, NONCE))
    plain = plain_configuration()
    encrypted = Configuration(TIME, REPOSITORY, compression=plain.compression, encryption=encryption)
    data = configuration.write(encrypted, key)
    assert (len(data), key) == (663, KEY)
    assert data.endswith(VECTORS["config_encrypted_end"])
    assert data[:320].startswith(VECTORS["config_plain"][:320])
    assert configuration.unlock(data, PASSPHRASE, given()).configuration == encrypted


def hello() -> tuple[Object, entries.Entry]:
    bits = entropy(b"hello")
    assert bits == 1.9219280948873623
    chunk = Chunk(content_mac=plain_codec().mac(b"hello"), length=5, entropy=bits)
    content_type = "text/plain; charset=utf-8"
    mean = mean_entropy([chunk])
    item = Object(content_mac=chunk.content_mac, chunks=(chunk,), content_type=content_type, entropy=mean)
    info = entries.FileInfo(
        name="a.txt", size=5, mode=0o644, mod_time=TIME, device=1, inode=2, uid=1000, gid=1000, user="u", group="g"
    )
    entry = entries.Entry(
        parent_path="/d", file_info=info, object=OBJECT_MAC, content_type=content_type, entropy=mean, chunks=1
    )
    return item, entry


def test_object_and_entry() -> None:
    item, entry = hello()
    codec = plain_codec()
    assert wire.encode(item) == VECTORS["object"]
    assert codec.mac(VECTORS["object"]) == OBJECT_MAC
    assert wire.encode(entry) == VECTORS["vfs_entry"]
    assert codec.mac(VECTORS["vfs_entry"]) == ENTRY_MAC
    assert entries.read(VECTORS["vfs_entry"]) == entry
    assert (entry.path, entry.has_content) == ("/d/a.txt", True)
    frame = dirpacks.pack(VECTORS["vfs_entry"], ENTRY_MAC, is_directory=False)
    assert (len(frame), frame[:5].hex()) == (348, "0257010000")


def test_trees() -> None:
    codec = plain_codec()
    leaf, root = btrees.grow(btrees.VFS, [("/d/a.txt", ENTRY_MAC)], codec.mac)
    assert leaf.plain == VECTORS["tree_node"]
    assert leaf.mac.hex() == "731671e0adae198e222253fe0e80315ffa228e696952841e333357ba16ba8bc8"
    assert root.plain == VECTORS["tree_root"]
    assert root.mac.hex() == "d132439746072882bebccc60ca6cbe578b9b33ba855466e4264a60502d046fd4"
    empty, _ = btrees.grow(btrees.ERRORS, [], codec.mac)
    assert empty.plain.hex() == "84a776657273696f6ece00000000a46b657973c0a8706f696e74657273c0a676616c756573c0"
    assert empty.mac.hex() == "e78568bbb3e089a47e42183a8bb48675465c78d95d533367380e4de36085577a"


def test_lock() -> None:
    lock = locks.Lock(timestamp=TIME, host="host", exclusive=False)
    assert wire.encode(lock).hex() == (
        "84a776657273696f6ece00010000a974696d657374616d70d7ff1d6f34546553f100a8686f73746e616d65a4686f7374a96578636c7573"
        "697665c2"
    )


def test_packfile() -> None:
    codec = plain_codec()
    writer = packfiles.Writer(codec, TIME)
    writer.add(Resource.CHUNK, codec.mac(b"hello"), b"hello")
    name, data, blobs = writer.finish()
    assert data == VECTORS["packfile"]
    assert name.hex() == "be714c20859128654a5986b01b515a99be718aa218c0eba243df771ce7cc8892"
    assert codec.mac(packfiles.pack_records(blobs)).hex() == (
        "8416e9e64a3dda56d4ba1823e7f373537c87e999af76009a87370fcb414c2fd1"
    )
    _, body = codec.unwrap(data, Resource.PACKFILE, VERSION_1_0_0)
    assert packfiles.read_index(body, codec) == (TIME, blobs, 0)
    offset = packfiles.file_offset(blobs[0].offset)
    assert data[offset : offset + 5] == b"hello"


def test_state() -> None:
    records: list[states.Writable] = [
        states.Location(Resource.SNAPSHOT, VERSION_1_0_0, A, B, 1000, 200),
        states.Coloured(Resource.SNAPSHOT, A, TIME),
        states.Packfile(B, A, TIME),
    ]
    end = states.End(TIME, REPOSITORY)
    stream = states.write_stream(NO_MAC, records, end)
    assert stream == VECTORS["state"]
    assert plain_codec().mac(stream).hex() == "4f2be1f59176697c9a01dc0cc1a2c0ff37ad10ed5f1a45b7ccf25b5d23de9267"
    parent, found = states.read_stream(stream, STATE_VERSION)
    assert (parent, list(found)) == (NO_MAC, [*records, end])
    # The older layout is the same without the parent.
    assert list(states.read_stream(stream[32:], VERSION_1_0_0)[1]) == [*records, end]
    delete = states.write_stream(NO_MAC, [states.Delete.of_packfile(B)], end)[32:103]
    assert delete.hex() == "0642000000" + "04" + "00" * 33 + "bb" * 32


@pytest.mark.parametrize(
    ("name", "secret", "empty", "node"),
    [
        (
            *("plain", "567734460edbe3478dae208488625e3e121a2962f3a3967473c9f8a90ce61c7b"),
            "1c08ba8e68074351f57e4fe36ffd75abbfa768191022348e61378eba34986e47",
            "3945436195aed952d8ca7c0f1253333ec109e091067af4ad0e78fe2c3b38cfb5",
        ),
        (
            *("sha256-nocompress", "4778c0c0628ab3e271fa7425671702e0570b253e372dbd7b5eec43bc17235cbd"),
            "828404b5b2866e5ddfc21e1ca9374d17b3636df6919d32fbef3bb7adc70cd709",
            "ca13322dff0da66194f72af7e766176644cba930432e48678430e8b9817654d3",
        ),
        (
            *("encrypted", "59f02026e0478a540359782d94047d76263487f9468667c30afb2c1f765e2fd4"),
            "7bd54d65d6f495bdc4dab0558f13d61961fe715ca6f9380b280869a8c02da399",
            "d92b1f06b31fdd7ff7d86eb2832d8401a9188f6374ee463f63c561bb4a0ddc88",
        ),
        (
            *("encrypted-sha256", "0bb528269453a1a0237f4454264545f128e55c7a4a06819fc20c31fe1568e4c1"),
            "8c9aa78f73a9de2b8af5f5ace3c0204cc872bbf448facea251d1dbdadc37aa42",
            "92c149a3fa78d8619d0decb48b64688d2589080e9a161e4685ab1b08b9acc00d",
        ),
    ],
)
def test_identifiers_of_the_golden_repositories(
    goldens: Callable[[str], Golden], name: str, secret: str, empty: str, node: str
) -> None:
    codec = goldens(name).codec
    algorithm = "SHA256" if "sha256" in name else "BLAKE3"
    assert codec.authenticator.algorithm == algorithm
    assert Authenticator(algorithm, bytes.fromhex(secret)).mac(b"x") == codec.mac(b"x")
    assert codec.mac(b"").hex() == empty
    assert codec.mac(wire.encode(btrees.Node())).hex() == node


def test_structures_of_the_golden_repositories(goldens: Callable[[str], Golden]) -> None:
    golden = goldens("plain")
    for name, kind, mac in (
        ("empty_object", Object, "cd21a4f43017d372c6b6aed22f30f3ae74f79f46d3944a69a210efc2a0c49863"),
        ("before_ns", entries.Entry, "034c052858b2550c33f0a8eb9d6896420bb00a067b57a4fc95b7a45f32ac7dd9"),
    ):
        assert wire.encode(wire.decode(VECTORS[name], kind)) == VECTORS[name]
        assert golden.codec.mac(VECTORS[name]).hex() == mac
    assert entries.read(VECTORS["before_ns"]).file_info.mod_time == -1
    assert VECTORS["lock_file"] in golden.framed("locks").values()


def test_names_in_archives() -> None:
    assert archives.PACKFILE_NAME.hex() == "000102030405060708090a0b0c0d0e0f" + "00" * 16
    assert archives.STATE_NAME.hex() == "0f0e0d0c0b0a09080706050403020100" + "00" * 16
    assert frames.HEADER_SIZE == 16
