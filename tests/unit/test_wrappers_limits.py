from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import CancelledError
from plait.model.values.bandwidths import parse_bandwidths
from plait.stores.base import Outgoing
from plait.stores.copies import CopiesBatches, CopyRequest
from plait.stores.local import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.parts import Parts
from plait.stores.wrappers.limits import Clock, Limiter, limited
from plait.testing.generators import as_source, content
from plait.testing.store_tools import MOMENT, get, items, keys, put

if TYPE_CHECKING:
    from pathlib import Path


class FakeClock(Clock):
    def __init__(self) -> None:
        self.time = 1000.0
        self.hour = 12

    def now(self) -> float:
        return self.time

    def local(self) -> time.struct_time:
        return time.struct_time((2026, 1, 5, self.hour, 0, 0, 0, 5, 0))

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_what_is_sent_and_received_takes_its_time(clock: FakeClock) -> None:
    inner = MemoryStore()
    store = limited(inner, Limiter(parse_bandwidths("100k:50k"), clock=clock))
    data = content(1024 * 1000)
    put(store, "a", data)
    assert clock.time == pytest.approx(1010.0)
    assert get(store, "a") == data
    # A second of what was not received before is remembered.
    assert clock.time == pytest.approx(1029.0)
    with store.read("a", 0, 51200) as reader:
        found = []
        while block := reader.read(1 << 20):
            assert len(block) <= 51200 // 8
            found.append(block)
    assert b"".join(found) == data[:51200]
    assert clock.time == pytest.approx(1030.0)


def test_parts_take_their_time(clock: FakeClock) -> None:
    inner = MemoryStore(part_size=102_400)
    store = limited(inner, Limiter(parse_bandwidths("100k"), clock=clock))
    assert isinstance(store, Parts)
    partial = store.begin("a", 204_800)
    for offset in (0, 102_400):
        partial.write_part(offset, as_source(b"x" * 102_400), 102_400)
    assert partial.commit().size == 204_800
    assert clock.time == pytest.approx(1002.0)


def test_the_rate_follows_the_timetable_and_the_switch(clock: FakeClock) -> None:
    limiter = Limiter(parse_bandwidths("08:00,100k 18:00,off"), clock=clock)
    store = limited(MemoryStore(), limiter)
    put(store, "a", content(102_400))
    assert clock.time == pytest.approx(1001.0)
    clock.hour = 19
    put(store, "b", content(102_400))
    assert limiter.rates() == (None, None)
    assert clock.time == pytest.approx(1001.0)
    clock.hour = 9
    assert not limiter.toggle()
    put(store, "c", content(102_400))
    assert clock.time == pytest.approx(1001.0)
    assert limiter.toggle()
    put(store, "d", content(102_400))
    assert clock.time == pytest.approx(1002.0)


def test_requests_take_turns(clock: FakeClock) -> None:
    inner = MemoryStore()
    put(inner, "a", b"1")
    store = limited(inner, Limiter(requests=4, clock=clock), requests=True)
    for _ in range(8):
        store.stat("a")
    assert clock.time == pytest.approx(1002.0, abs=0.3)
    before = clock.time
    keys(store)
    assert clock.time > before


def test_a_burst_of_requests_comes_at_once(clock: FakeClock) -> None:
    inner = MemoryStore()
    put(inner, "a", b"1")
    store = limited(inner, Limiter(requests=1, burst=10, clock=clock), requests=True)
    for _ in range(10):
        store.stat("a")
    assert clock.time == 1000.0
    for _ in range(5):
        store.stat("a")
    assert clock.time == pytest.approx(1005.0)


def test_batches_take_their_time(tmp_path: Path, clock: FakeClock) -> None:
    local = LocalStore(tmp_path)
    for number in range(10):
        put(local, f"from/{number}", b"x" * 51_200, Outgoing(modified=MOMENT))
    put(local, "from/large", b"x" * 20_480_000, Outgoing(modified=MOMENT))
    store = limited(local, Limiter(parse_bandwidths("100k"), clock=clock))
    assert isinstance(store, CopiesBatches)
    requests = [CopyRequest(item, item.key.replace("from", "to")) for item in items(local, "from/")]
    told = 0

    def carried(_: CopyRequest, size: int) -> None:
        nonlocal told
        told += size

    results = store.copy_batch(local, requests, Outgoing(), lambda: False, carried)
    assert [result.request for result in results] == requests
    assert {result.error for result in results} == {None}
    assert told >= 20_480_000
    assert clock.time == pytest.approx(1205.0)


def test_what_goes_from_one_limited_store_to_another_has_the_whole_rate(clock: FakeClock) -> None:
    limiter = Limiter(parse_bandwidths("100k"), clock=clock)
    inner = MemoryStore()
    put(inner, "a", content(1_024_000))
    origin, store = limited(inner, limiter), limited(MemoryStore(), limiter)
    with origin.read("a") as reader:
        store.write("a", reader, 1_024_000)
    assert clock.time == pytest.approx(1010.0, abs=0.5)


def test_requests_count_only_on_the_network(clock: FakeClock, tmp_path: Path) -> None:
    store = limited(LocalStore(tmp_path), Limiter(requests=0.001, clock=clock))
    for number in range(5):
        put(store, str(number), b"")
    assert clock.time == 1000.0


def test_waiting_ends_when_the_run_is_cancelled(clock: FakeClock) -> None:
    store = limited(MemoryStore(), Limiter(parse_bandwidths("1k"), cancelled=lambda: True, clock=clock))
    with pytest.raises(CancelledError):
        put(store, "a", content(100_000))


def test_no_limit_leaves_blocks_as_they_are(clock: FakeClock) -> None:
    store = limited(MemoryStore(), Limiter(clock=clock))
    data = content(1_000_000)
    put(store, "a", data)
    with store.read("a") as reader:
        assert len(reader.read(900_000)) == 900_000
    assert clock.time == 1000.0


def test_a_change_of_the_timetable_is_told_once(clock: FakeClock) -> None:
    told: list[str] = []
    timetable = parse_bandwidths("08:00,100k 18:00,off")
    limiter = Limiter(timetable, changed=lambda bandwidth: told.append(str(bandwidth)), clock=clock)
    assert str(limiter.now) == "100Ki"
    for clock.hour in (12, 19, 20, 9):
        limiter.rates()
        limiter.rates()
    assert told == ["off", "100Ki"]


def test_each_file_has_its_own_rate(tmp_path: Path, clock: FakeClock) -> None:
    inner = MemoryStore()
    put(inner, "a", b"x" * 102_400)
    put(inner, "b", b"x" * 102_400)
    store = limited(inner, Limiter(files=parse_bandwidths("50k"), clock=clock))
    with store.read("a") as one, store.read("a", 51_200) as other, store.read("b") as third:
        for reader in (one, other, third):
            assert len(reader.read(10_240)) <= 51_200 // 8
    begun = clock.time
    assert get(store, "b") == b"x" * 102_400
    assert clock.time - begun == pytest.approx(2.0, abs=0.3)
    local = LocalStore(tmp_path)
    paced = limited(local, Limiter(files=parse_bandwidths("50k"), clock=clock))
    assert isinstance(paced, CopiesBatches)
    assert not paced.can_copy_batches_from(local)
