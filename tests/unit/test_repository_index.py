"""The index on disk says what the model says, is verified against the store, and can be deleted at any time."""

from __future__ import annotations

import errno
import random
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.repository import segments
from plait.repository.files import Listed, StoredFiles
from plait.repository.format import states
from plait.repository.format.codec import Codec
from plait.repository.format.compression import Compression
from plait.repository.format.hashing import Authenticator
from plait.repository.format.resources import NO_MAC, Resource
from plait.repository.format.states import Coloured, Delete, End, Location, Packfile
from plait.repository.index import StoredIndex
from plait.repository.layout import Folder
from plait.repository.reading import merged
from plait.repository.segments import Gathering, Segment, SegmentError, Written, key_of, merge
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from plait.repository.format.states import Writable

CODEC = Codec(Authenticator("BLAKE3", bytes(32)), Compression.LZ4)
IDENTITY = b"i" * 32


def mac(number: int) -> bytes:
    return random.Random(number).randbytes(32)


def put(files: StoredFiles, name: bytes, records: Sequence[Writable], parent: bytes = NO_MAC, when: int = 1) -> bytes:
    stream = states.write_stream(parent, records, End(when))
    files.put(Folder.STATES, name, states.write(stream, CODEC))
    return stream


def index(files: StoredFiles, cache: Path | None = None) -> StoredIndex:
    return StoredIndex(files, CODEC, IDENTITY, cache)


def packfile(number: int, blobs: int, state: bytes) -> list[Writable]:
    pack = mac(10_000 + number)
    locations: list[Writable] = [
        Location(Resource.CHUNK, 0x10000, mac(number * 1000 + blob), pack, blob * 10, 10) for blob in range(blobs)
    ]
    return [*locations, Packfile(pack, state, 5)]


def same(found: StoredIndex, files: StoredFiles) -> None:
    model, circular = merged(files, CODEC)
    assert found.snapshots() == model.snapshots()
    assert found.packfiles() == model.packfiles()
    assert found.colours() == model.colours()
    assert found.circular_states == circular
    blobs = {blob for blob in model.blobs() if blob[0] != Resource.RANDOM}
    assert set(found.blobs()) == blobs
    for resource, name in blobs:
        assert list(found.places(resource, name)) == model.places(resource, name)
        assert found.holds(resource, name)
    assert not found.holds(Resource.CHUNK, b"\xff" * 32)


MACS = st.integers(0, 5).map(lambda number: bytes([number]) * 32)
KINDS = st.sampled_from([Resource.CHUNK, Resource.SNAPSHOT, Resource.OBJECT, Resource.RANDOM])
RECORDS = st.one_of(
    st.builds(Location, KINDS, st.just(0x10000), MACS, MACS, st.integers(0, 9), st.integers(1, 9), st.just(0)),
    st.builds(Coloured, st.sampled_from([Resource.SNAPSHOT, Resource.PACKFILE]), MACS, st.integers(0, 9)),
    st.builds(Packfile, MACS, MACS, st.integers(0, 9)),
    st.builds(Delete.location, KINDS, MACS, MACS),
    st.builds(Delete.colour, st.sampled_from([Resource.SNAPSHOT, Resource.PACKFILE]), MACS),
    st.builds(Delete.of_packfile, MACS),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(RECORDS, max_size=12), st.none() | st.integers(0, 3)), max_size=5))
def test_it_says_what_the_model_says(deltas: list[tuple[list[Any], int | None]]) -> None:
    files = StoredFiles(MemoryStore())
    places: dict[tuple[int, bytes, bytes], tuple[int, int]] = {}
    for number, (records, parent) in enumerate(deltas):
        for at, record in enumerate(records):
            if isinstance(record, Location):
                # A blob stands in one place of a packfile, whichever state says so.
                where = places.setdefault(
                    (record.resource, record.mac, record.packfile), (record.offset, record.length)
                )
                records[at] = record._replace(offset=where[0], length=where[1])
        put(files, mac(number), records, NO_MAC if parent is None else mac(parent), number)
    with closing(index(files)) as found:
        same(found, files)


def test_it_is_kept_and_takes_in_what_is_new(tmp_path: Path) -> None:
    files = StoredFiles(MemoryStore())
    put(files, mac(1), packfile(1, 900, mac(1)))
    with closing(index(files, tmp_path)) as first:
        same(first, files)
        for number in range(2, 9):
            put(files, mac(number), packfile(number, 10 * number, mac(number)), mac(number - 1), number)
            with closing(index(files, tmp_path)) as second:
                same(second, files)
                assert second.newest_state() == mac(number)
        first.refresh()
        same(first, files)
    held = list((tmp_path / "index").rglob("*.segment"))
    assert 1 <= len(held) <= 4
    assert all(path.stat().st_mode & 0o77 == 0 for path in held)


class Counted(StoredFiles):
    reads = 0

    def read(self, key: str) -> bytes:
        self.reads += 1
        return super().read(key)


def test_states_are_read_once(tmp_path: Path) -> None:
    store = MemoryStore()
    put(StoredFiles(store), mac(1), packfile(1, 5, mac(1)))
    index(StoredFiles(store), tmp_path).close()
    files = Counted(store)
    with closing(index(files, tmp_path)) as again:
        again.add_state(mac(2), put(files, mac(2), packfile(2, 5, mac(2))))
        again.refresh()
    with closing(index(files, tmp_path)) as again:
        assert again.holds(Resource.CHUNK, mac(1000))
    assert files.reads == 0


@pytest.mark.parametrize("own", [False, True])
def test_defect_a_state_that_was_damaged_or_replaced_since_it_was_read_is_not_remembered(
    tmp_path: Path, own: bool
) -> None:
    files = StoredFiles(MemoryStore())
    put(files, mac(2), packfile(2, 5, mac(2)))
    with closing(index(files, tmp_path)) as first:
        stream = put(files, mac(1), packfile(1, 5, mac(1)))
        if own:
            # Stored here, and never listed: what another process finds there is read by it.
            first.add_state(mac(1), stream)
        else:
            first.refresh()
        assert first.holds(Resource.CHUNK, mac(1000))
    key = files.key(Folder.STATES, mac(1))
    damaged = bytearray(files.read(key))
    damaged[len(damaged) // 2] ^= 1
    files.put(Folder.STATES, mac(1), bytes(damaged))
    with closing(index(files, tmp_path)) as found:
        assert list(found.damaged_states) == [key]
        assert not found.holds(Resource.CHUNK, mac(1000))
        assert found.holds(Resource.CHUNK, mac(2000))
    # The original rewrites the state of a snapshot that it copies again.
    put(files, mac(1), packfile(3, 5, mac(1)))
    with closing(index(files, tmp_path)) as found:
        same(found, files)


def test_a_state_that_disappeared_counts_no_more(tmp_path: Path) -> None:
    files = StoredFiles(MemoryStore())
    put(files, mac(1), packfile(1, 5, mac(1)))
    put(files, mac(2), packfile(2, 5, mac(2)))
    with closing(index(files, tmp_path)) as first:
        files.remove(Folder.STATES, [mac(2)])
        for found in (first, index(files, tmp_path)):
            found.refresh()
            same(found, files)
            assert not found.holds(Resource.CHUNK, mac(2000))


def test_what_another_process_took_in_first_counts_once(tmp_path: Path) -> None:
    files = StoredFiles(MemoryStore())
    with closing(index(files, tmp_path)) as one:
        stream = put(files, mac(1), packfile(1, 3, mac(1)))
        # As for `ls` while a backup is under way, which adds what it has stored at its end.
        with closing(index(files, tmp_path)):
            one.add_state(mac(1), stream)
        same(one, files)
        assert len(list(one.locations())) == 3


def test_what_another_process_stores_during_a_look_is_not_taken_for_lost(tmp_path: Path) -> None:
    store = MemoryStore()
    files = StoredFiles(store)

    class Slow(StoredFiles):
        reads = 0
        meanwhile = True

        def listed(self, folder: Folder) -> dict[bytes, Listed]:
            found = super().listed(folder)
            if self.meanwhile:
                self.meanwhile = False
                other.add_state(mac(2), put(files, mac(2), packfile(2, 3, mac(2)), when=2))
            return found

        def read(self, key: str) -> bytes:
            self.reads += 1
            return super().read(key)

    with closing(index(files, tmp_path)) as other:
        other.add_state(mac(1), put(files, mac(1), packfile(1, 3, mac(1))))
        put(files, mac(3), packfile(3, 3, mac(3)), when=3)
        slow = Slow(store)
        with closing(index(slow, tmp_path)) as found:
            same(found, files)
            # One is taken in, and two that nobody has listed since they were stored are looked at.
            assert slow.reads == 3


def test_what_was_just_stored_is_added(tmp_path: Path) -> None:
    files = StoredFiles(MemoryStore())
    with closing(index(files, tmp_path)) as one, closing(index(files, tmp_path)) as other:
        for number, found in enumerate((one, other, one, other, one), 1):
            stream = put(files, mac(number), packfile(number, 50, mac(number)), when=number)
            found.add_state(mac(number), stream)
            same_until = [mac(known * 1000) for known in range(number, 0, -2)]
            assert all(found.holds(Resource.CHUNK, name) for name in same_until)
        for found in (one, other):
            found.refresh()
            same(found, files)


@pytest.mark.parametrize("what", ["summary", "segment"])
@pytest.mark.parametrize("how", ["flip", "cut", "empty", "remove"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, what: str, how: str) -> None:
    files = StoredFiles(MemoryStore())
    put(files, mac(1), packfile(1, 500, mac(1)))
    index(files, tmp_path).close()
    (path,) = [path for path in (tmp_path / "index").rglob("*") if path.name.endswith(what)]
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[len(data) // 2] ^= 1
    path.write_bytes(data[: {"flip": None, "cut": -7, "empty": 0, "remove": 0}[how]])
    if how == "remove":
        path.unlink()
    with closing(index(files, tmp_path)) as found:
        same(found, files)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    files = StoredFiles(MemoryStore())
    put(files, mac(1), packfile(1, 5, mac(1)))
    with closing(index(files, tmp_path / "cache")) as found:
        same(found, files)


@pytest.mark.parametrize("late", [False, True])
def test_a_full_disk_below_the_cache_stops_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Whether it is full at first, or when the process has used the cache for a while."""
    cache = tmp_path / "cache"
    is_full = not late
    writing = segments.write

    def write(path: Path, records: Iterable[bytes], count: int, packfiles: Sequence[bytes]) -> Written:
        if is_full and cache in path.parents:
            path.write_bytes(b"what there was room for")
            raise OSError(errno.ENOSPC, "No space left on device")
        return writing(path, records, count, packfiles)

    monkeypatch.setattr(segments, "write", write)
    told: list[str] = []
    files = StoredFiles(MemoryStore())
    for number in range(3):
        put(files, mac(number), packfile(number + 1, 5, mac(number)), when=number)
    with closing(StoredIndex(files, CODEC, IDENTITY, cache, told.append)) as found:
        same(found, files)
        is_full = True
        if late:
            assert not told
        # Both ways in which more becomes known.
        found.add_state(mac(7), put(files, mac(7), packfile(7, 5, mac(7)), when=7))
        same(found, files)
        put(files, mac(8), packfile(8, 5, mac(8)), when=8)
        found.refresh()
        same(found, files)
    (line,) = told
    assert "without a cache" in line
    assert "no space left on device" in line


def test_another_store_has_another_index(tmp_path: Path) -> None:
    one, other = StoredFiles(MemoryStore()), StoredFiles(MemoryStore())
    put(one, mac(1), packfile(1, 5, mac(1)))
    index(one, tmp_path).close()
    with closing(StoredIndex(other, CODEC, b"j" * 32, tmp_path)) as found:
        assert not found.holds(Resource.CHUNK, mac(1000))


def test_a_damaged_state_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    files = StoredFiles(MemoryStore())
    with closing(index(files, tmp_path)) as found:
        put(files, mac(1), packfile(1, 5, mac(1)))
        files.put(Folder.STATES, mac(2), b"no state")
        found.refresh()
        (key,) = found.damaged_states
        assert mac(2).hex() in key
        assert found.holds(Resource.CHUNK, mac(1000))
        files.remove(Folder.STATES, [mac(2)])
        found.refresh()
        assert found.damaged_states == {}
        same(found, files)


def test_look_ups_go_on_while_others_add(tmp_path: Path) -> None:
    files = StoredFiles(MemoryStore())
    put(files, mac(1), packfile(1, 300, mac(1)))
    with closing(index(files, tmp_path)) as found:
        stop = threading.Event()
        missed: list[int] = []

        def look() -> None:
            while not stop.is_set():
                missed.extend(blob for blob in range(300) if not found.holds(Resource.CHUNK, mac(1000 + blob)))

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(2, 30):
            found.add_state(mac(number), put(files, mac(number), packfile(number, 40, mac(number)), when=number))
        stop.set()
        for thread in threads:
            thread.join()
        assert not missed
        same(found, files)


def test_segments(tmp_path: Path) -> None:
    pick = random.Random(1)
    everything: dict[bytes, set[tuple[bytes, int, int]]] = {}
    segments = []
    for number, count in enumerate((0, 1, 17, 5000)):
        gathering = Gathering()
        for _ in range(count):
            name, pack, offset = pick.randbytes(32), bytes([pick.randrange(4)]) * 32, pick.randrange(1 << 40)
            gathering.add(Resource.CHUNK, name, pack, offset, 7)
            everything.setdefault(name, set()).add((pack, offset, 7))
        path = tmp_path / str(number)
        segments.append(Segment(path, gathering.write(path)))
    whole = segments[0]
    for number, segment in enumerate(segments[1:]):
        path = tmp_path / f"merged{number}"
        whole = Segment(path, merge(path, whole, segment))
    assert list(whole.records()) == sorted(whole.records())
    for name, places in everything.items():
        assert set(map(tuple, whole.find(key_of(Resource.CHUNK, name)))) == places
        assert whole.find(key_of(Resource.CHUNK, name), [False] * len(whole.packfiles)) == []
        assert whole.find(key_of(Resource.OBJECT, name)) == []
    with pytest.raises(SegmentError):
        Segment(tmp_path / "3", Written(1, bytes(32)))


def test_a_state_of_more_locations_than_one_look_takes() -> None:
    files = StoredFiles(MemoryStore())
    put(files, mac(1), packfile(1, 5000, mac(1)))
    with closing(index(files)) as found:
        same(found, files)
