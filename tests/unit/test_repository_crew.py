"""Work that processes or threads share: all of it is done, errors come back, and nobody is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plait.engine.workers import Cancellation
from plait.model.errors import CancelledError, IntegrityError, StoreError
from plait.repository.blobs import DamagedBlobError
from plait.repository.crew import Crew, ThreadCrew

if TYPE_CHECKING:
    from collections.abc import Iterable


def double(number: int) -> tuple[int, int]:
    return number * 2, os.getpid()


@pytest.mark.parametrize("kind", [Crew, ThreadCrew])
@pytest.mark.parametrize("count", [1, 3])
def test_every_task_is_done(kind: type[Crew[int, tuple[int, int]]], count: int) -> None:
    found = []
    with kind(double, count, Cancellation()) as crew:
        for number in range(200):
            crew.submit(number)
            while crew.pending > 20:
                found.append(crew.take())
        while crew.pending:
            found.append(crew.take())
    assert sorted(answer[0] for answer in found if answer) == [2 * number for number in range(200)]
    processes = {answer[1] for answer in found if answer}
    assert (os.getpid() in processes) == (kind is ThreadCrew or count == 1)


def test_without_processes_no_results_pile_up() -> None:
    found = []
    with Crew(double, 1, Cancellation()) as crew:
        for number in range(20):
            crew.submit(number)
            while crew.pending and not crew.is_hungry:
                found.append(crew.take())
        assert not crew.pending
    assert found == [(2 * number, os.getpid()) for number in range(20)]


def test_long_tasks_and_results_do_not_wait_for_each_other() -> None:
    crew: Crew[bytes, bytes] = Crew(lambda data: data * 3, 2, Cancellation())
    with crew:
        for number in range(20):
            crew.submit(bytes([number]) * 300_000)
        sizes = []
        while crew.pending:
            answer = crew.take()
            assert answer is not None
            sizes.append(len(answer))
    assert sizes == [900_000] * 20


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("kind", [Crew, ThreadCrew])
def test_a_crew_that_was_started_for_nothing_leaves_nobody_behind(kind: type[Crew[int, tuple[int, int]]]) -> None:
    before = children()
    with kind(double, 3, Cancellation()) as crew:
        crew.start()
        assert len(children() - before) == (0 if kind is ThreadCrew else 3)
    assert children() == before


def take_all(crew: Crew[int, int], tasks: Iterable[int]) -> None:
    for task in tasks:
        crew.submit(task)
    while crew.pending:
        crew.take()


def fail(number: int) -> int:
    if number == 3:
        raise DamagedBlobError("damaged", 9, b"m" * 32, (b"p" * 32,))
    return number


@pytest.mark.parametrize("kind", [Crew, ThreadCrew])
def test_errors_come_back(kind: type[Crew[int, int]]) -> None:
    with kind(fail, 2, Cancellation()) as crew, pytest.raises(DamagedBlobError) as caught:
        take_all(crew, range(6))
    assert caught.value.packfiles == (b"p" * 32,)
    again = pickle.loads(pickle.dumps(IntegrityError("text", hint="hint", key="key")))
    assert (again.message, again.hint, again.key) == ("text", "hint", "key")


def test_a_process_that_dies_is_noticed() -> None:
    def die(number: int) -> int:
        os._exit(number)

    with Crew(die, 2, Cancellation()) as crew, pytest.raises(StoreError, match="ended early"):
        take_all(crew, [9])


@pytest.mark.parametrize("kind", [Crew, ThreadCrew])
def test_cancelling_ends_what_is_under_way(kind: type[Crew[str, str]], tmp_path: Path) -> None:
    cancellation = Cancellation()

    def work(name: str) -> str:
        (tmp_path / name).touch()
        while not crew.stopping():
            pass
        return name

    with kind(work, 2, cancellation) as crew:
        crew.submit("a")
        crew.submit("b")
        while len(list(tmp_path.iterdir())) < 2:
            pass
        cancellation.cancel(CancelledError("interrupted"))
        assert crew.take() is None


def test_whoever_waits_for_signals_hears_nothing_of_processes_that_end() -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    handler = signal.signal(signal.SIGTERM, lambda *_: None)
    descriptor = signal.set_wakeup_fd(writer.fileno())
    try:
        for _ in range(20):
            with Crew(double, 3, Cancellation()) as crew:
                crew.start()
    finally:
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGTERM, handler)
        writer.close()
    with reader:
        assert reader.recv(100) == b""
