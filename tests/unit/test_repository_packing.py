"""Packfiles while they are filled: of any size, padded, and stored whole."""

from __future__ import annotations

import os
import random

import pytest

from plait.model.errors import PlaitError, StoreError, TemporaryError
from plait.repository import packing
from plait.repository.files import StoredFiles
from plait.repository.format import packfiles
from plait.repository.format.codec import Codec
from plait.repository.format.compression import Compression
from plait.repository.format.hashing import Authenticator
from plait.repository.format.resources import VERSION_1_0_0, Resource
from plait.repository.layout import Folder
from plait.repository.packing import Encoded, Packing
from plait.repository.segments import key_of
from plait.stores.memory import MemoryStore
from plait.stores.wrappers.fault import Fault, Misdeed, Script, faulty

CODEC = Codec(Authenticator("BLAKE3", bytes(32)), Compression.LZ4)


def stored(files: StoredFiles, blobs: list[bytes]) -> packfiles.Index:
    assert Packing().is_empty
    filled = Packing()
    for blob in blobs:
        filled.add(Resource.CHUNK, CODEC.mac(blob), blob)
    assert not filled.is_empty
    packed = filled.store(CODEC, files)
    data = files.read(files.key(Folder.PACKFILES, packed.name))
    assert len(data) == packed.size
    _, body = CODEC.unwrap(data, Resource.PACKFILE, VERSION_1_0_0)
    assert CODEC.mac(body) == packed.name
    index = packfiles.read_index(body, CODEC)
    assert packfiles.pack_records(index.blobs) == packed.records
    assert index.timestamp == packed.timestamp
    first, *held, last = index.blobs
    assert first.resource == last.resource == Resource.RANDOM
    assert last.length >= packfiles.LEAST_PADDING
    assert [body[blob.offset : blob.offset + blob.length] for blob in held] == blobs
    return index


@pytest.mark.parametrize("capacity", [1 << 12, 1 << 20])
def test_it_grows_beyond_what_was_foreseen(monkeypatch: pytest.MonkeyPatch, capacity: int) -> None:
    monkeypatch.setattr(packing, "_CAPACITY", capacity)
    pick = random.Random(1)
    files = StoredFiles(MemoryStore())
    stored(files, [pick.randbytes(pick.randrange(2000)) for _ in range(3000)])
    stored(files, [b"", pick.randbytes(5_000_000), b"x"])


def test_a_great_many_small_blobs() -> None:
    stored(StoredFiles(MemoryStore()), [os.urandom(8) for _ in range(120_000)])


def test_blobs_that_come_as_columns() -> None:
    blobs = [random.Random(number).randbytes(number) for number in range(9)]
    keys = b"".join(key_of(Resource.OBJECT, CODEC.mac(blob)) for blob in blobs)
    columns = Encoded(keys, list(map(len, blobs)), b"".join(blobs))
    some = columns.only([1, 4, 8])
    assert some == Encoded(keys[33:66] + keys[132:165] + keys[264:297], [1, 4, 8], blobs[1] + blobs[4] + blobs[8])
    filled = Packing()
    filled.add_all(some)
    files = StoredFiles(MemoryStore())
    packed = filled.store(CODEC, files)
    _, body = CODEC.unwrap(files.read(files.key(Folder.PACKFILES, packed.name)), Resource.PACKFILE, VERSION_1_0_0)
    held = packfiles.read_index(body, CODEC).blobs[1:-1]
    assert [(blob.resource, blob.mac) for blob in held] == [(Resource.OBJECT, CODEC.mac(blobs[n])) for n in (1, 4, 8)]
    assert [body[blob.offset : blob.offset + blob.length] for blob in held] == [blobs[n] for n in (1, 4, 8)]


def test_what_fails_in_passing_is_stored_again() -> None:
    passing: PlaitError = TemporaryError("busy")
    store = faulty(MemoryStore(), Script([Fault(Misdeed.FAIL, "write", times=2, error=passing)]))
    stored(StoredFiles(store), [b"content"])
    broken: PlaitError = StoreError("broken")
    store = faulty(MemoryStore(), Script([Fault(Misdeed.FAIL, "write", times=99, error=broken)]))
    with pytest.raises(StoreError, match="broken"):
        stored(StoredFiles(store), [b"content"])
