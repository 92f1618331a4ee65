"""What is printed: log lines, statistics as rclone writes them, summaries, JSON, listings."""

import io
import json
import os
import re
from pathlib import Path

import pytest

from plait.cli.output import figures
from plait.cli.output.lines import Lines
from plait.cli.output.listing import show_time
from plait.cli.output.log import Log, head_of, plain, systemd_head
from plait.cli.output.logfile import RotatingFile
from plait.cli.output.records import key_fields, outcome_record
from plait.cli.output.summary import summary_line
from plait.engine.events import AttemptEnded, Compared, Event, Failed, Finished, Level, Message
from plait.engine.executor import DRY_RUN, LIMIT_REACHED, NOT_DELETING_DIRECTORIES, REFUSED
from plait.engine.settings import Result
from plait.engine.statistics import Snapshot, Transferring
from plait.model.actions import Action, Outcome, Status, Verb
from plait.model.errors import DirectoryNotFoundError, FatalError, NoRetryError, StoreError, UsageError
from plait.model.items import Item, Kind, Stat

STAMP = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"


def snapshot(**more: object) -> Snapshot:
    fields: dict[str, object] = {
        name: 0
        for name in Snapshot.__struct_fields__
        if name not in {"eta", "last_error", "fatal_error", "retry_error", "transferring", "checking"}
    }
    fields |= {
        "eta": None,
        "last_error": None,
        "fatal_error": False,
        "retry_error": False,
        "transferring": [],
        "checking": [],
    }
    return Snapshot(**{**fields, **more})  # type: ignore[arg-type]  # fields by name, of any type


def test_block_after_a_copy() -> None:
    # As rclone 1.75.2 printed it.
    assert figures.block(
        snapshot(bytes=6, total_bytes=6, listed=3, transfers=3, total_transfers=3, elapsed_time=0.04)
    ) == (
        "Transferred:   \t          6 B / 6 B, 100%, 0 B/s, ETA -\n"
        "Checks:                 0 / 0, -, Listed 3\n"
        "Transferred:            3 / 3, 100%\n"
        "Elapsed time:         0.0s\n"
    )


def test_block_with_everything() -> None:
    long = "dir/a_very_long_name_of_a_file_that_is_longer_than_forty_five_characters.bin"
    moment = snapshot(
        bytes=5300224,
        total_bytes=6500000,
        speed=2125463.0,
        eta=0,
        errors=1,
        retry_error=True,
        checks=8,
        total_checks=9,
        listed=18,
        deletes=1,
        deleted_dirs=2,
        deleted_bytes=7434404,
        renames=1,
        transfers=3,
        total_transfers=10,
        elapsed_time=62.34,
        checking=["big"],
        transferring=[
            Transferring("big", 3000000, 815104, 27, 1.0, 0.0, None),
            Transferring(long, 3500000, 815104, 23, 1.0, 1077000.0, 16),
        ],
    )
    assert figures.block(moment).splitlines() == [
        "Transferred:   \t    5.055 MiB / 6.199 MiB, 82%, 2.027 MiB/s, ETA 0s",
        "Errors:                 1 (retrying may help)",
        "Checks:                 8 / 9, 89%, Listed 18",
        "Deleted:                1 (files), 2 (dirs), 7.090 MiB (freed)",
        "Renamed:                1",
        "Transferred:            3 / 10, 30%",
        "Elapsed time:       1m2.3s",
        "Checking:",
        " *                                           big: checking",
        "Transferring:",
        " *                                           big: 27% / 2.861 MiB, 0 B/s, -",
        " * dir/a_very_long_name_o…ty_five_characters.bin: 23% / 3.338 MiB, 1.027 MiB/s, 16s",
    ]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"bytes": 4, "total_bytes": 4}, "          4 B / 4 B, 100%, 0 B/s, ETA -"),
        ({}, "          0 B / 0 B, -, 0 B/s, ETA -"),
        (
            {"transfers": 3, "total_transfers": 10, "checks": 8, "total_checks": 9, "eta": 76, "speed": 10.0},
            "          0 B / 0 B, -, 10 B/s, ETA 1m16s (xfr#3/10, chk#8/9)",
        ),
    ],
)
def test_one_line(more: dict[str, object], line: str) -> None:
    assert figures.one_line(snapshot(**more)) == line


@pytest.mark.parametrize(
    ("note", "more"),
    [("fatal error encountered", {"fatal_error": True}), ("no need to retry", {})],
)
def test_what_is_said_of_errors(note: str, more: dict[str, object]) -> None:
    assert f"Errors:                 2 ({note})\n" in figures.block(snapshot(errors=2, **more))


def test_a_log_line() -> None:
    assert re.fullmatch(rf"{STAMP} INFO  : a/b: Deleted", plain("INFO", "Deleted", "a/b"))
    assert re.fullmatch(rf"{STAMP} NOTICE: text", plain("NOTICE", "text"))
    assert re.fullmatch(rf"{STAMP} CRITICAL: text", plain("CRITICAL", "text"))
    assert plain("INFO", "x", "a\udcffb", head=head_of(["pid"])) == f"[{os.getpid()}] INFO  : a\\xffb: x"


def test_the_threshold_and_json_lines() -> None:
    stream = io.StringIO()
    log = Log(Level.NOTICE, stream, as_json=True)
    log.write(Level.INFO, "no", "x")
    log.write(Level.NOTICE, "yes", "x", {"size": 2})
    record = json.loads(stream.getvalue())
    assert list(record) == ["time", "level", "msg", "size", "object"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", record.pop("time"))
    assert record == {"level": "notice", "msg": "yes", "size": 2, "object": "x"}


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        del text
        raise BrokenPipeError


def test_a_log_that_nobody_reads_ends_nothing() -> None:
    log = Log(Level.INFO, Broken())
    log.write(Level.ERROR, "one")
    log.write(Level.ERROR, "two")


def stat(size: int | None = 2, kind: Kind = Kind.FILE) -> Stat:
    return Stat(kind, size, 0)


A = Item("a", stat())
DIRECTORY = Item("d", Stat(Kind.DIRECTORY))


def lines(event: Event, level: Level = Level.INFO, **more: bool) -> list[tuple[str, str, str]]:
    found = Lines(Log(level, io.StringIO()), **{"rclone": True, **more}).lines(event)
    return [(line.level.name, line.subject, line.text) for line in found]


def finished(verb: Verb, status: Status, detail: str = "", error: StoreError | FatalError | None = None) -> Finished:
    action = Action(verb, "a", A, A) if "directory" not in verb else Action(verb, "d", DIRECTORY, DIRECTORY)
    return Finished(Outcome(action, status, detail, error))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (finished(Verb.CREATE, Status.DONE, "Copied (new)"), ("INFO", "a", "Copied (new)")),
        (finished(Verb.CREATE, Status.SKIPPED, DRY_RUN), ("NOTICE", "a", "Skipped copy as --dry-run is set (size 2)")),
        (
            finished(Verb.DELETE, Status.SKIPPED, REFUSED),
            ("NOTICE", "a", "Skipped delete as --interactive is set (size 2)"),
        ),
        (
            finished(Verb.TOUCH, Status.SKIPPED, DRY_RUN),
            ("NOTICE", "a", "Skipped update modification time as --dry-run is set (size 2)"),
        ),
        (
            finished(Verb.MAKE_DIRECTORY, Status.SKIPPED, DRY_RUN),
            ("NOTICE", "d", "Skipped make directory as --dry-run is set"),
        ),
        (
            finished(Verb.REPLACE, Status.FAILED, error=StoreError("no way")),
            ("ERROR", "a", "Failed to copy: no way"),
        ),
        (finished(Verb.DELETE, Status.FAILED, error=StoreError("no")), ("ERROR", "a", "Couldn't delete: no")),
        (Failed(StoreError("cannot list"), "x/"), ("ERROR", "x/", "cannot list")),
        (Message(Level.NOTICE, "told", "k"), ("NOTICE", "k", "told")),
        (
            AttemptEnded(1, 3, 2, StoreError("last"), again=True),
            ("ERROR", "", "Attempt 1/3 failed with 2 errors and: last"),
        ),
        (AttemptEnded(2, 3, 0, None, again=False), ("ERROR", "", "Attempt 2/3 succeeded")),
        (
            AttemptEnded(1, 3, 1, FatalError("x"), again=False),
            ("ERROR", "", "Fatal error received - not attempting retries"),
        ),
        (
            AttemptEnded(1, 3, 1, NoRetryError("x"), again=False),
            ("ERROR", "", "Can't retry any of the errors - not attempting retries"),
        ),
    ],
)
def test_the_line_of_an_event(event: Event, expected: tuple[str, str, str]) -> None:
    assert lines(event) == [expected]


def test_deletions_that_a_limit_forbids_are_told_as_rclone_tells_them() -> None:
    error = FatalError("--max-delete threshold reached")
    first = finished(Verb.DELETE, Status.FAILED, error=error)
    more = finished(Verb.DELETE, Status.SKIPPED, LIMIT_REACHED)
    told = Lines(Log(Level.INFO, io.StringIO()), rclone=True)
    closed = Message(Level.ERROR, NOT_DELETING_DIRECTORIES, "d")
    said = [line.text for event in (first, more, more, closed) for line in told.lines(event)]
    reason = f"Got fatal error on delete: {error}"
    cancelling = "Cancelling sync due to fatal error: failed to delete 3 files"
    assert said == [reason, reason, reason, cancelling, NOT_DELETING_DIRECTORIES]
    assert told.forbidden == 3
    ours = Lines(Log(Level.INFO, io.StringIO()))
    assert [line.text for event in (first, more) for line in ours.lines(event)] == [reason]


def test_plait_names_a_missing_source_once_at_the_end() -> None:
    missing = Failed(DirectoryNotFoundError("directory not found"))
    told = Lines(Log(Level.INFO, io.StringIO()))
    gate = Message(Level.ERROR, "not deleting files as there were IO errors", "d")
    again, ended = (AttemptEnded(number, 2, 1, missing.error, again=number == 1) for number in (1, 2))
    assert [line for event in (missing, gate, again, missing, gate, ended) for line in told.lines(event)] == []


def test_names_are_on_one_line() -> None:
    for rclone, shown in ((True, "a\u240ab"), (False, "a\\nb")):
        stream = io.StringIO()
        Lines(Log(Level.INFO, stream), rclone=rclone)(Message(Level.NOTICE, "told", "a\nb"))
        assert stream.getvalue().endswith(f"{shown}: told\n")


def test_what_no_line_is_written_of() -> None:
    assert lines(AttemptEnded(1, 3, 0, None, again=False)) == []
    assert lines(finished(Verb.CREATE, Status.DONE, "Copied (new)"), Level.NOTICE) == []
    assert lines(finished(Verb.DELETE, Status.SKIPPED, "there were errors")) == []


def test_a_move_that_would_set_a_time_would_delete_the_source() -> None:
    assert lines(finished(Verb.TOUCH, Status.SKIPPED, DRY_RUN), moves=True) == [
        ("NOTICE", "a", "Skipped update modification time as --dry-run is set (size 2)"),
        ("NOTICE", "a", "Skipped delete as --dry-run is set (size 2)"),
    ]
    assert len(lines(finished(Verb.TOUCH, Status.SKIPPED, DRY_RUN))) == 1


def test_moves_backups_and_nothing_to_transfer() -> None:
    told = lines(finished(Verb.CREATE, Status.SKIPPED, DRY_RUN), moves=True)
    assert told == [("NOTICE", "a", "Skipped move as --dry-run is set (size 2)")]
    told = lines(finished(Verb.DELETE, Status.SKIPPED, DRY_RUN), keeps=True)
    assert told == [("NOTICE", "a", "Skipped move into backup dir as --dry-run is set (size 2)")]
    told = lines(AttemptEnded(1, 1, 0, None, again=False), transfers=True)
    assert told == [("INFO", "", "There was nothing to transfer")]


def test_equal_files_are_told_to_those_who_debug() -> None:
    told = Lines(Log(Level.DEBUG, io.StringIO()))
    assert Compared in told.kinds()
    assert [line.text for line in told.lines(Compared("=", A, A))] == ["Unchanged skipping"]
    assert Compared not in Lines(Log(Level.INFO, io.StringIO())).kinds()


def result(**more: object) -> Result:
    return Result(**{"done": {}, "skipped": {}, "failed": {}, **more})  # type: ignore[arg-type]  # fields by name, of any type


@pytest.mark.parametrize(
    ("found", "dry_run", "line"),
    [
        (
            result(done={Verb.CREATE: 3, Verb.DELETE: 2}, carried=28442624),
            False,
            "sync: 3 created, 2 deleted, 27.125 MiB in 1.2s",
        ),
        (result(), False, "sync: nothing to do in 1.2s"),
        (result(error=StoreError("x")), False, "sync: nothing was done in 1.2s"),
        (result(failed={Verb.CREATE: 1}, error=StoreError("x")), False, "sync: 1 failed in 1.2s"),
        (result(skipped={Verb.CREATE: 3, Verb.DELETE: 1}), True, "sync: would create 3, delete 1"),
        (result(), True, "sync: there is nothing to do"),
    ],
)
def test_summary(found: Result, dry_run: bool, line: str) -> None:
    assert summary_line("sync", found, 1.23, dry_run=dry_run) == line


def test_an_outcome_as_a_record() -> None:
    action = Action(Verb.REPLACE, "k", A, A, "sizes differ")
    assert outcome_record(Outcome(action, Status.DONE, "Copied", kept="old/k")) == {
        "event": "outcome",
        "status": "done",
        "verb": "replace",
        "key": "k",
        "size": 2,
        "reason": "sizes differ",
        "detail": "Copied",
        "kept": "old/k",
    }
    assert key_fields("a\udcff", "key") == {"key_b64": "Yf8="}


def test_times_of_a_listing() -> None:
    at = 1_000_000_000_123_456_789
    assert show_time(at, "") == "2001-09-09 01:46:40"
    assert show_time(at, "RFC3339") == "2001-09-09T01:46:40.123456789Z"
    assert show_time(at, "unix") == "1000000000"
    assert show_time(at, "unixnano") == str(at)
    assert show_time(at, "%H:%M") == "01:46"
    with pytest.raises(UsageError):
        show_time(at, "2006-01-02")


def test_the_beginning_of_log_lines() -> None:
    assert re.fullmatch(r"\d{4}/\d\d/\d\d INFO  : x", plain("INFO", "x", head=head_of(["date"])))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{6} x", plain("INFO", "x", head=head_of(["time", "microseconds", "nolevel"]))
    )
    assert plain("ERROR", "x", "a", head=head_of([])) == "ERROR : a: x"
    assert plain("ERROR", "x", head=systemd_head) == "<3>ERROR : x"


def test_statistics_in_other_shapes() -> None:
    bits = figures.Shape(bits=True, name_length=9)
    moment = snapshot(
        speed=1024.0, total_bytes=8, transferring=[Transferring("a_long_name.bin", 8, 4, 50, 1024.0, 1024.0, 2)]
    )
    told = figures.block(moment, bits)
    assert " * a_lo….bin: 50% / 8 B, 8 Kibit/s, 2s" in told
    assert figures.one_line(snapshot(), figures.Shape(one_line=True, date="2006 ")).startswith("20")


def test_a_log_file_is_rotated(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "sync.log", 100, backups=2, seconds=0, compressed=True)
    for number in range(40):
        log.write(f"line {number:03}\n")
        log.flush()
    log.close()
    old = sorted(path.name for path in tmp_path.iterdir())
    assert (tmp_path / "sync.log").read_text().endswith("line 039\n")
    assert (tmp_path / "sync.log").stat().st_size <= 100
    assert 1 <= len([name for name in old if re.fullmatch(r"sync-\d{4}-.*\.log\.gz", name)]) <= 2
