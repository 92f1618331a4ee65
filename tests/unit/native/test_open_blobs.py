"""Opening many small blobs at once, by both implementations."""

import os
import random
from array import array
from types import ModuleType

import blake3
import lz4.frame
import pytest

from plait import native
from plait.native import pure

RECORD = 65536
KEY = bytes(range(32))
PLAINS = (b"", b"a", bytes(100), b"ab" * 5000, b"abcdefg" * 3000, bytes(range(256)) * 40, os.urandom(70_000))


# What `plait.native` offers is the extension's only where the processor can.
@pytest.fixture(params=[pure, native], ids=["pure", "native"])
def chosen(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def opened(
    module: ModuleType,
    blobs: list[tuple[bytes, int]],
    *,
    key: bytes | None = None,
    compressed: bool = True,
    room: int = 1 << 18,
) -> list[bytes | int]:
    """What comes of blobs, given with how long they may be inside."""
    spans, stored = array("Q"), b""
    for blob, limit in blobs:
        spans.extend((len(stored), len(blob), limit))
        stored += blob
    place = bytearray(room)
    found: list[bytes | int] = []
    at = 0
    for length in array("q", module.open_blobs(key, RECORD, compressed, stored, spans, place, None, b"")):
        found.append(length if length < 0 else bytes(place[at : at + length]))
        at += max(length, 0)
    return found


def opened_alone(module: ModuleType, blob: bytes, limit: int, *, key: bytes | None, compressed: bool) -> bytes | None:
    plain: bytes | None = module.open_blob(key, RECORD, compressed, blob, limit)
    return plain


def sealed(plain: bytes) -> bytes:
    secret = os.urandom(32 + 12 * -(-len(plain) // RECORD))
    return native.seal_stream(KEY, secret, plain, RECORD)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("sized", [False, True])
def test_frames_of_all_kinds(chosen: ModuleType, *, linked: bool, checked: bool, sized: bool) -> None:
    frames = [
        lz4.frame.compress(
            plain,
            block_linked=linked,
            content_checksum=checked,
            block_checksum=not checked,
            store_size=sized,
            block_size=4,
        )
        for plain in PLAINS
    ]
    limits = [len(plain) for plain in PLAINS]
    assert opened(chosen, list(zip(frames, limits, strict=True))) == list(PLAINS)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("encrypted", [False, True])
def test_blobs_as_repositories_store_them(chosen: ModuleType, *, compressed: bool, encrypted: bool) -> None:
    streams = [lz4.frame.compress(plain, content_checksum=True) if compressed else plain for plain in PLAINS]
    blobs = [(sealed(stream) if encrypted else stream, 1 << 20) for stream in streams]
    key = KEY if encrypted else None
    assert opened(chosen, blobs, key=key, compressed=compressed) == list(PLAINS)
    for (blob, _), plain in zip(blobs, PLAINS, strict=True):
        assert opened_alone(chosen, blob, 1 << 20, key=key, compressed=compressed) == plain
        assert opened_alone(chosen, blob, len(plain), key=key, compressed=compressed) == plain
        if compressed and plain:
            assert opened_alone(chosen, blob, len(plain) - 1, key=key, compressed=compressed) is None
        if compressed or encrypted:
            assert opened_alone(chosen, blob[:-1], 1 << 20, key=key, compressed=compressed) is None


def test_a_damaged_blob_harms_no_other(chosen: ModuleType) -> None:
    frame = lz4.frame.compress(b"plain" * 20, content_checksum=True, store_size=False)
    whole = sealed(frame)
    altered = whole[:-1] + bytes((whole[-1] ^ 1,))
    blobs = [(whole, 100), (altered, 100), (whole[:30], 100), (whole, 99), (whole, 100)]
    assert opened(chosen, blobs, key=KEY) == [b"plain" * 20, -1, -1, -1, b"plain" * 20]
    for broken in (frame[:-1], frame + b"x", frame[:-1] + b"x", b"\0" + frame[1:], frame[:6] + b"x" + frame[7:], b""):
        assert opened(chosen, [(broken, 1000), (frame, 100)]) == [-1, b"plain" * 20]


def test_what_has_no_room_says_so(chosen: ModuleType) -> None:
    frame = lz4.frame.compress(b"plain" * 20)
    assert opened(chosen, [(frame, 100)] * 3, room=250) == [b"plain" * 20, b"plain" * 20, -2]
    assert opened(chosen, [(frame, 100)], room=99) == [-2]
    assert opened(chosen, [(b"plain", 5), (b"plain", 5)], compressed=False, room=9) == [b"plain", -2]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 129, 1000, 1023, 1024, 1025, 3000])
def test_small_blobs_are_verified(chosen: ModuleType, size: int) -> None:
    plain = os.urandom(size)
    mac = blake3.blake3(plain, key=KEY).digest()
    frame = lz4.frame.compress(plain)
    spans = array("Q", (0, len(frame), size) * 3)
    place = bytearray(3 * size + 64)
    altered = mac[:-1] + bytes((mac[-1] ^ 1,))
    lengths = array("q", chosen.open_blobs(None, 0, True, frame, spans, place, KEY, mac + altered + mac))
    assert list(lengths) == [size, size if size > 1024 else -1, size]
    assert place[:size] == plain
    assert place[sum(map(abs, lengths)) - size :][:size] == plain if size > 1024 else place[size : 2 * size] == plain


def test_arguments_that_cannot_be(chosen: ModuleType) -> None:
    place = bytearray(10)
    beyond = array("Q", (2, 3, 10, 2**64 - 1, 1, 10, 0, 2**64 - 1, 10))
    lengths = chosen.open_blobs(None, 0, False, b"abcd", beyond, place, None, b"")
    assert list(array("q", lengths)) == [-1, -1, -1]
    for key, record, spans in ((b"short", 1, b""), (KEY, 0, b""), (None, 0, b"1234567")):
        with pytest.raises(ValueError, match=r"32 bytes|three uint64"):
            chosen.open_blobs(key, record, True, b"", spans, place, None, b"")
    for secret, identifiers in ((b"short", b""), (KEY, b"one too many")):
        with pytest.raises(ValueError, match="32 bytes"):
            chosen.open_blobs(None, 0, True, b"", b"", place, secret, identifiers)
    for key, record, limit in ((b"short", 1, 0), (KEY, 0, 0), (None, 0, -1)):
        with pytest.raises(ValueError, match=r"32 bytes|negative"):
            chosen.open_blob(key, record, True, b"", limit)


def test_altered_frames_come_to_the_same_in_both() -> None:
    chance = random.Random(1)
    for _ in range(1500):
        plain = bytes(chance.choice(b"abc") for _ in range(chance.randrange(60))) * chance.randrange(1, 30)
        linked, checked = chance.random() < 0.5, chance.random() < 0.5
        frame = bytearray(lz4.frame.compress(plain, block_linked=linked, content_checksum=checked))
        for _ in range(chance.randrange(1, 3)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        found = [opened(module, [(bytes(frame), len(plain))], room=4096) for module in (pure, native)]
        # What the extension does not take is tried again by the library; never the other way round.
        assert found[1] in (found[0], [-1], [-2])
        if bytes(frame) == lz4.frame.compress(plain, block_linked=linked, content_checksum=checked):
            assert found[1] == [plain]
