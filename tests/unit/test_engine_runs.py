from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import apsw
import pytest

from plait.engine.events import Finished
from plait.engine.journal import Journal, drop_old_journals, read_journal
from plait.engine.processes import identity
from plait.engine.runs import FILE_NAME, Counts, RunRecords, RunStatus
from plait.engine.settings import Result
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import (
    AlreadyExistsError,
    ConfigurationError,
    IntegrityError,
    ObjectNotFoundError,
    PermissionDeniedError,
    StoreError,
)
from plait.model.items import Item, Kind, Stat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def records(tmp_path: Path) -> Iterator[RunRecords]:
    records = RunRecords(tmp_path / "state")
    yield records
    records.close()


def test_a_run_is_recorded_from_its_beginning_to_its_end(records: RunRecords) -> None:
    run = records.begin("sync", ["/a", "s3:b/\udcff"])
    shown = records.run(run.id)
    assert shown.status is RunStatus.RUNNING
    assert shown.locations == ["/a", "s3:b/\\udcff"]
    assert (shown.pid, shown.ended) == (os.getpid(), None)
    result = Result(done={"create": 3}, skipped={}, failed={"delete": 1}, carried=9, errors=1)
    records.finish(run, RunStatus.FAILED, 1, counts=Counts.of(result), attempts=3, error="no \udcff")
    shown = records.run(run.id[:-2])
    assert shown.status is RunStatus.FAILED
    assert (shown.exit_code, shown.attempts, shown.error) == (1, 3, "no \\udcff")
    assert shown.counts == Counts(done={"create": 3}, failed={"delete": 1}, carried=9, errors=1)
    assert shown.ended is not None
    assert shown.ended >= shown.started
    assert shown.journal == f"{run.id}.jsonl"


def test_runs_are_told_newest_first(records: RunRecords) -> None:
    started = [records.begin("sync", [str(number)], journal=False) for number in range(5)]
    assert [run.id for run in records.runs(3)] == [run.id for run in started[:1:-1]]
    assert records.runs()[0].journal is None
    records.forget(started[-1])
    assert [run.id for run in records.runs()] == [run.id for run in started[-2::-1]]


def test_a_run_is_named_by_the_beginning_of_its_id(records: RunRecords) -> None:
    first = records.begin("sync", [])
    second = records.begin("sync", [])
    assert records.run(first.id) == first
    with pytest.raises(ConfigurationError, match="several"):
        records.run(second.id[:2])
    for name in ("", "nothing", "%"):
        with pytest.raises(ObjectNotFoundError):
            records.run(name)


def test_a_run_whose_process_is_gone_is_shown_as_dead(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from plait.engine.runs import RunRecords\n"
        "records = RunRecords(Path(sys.argv[1])); print(records.begin('sync', ['a', 'b']).id, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        records = RunRecords(tmp_path)
        assert records.run(name).status is RunStatus.RUNNING
        assert records.run(name).pid == child.pid
        child.kill()
        child.wait()
        assert records.run(name).status is RunStatus.DIED
        assert records.runs()[0].status is RunStatus.DIED
        records.close()


def test_another_process_with_the_same_number_is_another(records: RunRecords) -> None:
    run = records.begin("sync", [])
    connection = apsw.Connection(str(records.directory / FILE_NAME))
    connection.execute("UPDATE runs SET process = 'earlier:1'")
    connection.close()
    assert records.run(run.id).status is RunStatus.DIED
    assert identity(os.getpid()) == identity(os.getpid())
    assert identity(2**22 + 1) is None


def test_many_processes_record_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from plait.engine.runs import *\n"
        "records = RunRecords(Path(sys.argv[1]))\n"
        "for _ in range(20):\n"
        "    run = records.begin('sync', []); records.finish(run, RunStatus.DONE, 0, counts=Counts())\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "new")]) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    records = RunRecords(tmp_path / "new")
    runs = records.runs(1000)
    assert len(runs) == 80
    assert {run.status for run in runs} == {RunStatus.DONE}
    assert len({run.pid for run in runs}) == 4
    records.close()


def test_threads_share_the_records(records: RunRecords) -> None:
    def record() -> None:
        for _ in range(10):
            records.finish(records.begin("sync", []), RunStatus.DONE, 0, counts=Counts())

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records.runs()) == 40


def test_the_records_are_private_and_closed_for_good(records: RunRecords) -> None:
    records.begin("sync", [])
    files = list(records.directory.iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(records.directory.stat().st_mode) == 0o700
    records.close()
    with pytest.raises(StoreError):
        records.runs()


def test_databases_of_others_and_newer_ones_are_refused(tmp_path: Path) -> None:
    RunRecords(tmp_path).close()
    for statement, words in (
        ("PRAGMA user_version = 2000", "format 2"),
        ("PRAGMA application_id = 7", "no run records"),
    ):
        connection = apsw.Connection(str(tmp_path / FILE_NAME))
        connection.execute(statement)
        connection.close()
        with pytest.raises(ConfigurationError, match=words):
            RunRecords(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError):
        RunRecords(tmp_path)


def item(key: str, size: int, modified: int | None = 5) -> Item:
    return Item(key, Stat(Kind.FILE, size, modified))


OUTCOMES = [
    Outcome(Action(Verb.CREATE, "new", item("new", 1)), Status.DONE, "Copied (new)", carried=1),
    Outcome(Action(Verb.REPLACE, "r\udcff", item("r", 2), item("r\udcff", 3)), Status.DONE, kept="b/r\udcff"),
    Outcome(Action(Verb.DELETE, "gone", None, item("gone", 4, None)), Status.DONE, kept="backup/gone"),
    Outcome(Action(Verb.RENAME, "to", item("to", 1), None, origin="from"), Status.DONE),
    Outcome(Action(Verb.CREATE, "f", item("f", 1)), Status.FAILED, error=PermissionDeniedError("no \udcff")),
    Outcome(Action(Verb.DELETE_SOURCE, "s", item("s", 6)), Status.DONE),
]


def test_the_journal_tells_what_was_done(records: RunRecords) -> None:
    run = records.begin("sync", [])
    journal = Journal(records.directory / "journals", run)
    for outcome in OUTCOMES:
        journal(Finished(outcome))
    journal(Finished(Outcome(OUTCOMES[0].action, Status.SKIPPED, "dry run")))
    journal.close()
    journal.close()
    entries = list(read_journal(records.directory / "journals", run.journal or ""))
    assert [(entry.verb, entry.name, entry.status) for entry in entries] == [
        (outcome.action.verb, outcome.action.key, outcome.status) for outcome in OUTCOMES
    ]
    sizes = [(entry.size, entry.modified, entry.old_size, entry.old_modified) for entry in entries]
    assert sizes == [
        (1, 5, None, None),
        (2, 5, 3, 5),
        (None, None, 4, None),
        (1, 5, None, None),
        (1, 5, None, None),
        (None, None, 6, 5),
    ]
    assert [entry.kept_at for entry in entries[:3]] == [None, "b/r\udcff", "backup/gone"]
    assert entries[3].renamed_from == "from"
    assert entries[4].error == "no \\udcff"
    assert entries[0].detail == "Copied (new)"
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


def test_lines_are_written_while_the_run_goes_on(records: RunRecords) -> None:
    run = records.begin("sync", [])
    journal = Journal(records.directory, run)
    journal(Finished(OUTCOMES[0]))
    path = records.directory / (run.journal or "")
    waited = threading.Event()
    for _ in range(200):
        if len(path.read_bytes().splitlines()) > 1:
            break
        waited.wait(0.05)
    first, second = (json.loads(line) for line in path.read_bytes().splitlines())
    assert first == {"format": "plait journal", "version": "1.0", "run": run.id, "part": 1}
    assert second["key"] == "new"
    journal.close()


def test_a_journal_goes_on_in_parts(records: RunRecords) -> None:
    run = records.begin("sync", [])
    journal = Journal(records.directory, run, part_size=200_000)
    for number in range(10_000):
        journal(Finished(Outcome(Action(Verb.CREATE, f"{number:0100}", item("x", number)), Status.DONE)))
    journal.close()
    parts = sorted(records.directory.glob("*.jsonl"))
    assert len(parts) > 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in parts} == {0o600}
    assert [entry.size for entry in read_journal(records.directory, run.journal or "")] == list(range(10_000))


def test_a_torn_last_line_is_left_out_and_a_broken_one_inside_is_told(records: RunRecords) -> None:
    run = records.begin("sync", [])
    journal = Journal(records.directory, run)
    for outcome in OUTCOMES:
        journal(Finished(outcome))
    journal.close()
    name = run.journal or ""
    path = records.directory / name
    whole = path.read_bytes()
    last = whole.rfind(b"\n", 0, -1) + 1
    for length in range(last, len(whole)):
        path.write_bytes(whole[:length])
        assert len(list(read_journal(records.directory, name))) == len(OUTCOMES) - 1
    path.write_bytes(b"")
    assert list(read_journal(records.directory, name)) == []
    path.write_bytes(whole[:last] + b"{nonsense\n" + whole[last:])
    with pytest.raises(IntegrityError, match=f"line {len(OUTCOMES) + 1}"):
        list(read_journal(records.directory, name))
    path.write_bytes(whole.replace(b'"1.0"', b'"2.0"', 1))
    with pytest.raises(ConfigurationError, match=r"2\.0"):
        list(read_journal(records.directory, name))
    with pytest.raises(ObjectNotFoundError):
        list(read_journal(records.directory, "missing.jsonl"))


def test_a_journal_is_never_written_over(records: RunRecords) -> None:
    run = records.begin("sync", [])
    Journal(records.directory, run).close()
    with pytest.raises(AlreadyExistsError):
        Journal(records.directory, run)


def test_old_journals_are_dropped_whole(tmp_path: Path) -> None:
    for name, size in (("20260101T000000Z-a", 100), ("20260102T000000Z-b", 100), ("20260103T000000Z-c", 100)):
        (tmp_path / f"{name}.jsonl").write_bytes(b"x" * size)
        (tmp_path / f"{name}.2.jsonl").write_bytes(b"x" * size)
    assert drop_old_journals(tmp_path, 600, set) == []
    assert drop_old_journals(tmp_path, 450, lambda: {"20260101T000000Z-a.jsonl"}) == ["20260102T000000Z-b.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20260101T000000Z-a.2.jsonl",
        "20260101T000000Z-a.jsonl",
        "20260103T000000Z-c.2.jsonl",
        "20260103T000000Z-c.jsonl",
    ]
