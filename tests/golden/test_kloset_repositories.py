"""Every structure of the golden repositories decodes, and encodes again to the same bytes."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from plait.native import entropy
from plait.repository.format import (
    btrees,
    configuration,
    dirpacks,
    entries,
    frames,
    headers,
    locks,
    packfiles,
    states,
    summaries,
    wire,
)
from plait.repository.format.chunking import Chunker
from plait.repository.format.content_types import content_type
from plait.repository.format.objects import Object, mean_entropy
from plait.repository.format.resources import MAC_SIZE, STATE_VERSION, VERSION_1_0_0, Resource

if TYPE_CHECKING:
    from tests.golden.conftest import Golden

STRUCTS: dict[int, Any] = {
    Resource.SNAPSHOT: headers.Header,
    Resource.OBJECT: Object,
    Resource.VFS_ENTRY: entries.Entry,
    Resource.XATTR_ENTRY: entries.XattrEntry,
    Resource.ERROR_ENTRY: entries.ErrorEntry,
    Resource.VFS_SUMMARY: summaries.Summary,
    **dict.fromkeys((Resource.VFS_BTREE, Resource.ERROR_BTREE, Resource.XATTR_BTREE, Resource.BTREE_ROOT), btrees.Root),
    **dict.fromkeys((Resource.VFS_NODE, Resource.ERROR_NODE, Resource.XATTR_NODE, Resource.BTREE_NODE), btrees.Node),
}
INDEXES = {
    headers.CONTENT_TYPE_INDEX: btrees.CONTENT_TYPES,
    headers.DIRPACK_INDEX: btrees.INDEX,
    headers.SUMMARY_INDEX: btrees.INDEX,
}


def test_configuration(golden: Golden) -> None:
    data = golden.files["CONFIG"]
    assert str(uuid.UUID(bytes=golden.unlocked.configuration.repository)) in str(golden.story["info"])
    version, payload = frames.open_payload(data, Resource.CONFIG, VERSION_1_0_0)
    assert version == VERSION_1_0_0
    assert wire.encode(configuration.read(data)) == payload


def test_states(golden: Golden) -> None:
    for data in golden.framed("states").values():
        version, payload = golden.codec.unwrap(data, Resource.STATE, STATE_VERSION)
        stream = golden.codec.decode(payload)
        parent, found = states.read_stream(stream, version)
        *records, end = found
        assert states.write_stream(parent, records, end) == stream  # type: ignore[arg-type]  # what it is not meant to get
        assert states.read(states.write(stream, golden.codec), golden.codec)[0] == parent


def test_locks(golden: Golden) -> None:
    for data in golden.framed("locks").values():
        lock = locks.read(data, golden.codec)
        _, payload = golden.codec.unwrap(data, Resource.LOCK, VERSION_1_0_0)
        assert wire.encode(lock) == golden.codec.decode(payload)
        assert locks.read(locks.write(lock, golden.codec), golden.codec) == lock
        assert lock.host == "golden"


def test_packfiles_and_every_blob_in_them(golden: Golden) -> None:
    seen: Counter[int] = Counter()
    codec = golden.codec
    for name, body in golden.bodies.items():
        index = golden.index(name)
        records = packfiles.pack_records(index.blobs)
        assert not golden.is_archive or index.timestamp == 0
        if not golden.is_archive:
            assert name in {codec.mac(body), codec.mac(records + body)}
        for blob in index.blobs:
            seen[blob.resource] += 1
            if blob.resource == Resource.RANDOM:
                continue
            plain = codec.decode(body[blob.offset : blob.offset + blob.length])
            if blob.resource != Resource.SNAPSHOT:
                assert codec.mac(plain) == blob.mac
            if blob.resource != Resource.CHUNK:
                assert wire.encode(wire.decode(plain, STRUCTS[blob.resource])) == plain
    assert {Resource.SNAPSHOT, Resource.CHUNK, Resource.OBJECT, Resource.VFS_ENTRY, Resource.VFS_SUMMARY} <= set(seen)


def test_a_packfile_is_packed_to_the_same_bytes(golden: Golden) -> None:
    if golden.codec.cipher is not None or golden.codec.compression is not None or golden.name == "dup":
        # Those bytes hold random keys, or depend on the compressor; the plain ones are compared above.
        return
    for name, body in golden.bodies.items():
        index = golden.index(name)
        writer = packfiles.Writer(golden.codec, index.timestamp)
        for blob in index.blobs:
            writer.add(Resource(blob.resource), blob.mac, body[blob.offset : blob.offset + blob.length])
        made, data, blobs = writer.finish()
        assert (made, blobs) == (name, index.blobs)
        assert data == golden.framed("packfiles")[name]


def test_snapshots_are_those_that_the_original_lists(golden: Golden) -> None:
    listed = {snapshot["id"] for snapshot in golden.story["snapshots"]}
    assert {mac.hex() for mac in golden.holdings.snapshots()} == listed
    for header in golden.headers():
        assert header.identifier in golden.holdings.snapshots()


def only_source(header: headers.Header) -> headers.Source:
    assert header.sources is not None
    assert len(header.sources) == 1
    return header.sources[0]


def trees(golden: Golden) -> list[tuple[btrees.Kind, bytes]]:
    """Kind and descriptor of each tree of each snapshot."""
    found: list[tuple[btrees.Kind, bytes]] = []
    for header in golden.headers():
        source = only_source(header)
        found += [
            (btrees.VFS, source.root.root),
            (btrees.ERRORS, source.root.errors),
            (btrees.XATTRS, source.root.xattrs),
            *((INDEXES[index.name], index.value) for index in source.indexes or ()),
        ]
    return found


def test_trees_grow_to_the_same_nodes(golden: Golden) -> None:
    for kind, descriptor in trees(golden):
        made = list(btrees.grow(kind, golden.items(kind, descriptor), golden.codec.mac))
        assert made[-1] == (kind.root, descriptor, golden.stored(kind.root, descriptor))
        for resource, mac, plain in made:
            assert golden.stored(resource, mac) == plain


def test_keys_are_found(golden: Golden) -> None:
    for kind, descriptor in trees(golden):
        root = btrees.read_root(golden.stored(kind.root, descriptor))
        grown = list(btrees.grow(kind, golden.items(kind, descriptor), golden.codec.mac))
        nodes = {mac: btrees.read_node(plain) for resource, mac, plain in grown if resource is kind.node}
        for key, value in golden.items(kind, descriptor):
            assert btrees.find(root, key, kind.sort_key, nodes.__getitem__) == value
            assert btrees.find(root, key + "\0", kind.sort_key, nodes.__getitem__) is None


def test_dirpacks_hold_the_entries_of_the_tree(golden: Golden) -> None:
    for header in golden.headers():
        source = only_source(header)
        tree = dict(golden.items(btrees.VFS, source.root.root))
        descriptor = source.index(headers.DIRPACK_INDEX)
        assert descriptor is not None
        listed = {}
        for directory, mac in golden.items(btrees.INDEX, descriptor):
            content = golden.content(mac)
            records = list(dirpacks.unpack([content], directory))
            made = b"".join(
                dirpacks.pack(record.plain, record.mac, is_directory=record.entry.file_info.is_directory)
                for record in records
            )
            assert made == content
            for record in records:
                assert wire.encode(record.entry) == record.plain
                assert golden.codec.mac(record.plain) == record.mac
                listed[record.entry.path] = record.mac
        assert {"/": tree["/"], **listed} == tree


def test_chunks_are_cut_and_measured_the_same(golden: Golden) -> None:
    chunker = Chunker.of(golden.unlocked.configuration.chunking)
    dirpack_objects = set()
    for header in golden.headers():
        source = only_source(header)
        descriptor = source.index(headers.DIRPACK_INDEX)
        assert descriptor is not None
        dirpack_objects |= {mac for _, mac in golden.items(btrees.INDEX, descriptor)}
    count = 0
    for resource, mac in golden.holdings.blobs():
        if resource != Resource.OBJECT:
            continue
        item = wire.decode(golden.stored(resource, mac), Object)
        if not all(golden.holdings.places(Resource.CHUNK, chunk.content_mac) for chunk in item.chunks or ()):
            # Of a removed snapshot: its chunks were swept, the packfile of its objects is still in use.
            assert golden.name == "removed"
            continue
        content = golden.content(mac)
        assert item.content_mac == golden.codec.mac(content)
        assert item.size == len(content)
        chunks = list(chunker.chunks([content[: len(content) // 3], content[len(content) // 3 :]]))
        assert [(golden.codec.mac(chunk), len(chunk)) for chunk in chunks] == [
            (chunk.content_mac, chunk.length) for chunk in item.chunks or ()
        ]
        if mac in dirpack_objects:
            assert item.content_type == dirpacks.CONTENT_TYPE
            assert item.entropy == 0
            continue
        count += 1
        assert [entropy(chunk) for chunk in chunks] == [chunk.entropy for chunk in item.chunks or ()]
        assert mean_entropy(item.chunks or ()) == item.entropy
    assert count


def test_summaries_are_counted_the_same(golden: Golden) -> None:
    for header in golden.headers():
        source = only_source(header)
        descriptor = source.index(headers.SUMMARY_INDEX)
        packs = source.index(headers.DIRPACK_INDEX)
        assert descriptor is not None
        assert packs is not None
        stored = {
            path: golden.stored(Resource.VFS_SUMMARY, mac) for path, mac in golden.items(btrees.INDEX, descriptor)
        }
        failed = Counter(path.rpartition("/")[0] or "/" for path, _ in golden.items(btrees.ERRORS, source.root.errors))
        made: dict[str, summaries.Summary] = {}
        for directory, mac in sorted(golden.items(btrees.INDEX, packs), key=lambda item: btrees.by_bytes(item[0]))[
            ::-1
        ]:
            summary = made[directory] = summaries.Summary()
            for record in dirpacks.unpack([golden.content(mac)], directory):
                if record.entry.file_info.is_directory:
                    summaries.add_directory(summary, made[record.entry.path])
                else:
                    summaries.add_child(summary, record.entry)
            summaries.finish(summary, failed[directory])
        assert {path: wire.encode(summary) for path, summary in made.items()} == stored
        assert source.summary == made["/"]


def test_content_types_are_the_same(golden: Golden) -> None:
    for resource, mac in golden.holdings.blobs():
        if resource != Resource.VFS_ENTRY:
            continue
        entry = entries.read(golden.stored(resource, mac))
        if entry.has_content:
            if golden.holdings.places(Resource.OBJECT, entry.object):
                item = wire.decode(golden.stored(Resource.OBJECT, entry.object), Object)
                first = (item.chunks or ())[0].content_mac
                if golden.holdings.places(Resource.CHUNK, first):
                    assert content_type(golden.stored(Resource.CHUNK, first)) == entry.content_type == item.content_type
        elif not entry.file_info.is_directory:
            assert entry.content_type == entries.NOT_REGULAR_CONTENT_TYPE


def test_trees_hold_what_the_source_held(golden: Golden) -> None:
    for snapshot in golden.story["snapshots"]:
        if "source_tree" not in snapshot:
            continue
        header = next(header for header in golden.headers() if header.identifier.hex() == snapshot["id"])
        source = only_source(header)
        tree = dict(golden.items(btrees.VFS, source.root.root))
        failed = dict(golden.items(btrees.ERRORS, source.root.errors))
        for item in snapshot["source_tree"]:
            path = bytes.fromhex(item["path_hex"]).decode("utf-8", "surrogateescape")
            if path not in tree or not golden.holdings.places(Resource.VFS_ENTRY, tree[path]):
                assert golden.name in {"errors", "xattr-change"}
                assert (
                    path in failed
                    or any(path.startswith(f"{other}/") for other in failed)
                    or path.endswith("page.html")
                )
                continue
            entry = entries.read(golden.stored(Resource.VFS_ENTRY, tree[path]))
            info = entry.file_info
            assert (info.mod_time, info.uid, info.gid, info.links) == (
                *(item["mtime_ns"], item["uid"], item["gid"]),
                item["nlink"],
            )
            assert len(entry.object) == MAC_SIZE
            if item["type"] == "file":
                assert hashlib.sha256(golden.content(entry.object)).hexdigest() == item["sha256"]
