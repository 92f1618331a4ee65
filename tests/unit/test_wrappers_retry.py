from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plait.model.errors import (
    AlreadyExistsError,
    CancelledError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PlaitError,
    PreconditionError,
    SourceChangedError,
    TemporaryError,
    UnknownOutcomeError,
)
from plait.stores.abilities import Renames
from plait.stores.base import Deleted, Outgoing, Store
from plait.stores.copies import Copies, CopiesBatches, CopyRequest
from plait.stores.local import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.parts import Parts
from plait.stores.wrappers.fault import Fault, Misdeed, RandomScript, Script, faulty
from plait.stores.wrappers.retry import KEPT, RetryPolicy, retrying
from plait.testing.generators import as_source, content
from plait.testing.store_tools import MOMENT, files, get, items, keys, put

if TYPE_CHECKING:
    from pathlib import Path

FAIL, VANISH, TEAR, SHORT = Misdeed.FAIL, Misdeed.VANISH, Misdeed.TEAR, Misdeed.SHORT


def shaky(inner: Store, *faults: Fault, attempts: int = 3) -> Store:
    return retrying(faulty(inner, Script(faults)), RetryPolicy(attempts=attempts), sleep=lambda _: None)


@pytest.fixture
def inner() -> MemoryStore:
    return MemoryStore(part_size=1000)


def test_repeats_what_failed_in_passing(inner: MemoryStore) -> None:
    put(inner, "a", b"1")
    assert shaky(inner, Fault(FAIL, "stat", times=2)).stat("a").size == 1


def test_gives_up_after_the_last_attempt(inner: MemoryStore) -> None:
    put(inner, "a", b"1")
    script = Script([Fault(FAIL, "stat", times=9)])
    store = retrying(faulty(inner, script), RetryPolicy(attempts=3), sleep=lambda _: None)
    with pytest.raises(TemporaryError):
        store.stat("a")
    assert len(script.calls) == 3


def test_does_not_repeat_what_will_not_pass(inner: MemoryStore) -> None:
    script = Script([Fault(FAIL, "stat", error=PermissionDeniedError("no"))])
    with pytest.raises(PermissionDeniedError):
        retrying(faulty(inner, script), sleep=lambda _: None).stat("a")
    assert len(script.calls) == 1


def test_waits_longer_each_time_and_as_long_as_the_server_asks(inner: MemoryStore) -> None:
    policy = RetryPolicy(first=1.0, longest=5.0)
    error = TemporaryError("busy")
    pauses = [policy.pause(failures, error) for failures in (1, 2, 3, 9)]
    assert 0.5 <= pauses[0] <= 1.0 <= pauses[1] <= 2.0 <= pauses[2] <= 4.0
    assert 2.5 <= pauses[3] <= 5.0
    error.retry_after = 60.0
    assert policy.pause(1, error) == 60.0
    slept: list[float] = []
    store = retrying(faulty(inner, Script([Fault(FAIL, "list", error=error)])), policy, sleep=slept.append)
    assert keys(store) == []
    assert sum(slept) == pytest.approx(60.0)


def test_a_pause_ends_when_the_run_is_cancelled(inner: MemoryStore) -> None:
    store = retrying(faulty(inner, Script([Fault(FAIL, "stat")])), cancelled=lambda: True, sleep=lambda _: None)
    with pytest.raises(CancelledError):
        store.stat("a")


def test_a_listing_goes_on_after_its_last_key(inner: MemoryStore) -> None:
    names = sorted(f"{number}" for number in range(2500))
    for name in names:
        put(inner, name, b"")
    assert files(shaky(inner, Fault(FAIL, "list", number=2), Fault(FAIL, "list", number=5, times=2))) == names


def test_a_local_listing_goes_on_and_asks_once_about_each_directory(tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    for name in ("a/b/c", "a/b/d/e", "a/f", "g/h"):
        put(local, name, b"")
    whole = keys(local)
    for number in range(1, 9):
        asked: list[str] = []
        store = shaky(local, Fault(FAIL, "list", number=number))

        def descend(key: str, asked: list[str] = asked) -> bool:
            asked.append(key)
            return key != "g"

        found = [item.order_key for page in store.list(descend=descend) for item in page.items()]
        assert found == [key for key in whole if key != "g/h"]
        assert sorted(set(asked)) == ["a", "a/b", "a/b/d", "g"]


@pytest.mark.parametrize("misdeed", [TEAR])
def test_a_reading_goes_on_where_it_broke(inner: MemoryStore, misdeed: Misdeed) -> None:
    data = content(100_000)
    put(inner, "a", data)
    store = shaky(inner, Fault(misdeed, "read"), Fault(misdeed, "read", number=2))
    with store.read("a") as reader:
        assert reader.read() == data
    store = shaky(inner, Fault(misdeed, "read"))
    with store.read("a", 10, 50_000) as reader:
        found = b""
        while block := reader.read(999):
            found += block
    assert found == data[10:50_010]


def test_a_reading_does_not_go_on_in_another_version(inner: MemoryStore) -> None:
    put(inner, "a", b"a" * 1000)
    reader = shaky(inner, Fault(TEAR, "read")).read("a")
    assert reader.read(100) == b"a" * 100
    put(inner, "a", b"b" * 1000)
    with pytest.raises(SourceChangedError):
        reader.read()


def test_a_small_write_is_repeated_with_the_same_content(inner: MemoryStore) -> None:
    data = content(100_000)
    faults = [Fault(FAIL, "write"), Fault(FAIL, "write.block", number=1), Fault(VANISH, "write", number=2)]
    store = shaky(inner, *faults, attempts=5)
    assert store.write("a", as_source(data), len(data)).size == len(data)
    assert get(inner, "a") == data


def test_a_large_write_is_not_repeated_once_its_content_was_taken(inner: MemoryStore) -> None:
    data = b"x" * (KEPT + 2)
    store = shaky(inner, Fault(VANISH, "write"))
    with pytest.raises(UnknownOutcomeError):
        store.write("a", as_source(data), len(data))
    assert shaky(inner, Fault(FAIL, "write")).write("b", as_source(data), len(data)).size == len(data)


def test_a_conditional_write_without_an_answer_is_looked_at(inner: MemoryStore) -> None:
    store = shaky(inner, Fault(VANISH, "write"))
    how = Outgoing(if_absent=True)
    assert store.write("lock", as_source(b"mine"), 4, how) == inner.stat("lock")
    with pytest.raises(AlreadyExistsError):
        shaky(inner, Fault(FAIL, "write")).write("lock", as_source(b"too late"), 8, how)
    etag = inner.stat("lock").etag
    store = shaky(inner, Fault(VANISH, "write"))
    assert store.write("lock", as_source(b"next"), 4, Outgoing(if_match=etag)).size == 4
    assert get(inner, "lock") == b"next"


def test_a_conditional_write_that_came_late_is_recognised(inner: MemoryStore) -> None:
    error = UnknownOutcomeError("no answer, and it comes through later")

    class Late(Script):
        def next(self, operation: str, key: str) -> Fault | None:
            fault = super().next(operation, key)
            if self.calls.count(("write", "lock")) == 2 and operation == "write":
                put(inner, "lock", b"mine")
            return fault

    script = Late([Fault(FAIL, "write", error=error)])
    store = retrying(faulty(inner, script), sleep=lambda _: None)
    assert store.write("lock", as_source(b"mine"), 4, Outgoing(if_absent=True)).size == 4


def test_a_conditional_write_that_lost_says_so(inner: MemoryStore) -> None:
    put(inner, "lock", b"theirs")
    error = UnknownOutcomeError("no answer")
    with pytest.raises(AlreadyExistsError):
        shaky(inner, Fault(FAIL, "write", error=error)).write("lock", as_source(b"mine"), 4, Outgoing(if_absent=True))
    with pytest.raises(PreconditionError):
        shaky(inner, Fault(FAIL, "write", error=error)).write("lock", as_source(b"mine"), 4, Outgoing(if_match="x"))
    assert get(inner, "lock") == b"theirs"


def test_deletes_what_is_left(inner: MemoryStore) -> None:
    for name in "abcd":
        put(inner, name, b"")
    store = shaky(inner, Fault(FAIL, "delete", number=2), Fault(VANISH, "delete", number=4))
    assert sorted(result.key for result in store.delete(list("abcd"))) == list("abcd")
    assert files(inner) == []


def test_a_rename_without_an_answer_is_looked_at(tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    put(local, "old", b"1")
    store = shaky(local, Fault(VANISH, "rename"))
    assert isinstance(store, Renames)
    store.rename("old", "new")
    assert files(local) == ["new"]
    with pytest.raises(ObjectNotFoundError):
        store.rename("old", "other")
    store = shaky(local, Fault(FAIL, "rename", error=UnknownOutcomeError("no answer")))
    assert isinstance(store, Renames)
    store.rename("new", "newer")
    assert files(local) == ["newer"]


def test_a_conditional_copy_without_an_answer_stays_unknown(inner: MemoryStore) -> None:
    put(inner, "a", b"1")
    [item] = items(inner)
    store = shaky(inner, Fault(VANISH, "copy_from", times=2))
    assert isinstance(store, Copies)
    with pytest.raises(UnknownOutcomeError):
        store.copy_from(inner, item, "b", Outgoing(if_absent=True))
    assert store.copy_from(inner, item, "c").size == 1


def test_parts_are_completed_again(inner: MemoryStore) -> None:
    store = shaky(inner, Fault(FAIL, "begin"), Fault(FAIL, "commit", times=2))
    assert isinstance(store, Parts)
    partial = store.begin("a", 1500)
    partial.write_part(1000, as_source(b"b" * 500), 500)
    partial.write_part(0, as_source(b"a" * 1000), 1000)
    assert partial.commit().size == 1500
    assert get(inner, "a") == b"a" * 1000 + b"b" * 500


def test_a_batch_repeats_only_what_failed(tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    for name in ("a", "b", "c", "d"):
        put(local, f"from/{name}", name.encode(), Outgoing(modified=MOMENT))
    requests = [CopyRequest(item, item.key.replace("from", "to")) for item in items(local, "from/")]
    (tmp_path / "from" / "d").write_bytes(b"changed")
    script = Script([Fault(FAIL, "copy", number=2, times=2)])
    store = retrying(faulty(local, script), RetryPolicy(attempts=3), sleep=lambda _: None)
    assert isinstance(store, CopiesBatches)
    results = store.copy_batch(faulty(local, Script()), requests, Outgoing(), lambda: False)
    assert [result.request for result in results] == requests
    assert [type(result.error) for result in results] == [type(None)] * 3 + [SourceChangedError]
    assert files(LocalStore(tmp_path / "to")) == ["a", "b", "c"]
    assert [key for operation, key in script.calls if operation == "copy"] == [
        *("to/a", "to/b", "to/c", "to/d"),
        *("to/b", "to/c"),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_store_that_fails_now_and_then_is_as_good_as_one_that_does_not(seed: int) -> None:
    inner = MemoryStore(part_size=100)
    store = retrying(faulty(inner, RandomScript(seed, 4)), RetryPolicy(attempts=50), sleep=lambda _: None)
    wanted = {f"dir/{number}": content(number * 100, number) for number in range(20)}
    for key, data in wanted.items():
        put(store, key, data)
    assert list(store.delete(["dir/3", "dir/4"])) != [Deleted("nothing")]
    for key in ("dir/3", "dir/4"):
        del wanted[key]
    assert sorted(files(store)) == sorted(wanted)
    for key, data in wanted.items():
        assert get(store, key) == data
    assert files(inner) == sorted(wanted)


def test_a_torn_rename_is_no_new_error(tmp_path: Path) -> None:
    store = shaky(LocalStore(tmp_path), Fault(FAIL, "rename", times=9))
    assert isinstance(store, Renames)
    with pytest.raises(PlaitError, match="injected"):
        store.rename("a", "b")
