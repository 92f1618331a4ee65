"""What is written reads back, and what is damaged or made up ends in a typed error."""

from __future__ import annotations

import contextlib
import os
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plait.model.errors import IntegrityError, NotSupportedError, SecretError
from plait.repository.format import (
    archives,
    btrees,
    configuration,
    dirpacks,
    entries,
    frames,
    headers,
    locks,
    merging,
    msgpack,
    packfiles,
    states,
    summaries,
    wire,
)
from plait.repository.format.codec import Codec
from plait.repository.format.compression import Compression, compress, decompress
from plait.repository.format.content_types import content_type
from plait.repository.format.derivation import Argon2id, Derivation, Pbkdf2, Scrypt, derive_key
from plait.repository.format.encryption import Cipher
from plait.repository.format.hashing import Authenticator
from plait.repository.format.objects import Chunk, Object
from plait.repository.format.resources import MAC_SIZE, NO_MAC, STATE_VERSION, VERSION_1_0_0, Resource

KEY = bytes(range(32))


def cipher(subkeys: str = "AES256-KW", record_size: int = 100) -> Cipher:
    return Cipher(KEY, subkeys, "AES256-GCM-SIV", record_size, os.urandom)


CODECS = [
    Codec(Authenticator("BLAKE3", KEY)),
    Codec(Authenticator("SHA256", KEY), compression=Compression.LZ4),
    Codec(Authenticator("BLAKE3", KEY), compression=Compression.GZIP, cipher=cipher("AES256-GCM")),
    Codec(Authenticator("BLAKE3", KEY), compression=Compression.LZ4, cipher=cipher()),
]
CODEC = st.sampled_from(CODECS)
MAC = st.binary(min_size=MAC_SIZE, max_size=MAC_SIZE)
TEXT = st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
NAME = st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"/", b"_").decode("utf-8", "surrogateescape"))
FLOAT = st.floats(allow_nan=False)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
TIME = st.integers(-(2**63) * 10**9, (2**63 - 1) * 10**9) | st.integers(0, 2**35 * 10**9)

INFO = st.builds(
    entries.FileInfo, name=NAME.filter(lambda name: name not in {".", ".."}), size=st.integers(-(2**63), 2**63 - 1),
    mode=U32, mod_time=TIME, device=U64, inode=U64, uid=U64, gid=U64, links=st.integers(0, 2**16 - 1), user=TEXT,
    group=TEXT, flags=U32,
)  # fmt: skip
COUNTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("files", "chunks", "text", "errors"), U64))
SUMMARY = st.builds(
    lambda here, below: summaries.Summary(summaries.Directory(**here), summaries.Below(**below)), COUNTS, COUNTS
)
ENTRY = st.builds(
    entries.Entry, version=U32, summary=st.none() | SUMMARY,
    parent_path=st.lists(NAME.filter(lambda name: name not in {".", ".."}), max_size=3).map(
        lambda names: "/" + "/".join(names)
    ), file_info=INFO, symlink_target=TEXT, object=MAC, content_type=TEXT, entropy=FLOAT, chunks=U64,
    extended_attributes=st.lists(TEXT, max_size=3).map(tuple), tags=st.lists(TEXT, max_size=3).map(tuple),
)  # fmt: skip
CHUNKS = st.lists(st.builds(Chunk, content_mac=MAC, length=U32, entropy=FLOAT, flags=U32), max_size=4).map(tuple)
OBJECT = st.builds(Object, content_mac=MAC, chunks=CHUNKS | st.none(), content_type=TEXT, entropy=FLOAT, flags=U32)
NODE = st.builds(
    btrees.Node, keys=st.lists(TEXT, max_size=20).map(tuple) | st.none(), pointers=st.lists(MAC, max_size=3).map(tuple),
    values=st.lists(MAC, max_size=3).map(tuple) | st.none(), next=MAC | st.none(),
)  # fmt: skip
SOURCE = st.builds(
    headers.Source, importer=st.builds(headers.Importer, TEXT, TEXT, TEXT),
    root=st.builds(headers.Roots, MAC, MAC, MAC),
    indexes=st.lists(st.builds(headers.Index, TEXT, TEXT, MAC), max_size=3).map(tuple), summary=SUMMARY,
)  # fmt: skip
HEADER = st.builds(
    headers.Header, identifier=MAC, timestamp=TIME, duration=st.integers(-(2**63), 2**63 - 1), name=TEXT,
    tags=st.lists(TEXT, max_size=20).map(tuple), sources=st.lists(SOURCE, max_size=2).map(tuple),
    context=st.lists(st.builds(headers.KeyValue, TEXT, TEXT), max_size=3).map(tuple) | st.none(),
)  # fmt: skip
LOCK = st.builds(locks.Lock, timestamp=TIME, host=TEXT, exclusive=st.booleans())
STRUCT: st.SearchStrategy[msgspec.Struct] = st.one_of(ENTRY, OBJECT, NODE, SUMMARY, HEADER, LOCK)
BLOB = st.binary(max_size=300)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def plain_item(value: Any) -> Any:
    """As a writer that knows nothing of declared types would put it: the shortest integers."""
    if isinstance(value, msgspec.Struct):
        return {field.encode_name: plain_item(getattr(value, field.name)) for field in msgspec.structs.fields(value)}
    if isinstance(value, tuple):
        return [plain_item(item) for item in value]
    return value


@given(value=STRUCT, damage=st.integers(0, 2**20))
def test_structs(value: msgspec.Struct, damage: int) -> None:
    data = wire.encode(value)
    assert wire.decode(data, type(value)) == value
    with pytest.raises(IntegrityError):
        wire.decode(data[: damage % len(data)], type(value))
    with pytest.raises(IntegrityError):
        wire.decode(data + b"\xc0", type(value))
    with contextlib.suppress(IntegrityError):
        wire.decode(flipped(data, damage), type(value))


@given(value=st.one_of(OBJECT, NODE, SUMMARY))
def test_any_width_of_integers_and_unknown_keys_are_read(value: msgspec.Struct) -> None:
    try:
        short = msgspec.msgpack.encode({"unknown": [1, {"a": b"b"}, None, 1.5], **plain_item(value), "more": -1})
    except UnicodeEncodeError:
        # That writer has no way to put a name that is not UTF-8.
        return
    assert wire.decode(short, type(value)) == value


@given(data=st.binary(max_size=200))
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\xc9\xff\xff\xff\xff\x00")
@example(b"\x91" * 100_000)
@example(b"\xdc\x00\x10" * 50_000)
@example(b"\x81\xa6chunks\xdd\x00\xff\xff\xff" + b"\x80" * 100_000)
def test_made_up_items(data: bytes) -> None:
    for kind in (entries.Entry, Object, btrees.Node, headers.Header, summaries.Summary, configuration.Configuration):
        with contextlib.suppress(IntegrityError):
            wire.decode(data, kind)
    with contextlib.suppress(IntegrityError):
        assert 0 < msgpack.skip(data, 0) <= len(data)


@given(codec=CODEC, plain=st.binary(max_size=1000), damage=st.integers(0, 2**20))
def test_streams(codec: Codec, plain: bytes, damage: int) -> None:
    stored = codec.encode(plain)
    assert codec.decode(stored, len(plain)) == plain
    if codec.compression is not None:
        with pytest.raises(IntegrityError):
            codec.decode(stored[: damage % len(stored)])
        with pytest.raises(IntegrityError):
            codec.decode(stored + b"\0")
        if plain:
            with pytest.raises(IntegrityError):
                codec.decode(stored, len(plain) - 1)
    if codec.cipher is not None:
        with pytest.raises(IntegrityError):
            codec.decode(flipped(stored, damage))
    elif stored:
        with contextlib.suppress(IntegrityError):
            codec.decode(flipped(stored, damage))


@given(data=st.binary(max_size=200))
def test_made_up_streams(data: bytes) -> None:
    for codec in CODECS[1:]:
        with pytest.raises(IntegrityError):
            codec.decode(b"\x04\x22\x4d\x18" + data[:50] + b"?")
        with pytest.raises(IntegrityError):
            codec.decode(data)


@pytest.mark.parametrize("compression", list(Compression))
def test_a_stream_is_not_inflated_beyond_its_limit(compression: Compression) -> None:
    bomb = compress(compression, bytes(64 << 20))
    with pytest.raises(IntegrityError):
        decompress(compression, bomb, 1000)


@given(codec=CODEC, payload=st.binary(max_size=100), damage=st.integers(0, 2**20))
def test_frames(codec: Codec, payload: bytes, damage: int) -> None:
    data = codec.wrap(Resource.PACKFILE, VERSION_1_0_0, payload)
    assert codec.unwrap(data, Resource.PACKFILE, VERSION_1_0_0) == (VERSION_1_0_0, payload)
    beta = b"_PLAKAR_" + data[8:-32]
    assert codec.unwrap(beta + codec.mac(beta), Resource.PACKFILE, VERSION_1_0_0) == (VERSION_1_0_0, payload)
    unsigned = frames.wrap(Resource.PACKFILE, VERSION_1_0_0, payload, lambda framed: bytes(len(framed[:32])))
    with pytest.raises((IntegrityError, NotSupportedError)):
        codec.unwrap(flipped(data, damage), Resource.PACKFILE, VERSION_1_0_0)
    with pytest.raises(IntegrityError):
        codec.unwrap(data[: damage % len(data)], Resource.PACKFILE, VERSION_1_0_0)
    with pytest.raises(IntegrityError):
        codec.unwrap(unsigned, Resource.PACKFILE, VERSION_1_0_0)
    with pytest.raises(IntegrityError):
        codec.unwrap(data, Resource.STATE, VERSION_1_0_0)
    newer = codec.wrap(Resource.PACKFILE, STATE_VERSION, payload)
    with pytest.raises(NotSupportedError):
        codec.unwrap(newer, Resource.PACKFILE, VERSION_1_0_0)


@given(codec=CODEC, blobs=st.lists(BLOB, max_size=6), damage=st.integers(0, 2**20))
def test_packfiles(codec: Codec, blobs: list[bytes], damage: int) -> None:
    writer = packfiles.Writer(codec, 1234)
    for blob in blobs:
        writer.add(Resource.CHUNK, codec.mac(blob), codec.encode(blob))
    writer.pad(50, os.urandom)
    name, data, written = writer.finish()
    _, body = codec.unwrap(data, Resource.PACKFILE, VERSION_1_0_0)
    assert codec.mac(body) == name
    index = packfiles.read_index(body, codec)
    assert index == (1234, written, 0)
    assert [codec.decode(body[blob.offset : blob.offset + blob.length]) for blob in index.blobs[:-1]] == blobs
    with pytest.raises(IntegrityError):
        packfiles.read_index(body[: damage % len(body)], codec)
    with contextlib.suppress(IntegrityError):
        packfiles.read_index(flipped(body, damage), codec)


def test_an_index_is_not_inflated_without_bounds() -> None:
    codec = CODECS[1]
    encoded = codec.encode(bytes(100 << 20))
    footer = codec.encode(struct.pack("<qIQ32sI", 0, 2**32 - 1, 0, bytes(32), 0))
    with pytest.raises(IntegrityError, match="holds more than"):
        packfiles.read_index(encoded + footer + len(footer).to_bytes(4, "little"), codec)


@given(codec=CODEC, data=st.binary(max_size=300))
@example(CODECS[0], b"\xff" * 60 + b"\x38\x00\x00\x00")
def test_made_up_packfiles(codec: Codec, data: bytes) -> None:
    with pytest.raises(IntegrityError):
        packfiles.read_index(data, codec)


RECORD = st.one_of(
    st.builds(states.Location, st.sampled_from(Resource), U32, MAC, MAC, U64, U32, U32),
    st.builds(states.Coloured, st.sampled_from(Resource), MAC, U64),
    st.builds(states.Packfile, MAC, MAC, U64),
    st.builds(states.Delete.location, st.sampled_from(Resource), MAC, MAC),
    st.builds(states.Delete.colour, st.sampled_from(Resource), MAC),
    st.builds(states.Delete.of_packfile, MAC),
)


@given(codec=CODEC, parent=MAC, records=st.lists(RECORD, max_size=8), damage=st.integers(0, 2**20))
def test_states(codec: Codec, parent: bytes, records: list[states.Writable], damage: int) -> None:
    end = states.End(77, bytes(range(16)))
    stream = states.write_stream(parent, records, end)
    found, items = states.read(states.write(stream, codec), codec)
    assert (found, list(items)) == (parent, [*records, end])
    for version, skipped in ((STATE_VERSION, 0), (VERSION_1_0_0, 32)):
        data = stream[skipped:]
        with pytest.raises(IntegrityError):
            list(states.read_stream(data[: damage % len(data)], version)[1])
        with contextlib.suppress(IntegrityError):
            list(states.read_stream(flipped(data, damage), version)[1])


def test_settings_and_unknown_records_of_states() -> None:
    end = b"\x01" + bytes(28)
    setting = b"\x03key" + b"\x02\x00va" + bytes(8)
    unknown = b"\x09\x03\x00\x00\x00abc"
    stream = bytes(32) + unknown + b"\x05" + len(setting).to_bytes(4, "little") + setting + end
    _, items = states.read_stream(stream, STATE_VERSION)
    first, last = items
    assert first == states.Configured(b"key", b"va", 0)
    assert last == states.End(0, bytes(16), 0)
    for length in range(len(setting)):
        broken = bytes(32) + b"\x05" + length.to_bytes(4, "little") + setting[:length] + end
        with pytest.raises(IntegrityError):
            list(states.read_stream(broken, STATE_VERSION)[1])
    with pytest.raises(NotSupportedError):
        states.read_stream(stream, STATE_VERSION + 1)


NAMES = st.integers(0, 12).map(lambda number: bytes([number]) * 32)


@given(parents=st.dictionaries(NAMES, st.tuples(NAMES, st.integers(0, 5)), max_size=12))
def test_every_state_is_read_parents_first(parents: dict[bytes, tuple[bytes, int]]) -> None:
    lineages = {name: merging.Lineage(*lineage) for name, lineage in parents.items()}
    names, circular = merging.order(lineages)
    assert sorted(names) == sorted(lineages)
    place = {name: index for index, name in enumerate(names)}
    for name, (parent, _) in lineages.items():
        if parent in place and parent != NO_MAC and name not in circular:
            assert place[parent] < place[name]
        # Whoever goes up from a state of a circle never comes to a root.
        seen = set()
        above = name
        while above in lineages and lineages[above].parent != NO_MAC and above not in seen:
            seen.add(above)
            above = lineages[above].parent
        assert (name in circular) == (above in seen)


def test_what_a_repository_holds() -> None:
    one, two, pack, other, blob = (bytes([number]) * 32 for number in range(1, 6))
    holdings = merging.Holdings()
    holdings.apply(
        [
            states.Location(Resource.SNAPSHOT, VERSION_1_0_0, one, pack, 0, 5),
            states.Location(Resource.SNAPSHOT, VERSION_1_0_0, two, other, 0, 6),
            states.Location(Resource.CHUNK, VERSION_1_0_0, blob, other, 6, 7),
            states.Location(Resource.CHUNK, VERSION_1_0_0, blob, pack, 5, 7),
            states.Packfile(pack, one, 0),
            states.Packfile(other, two, 0),
        ]
    )
    assert holdings.snapshots() == [one, two]
    assert [place.packfile for place in holdings.places(Resource.CHUNK, blob)] == [pack, other]
    holdings.apply([states.Coloured(Resource.SNAPSHOT, two, 9), states.Coloured(Resource.PACKFILE, pack, 9)])
    assert holdings.snapshots() == [one]
    assert [place.packfile for place in holdings.places(Resource.CHUNK, blob)] == [other]
    assert holdings.colours() == {(Resource.SNAPSHOT, two): 9, (Resource.PACKFILE, pack): 9}
    holdings.apply([states.Delete.colour(Resource.SNAPSHOT, two), states.Delete.of_packfile(pack)])
    assert holdings.snapshots() == [two]
    assert set(holdings.packfiles()) == {other}
    # A packfile that is deleted stays so, whichever state comes first.
    holdings.apply([states.Packfile(pack, one, 0), states.Delete.location(Resource.CHUNK, blob, other)])
    assert set(holdings.packfiles()) == {other}
    assert holdings.places(Resource.CHUNK, blob) == []
    assert list(holdings.blobs()) == [(Resource.SNAPSHOT, two)]


PATHS = st.lists(NAME, max_size=4).map(lambda names: "/" + "/".join(names))
KINDS = st.sampled_from([btrees.VFS, btrees.ERRORS, btrees.XATTRS, btrees.INDEX, btrees.CONTENT_TYPES])


@given(
    kind=KINDS, keys=st.sets(PATHS, max_size=150) | st.integers(0, 3000).map(lambda n: {f"/{i:x}" for i in range(n)})
)
def test_trees(kind: btrees.Kind, keys: set[str]) -> None:
    items = {key: CODECS[0].mac(key.encode("utf-8", "surrogateescape")) for key in keys}
    *nodes, descriptor = btrees.grow(kind, items.items(), CODECS[0].mac)
    known: dict[bytes, bytes] = {}
    for resource, mac, plain in nodes:
        node = btrees.read_node(plain)
        assert resource == kind.node
        assert len(node.keys or ()) < btrees.ORDER
        assert node.next is None or node.next in known
        assert all(pointer in known for pointer in node.pointers or ())
        known[mac] = plain
    root = btrees.read_root(descriptor.plain)
    found = list(btrees.walk(root, lambda mac: btrees.read_node(known[mac])))
    assert found == sorted(items.items(), key=lambda item: kind.sort_key(item[0]))
    for key in sorted(keys)[:20]:
        assert btrees.find(root, key, kind.sort_key, lambda mac: btrees.read_node(known[mac])) == items[key]
        assert btrees.find(root, key + "\0", kind.sort_key, lambda mac: btrees.read_node(known[mac])) is None


@given(
    nodes=st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 7), max_size=4)), min_size=8, max_size=8),
    data=st.binary(max_size=60),
)
def test_made_up_trees(nodes: list[tuple[int, list[int]]], data: bytes) -> None:
    made = {}
    for index, (keys, pointers) in enumerate(nodes):
        node = btrees.Node(
            keys=tuple(map(str, range(keys))), pointers=tuple(bytes([to]) * 32 for to in pointers), values=()
        )
        made[bytes([index]) * 32] = wire.encode(node)
    for kinds in (made, dict.fromkeys(made, data)):
        root = btrees.Root(root=bytes(32))

        def fetch(mac: bytes, kinds: dict[bytes, bytes] = kinds) -> btrees.Node:
            return btrees.read_node(kinds[mac])

        with contextlib.suppress(IntegrityError):
            assert len(list(btrees.walk(root, fetch))) < 30
        with contextlib.suppress(IntegrityError):
            btrees.find(root, "1", btrees.by_bytes, fetch)


@given(found=st.lists(ENTRY, max_size=4), damage=st.integers(0, 2**20), made_up=st.binary(max_size=100))
def test_dirpacks(found: list[entries.Entry], damage: int, made_up: bytes) -> None:
    same = [msgspec.structs.replace(entry, parent_path="/d") for entry in found]
    plain = [wire.encode(entry) for entry in same]
    frames_of_it = [dirpacks.pack(item, CODECS[0].mac(item), is_directory=False) for item in plain]
    content = b"".join(frames_of_it)
    middle = damage % (len(content) + 1)
    records = list(dirpacks.unpack([content[:middle], b"", content[middle:]], "/d"))
    assert records == list(dirpacks.unpack((bytes([byte]) for byte in content), "/d"))
    assert records == [(entry, item, CODECS[0].mac(item)) for entry, item in zip(same, plain, strict=True)]
    for data in (flipped(content, damage) if content else b"", content[: damage % (len(content) + 1)], made_up):
        with contextlib.suppress(IntegrityError):
            list(dirpacks.unpack([data], "/d"))
    if same:
        with pytest.raises(IntegrityError):
            list(dirpacks.unpack([content], "/other"))


@given(parent=st.sampled_from(["", "d", "/d/", "/d//e", "/d/../e", "/."]), name=st.sampled_from(["", ".", "..", "a/b"]))
def test_impossible_paths(parent: str, name: str) -> None:
    for where, what in ((parent, "a"), ("/d", name), ("/d", "/")):
        info = entries.FileInfo(name=what, mode=0, mod_time=0)
        with pytest.raises(IntegrityError):
            entries.read(wire.encode(entries.Entry(parent_path=where, file_info=info)))


def config(passphrase: bytes) -> bytes:
    derivation = Derivation("PBKDF2", bytes(16), pbkdf2=Pbkdf2(iterations=1))
    key = derive_key(passphrase, derivation)
    canary = Cipher(key, "AES256-KW", "AES256-GCM-SIV", 65536, os.urandom).encrypt(bytes(32))
    encryption = configuration.Encryption("AES256-KW", "AES256-GCM-SIV", 65536, derivation, canary)
    settings = configuration.Configuration(0, bytes(16), encryption=encryption)
    return configuration.write(settings, key)


CONFIG = config(b"secret")


@given(damage=st.integers(0, 8 * len(CONFIG) - 1), made_up=st.binary(max_size=400))
def test_configurations(damage: int, made_up: bytes) -> None:
    assert configuration.unlock(CONFIG, b"secret", os.urandom).codec.cipher is not None
    for wrong in (None, b"", b"Secret"):
        with pytest.raises(SecretError):
            configuration.unlock(CONFIG, wrong, os.urandom)
    with pytest.raises((IntegrityError, NotSupportedError, SecretError)):
        configuration.unlock(flipped(CONFIG, damage), b"secret", os.urandom)
    for data in (CONFIG[: damage % len(CONFIG)], made_up, CONFIG[:16] + made_up):
        with pytest.raises(IntegrityError):
            configuration.unlock(data, b"secret", os.urandom)


@pytest.mark.parametrize(
    "derivation",
    [
        Derivation("ARGON2ID", bytes(16)),
        Derivation("ARGON2ID", b"", argon2id=Argon2id()),
        Derivation("ARGON2ID", bytes(16), argon2id=Argon2id(memory=2**32 - 1)),
        Derivation("ARGON2ID", bytes(16), argon2id=Argon2id(time=2**32 - 1)),
        Derivation("ARGON2ID", bytes(16), argon2id=Argon2id(threads=0)),
        Derivation("ARGON2ID", bytes(16), argon2id=Argon2id(key_len=2**32 - 1)),
        Derivation("SCRYPT", bytes(16), scrypt=Scrypt(n=2**62)),
        Derivation("SCRYPT", bytes(16), scrypt=Scrypt(n=3)),
        Derivation("SCRYPT", bytes(16), scrypt=Scrypt(r=2**62)),
        Derivation("SCRYPT", bytes(16), scrypt=Scrypt(p=2**20)),
        Derivation("PBKDF2", bytes(16), pbkdf2=Pbkdf2(iterations=2**62)),
        Derivation("PBKDF2", bytes(16), pbkdf2=Pbkdf2(hashing="MD5")),
        Derivation("NONE", bytes(16)),
    ],
)
def test_impossible_derivations(derivation: Derivation) -> None:
    with pytest.raises((IntegrityError, NotSupportedError)):
        derive_key(b"secret", derivation)


@given(parts=st.tuples(BLOB, BLOB, BLOB), damage=st.integers(0, 2**20), made_up=st.binary(max_size=100))
def test_archives(parts: tuple[bytes, bytes, bytes], damage: int, made_up: bytes) -> None:
    def layout(data: bytes) -> archives.Layout:
        return archives.read_layout(len(data), data[: archives.HEADER_SIZE], data[-archives.TRAILER_SIZE :])

    data = archives.write(*parts)
    assert tuple(data[part.offset : part.offset + part.length] for part in layout(data)) == parts
    for other in (flipped(data, damage), data[: damage % len(data)], made_up, data[:12] + made_up):
        try:
            found = layout(other)
        except (IntegrityError, NotSupportedError):
            continue
        assert all(0 <= part.offset <= part.offset + part.length <= len(other) for part in found)


@given(data=st.binary(max_size=4000) | st.text("<{[\"'!#/svghtml ,\t\n?x0", max_size=200).map(str.encode))
@example(b"[" * 3072)
@example(b'{"a":' * 700)
@example(b"9" * 3072)
@example(b"<!--" * 768)
def test_any_content_has_a_type(data: bytes) -> None:
    kind = content_type(data)
    assert kind == content_type(data[:3072])
    assert "/" in kind
