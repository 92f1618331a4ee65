from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plait.model.errors import TemporaryError, UnknownOutcomeError
from plait.stores.local import LocalStore
from plait.stores.memory import MemoryStore
from plait.stores.wrappers.fault import Fault, Misdeed, RandomScript, Script, faulty
from plait.testing.generators import content
from plait.testing.store_tools import files, get, put

if TYPE_CHECKING:
    from pathlib import Path


def test_fails_without_effect_at_the_chosen_call() -> None:
    inner = MemoryStore()
    store = faulty(inner, Script([Fault(Misdeed.FAIL, "write", number=2)]))
    put(store, "a", b"1")
    with pytest.raises(TemporaryError):
        put(store, "b", b"2")
    put(store, "c", b"3")
    assert files(inner) == ["a", "c"]


def test_takes_effect_without_an_answer() -> None:
    inner = MemoryStore()
    with pytest.raises(UnknownOutcomeError):
        put(faulty(inner, Script([Fault(Misdeed.VANISH, "write", key="b")])), "b", b"2")
    assert files(inner) == ["b"]


def test_readings_break_lie_and_come_short() -> None:
    inner = MemoryStore()
    data = content(1000)
    put(inner, "a", data)
    with pytest.raises(TemporaryError):
        get(faulty(inner, Script([Fault(Misdeed.TEAR, "read")])), "a")
    assert get(faulty(inner, Script([Fault(Misdeed.SHORT, "read")])), "a") == data[:500]
    lying = faulty(inner, Script([Fault(Misdeed.LIE, "read")])).read("a", 100, 10)
    assert lying.read() == data[:10]
    short = faulty(inner, Script([Fault(Misdeed.SHORT, "read.block")])).read("a")
    assert short.read() == data[:1]
    assert short.read() == data[1:]


def test_a_seed_makes_the_same_faults_again() -> None:
    def run(seed: int) -> list[str]:
        store = faulty(MemoryStore(), RandomScript(seed, 3))
        results = []
        for number in range(50):
            try:
                put(store, str(number), b"x")
                results.append("done")
            except TemporaryError as error:
                results.append(str(error))
        return results

    assert run(1) == run(1) != run(2)
    assert "done" in run(1)


@pytest.mark.parametrize("operation", ["write", "write.block"])
def test_kills_the_process_at_a_step(tmp_path: Path, operation: str) -> None:
    put(LocalStore(tmp_path), "a", b"old")
    program = f"""
from plait.stores.local import LocalStore
from plait.stores.wrappers.fault import Fault, Misdeed, Script, faulty
from plait.testing.store_tools import put
script = Script([Fault(Misdeed.KILL, {operation!r}, number=2)])
store = faulty(LocalStore({str(tmp_path)!r}), script)
put(store, "b", b"")
put(store, "a", b"new" * 1000)
put(store, "c", b"never")
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == -signal.SIGKILL
    store = LocalStore(tmp_path)
    assert get(store, "a") == b"old"
    assert files(store) == ["a", "b"]
    assert [result.error for result in store.remove_leftovers()] in ([], [None])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
