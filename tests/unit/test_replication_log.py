"""The log of a daemon: its three forms, and what events become in it."""

import io
import json
import re
from pathlib import Path

import pytest

from plait.model.errors import NoSpaceError, StoreError
from plait.replication import events
from plait.replication.capture.checkpoints import Mode
from plait.replication.logging import Duration, Level, Log, parse_level
from plait.replication.ltx.names import Span
from plait.replication.reporting import Reporter

PATH = "/d/a.db"


def line(form: str, message: str, **attributes: object) -> str:
    stream = io.StringIO()
    Log(stream, form).write(Level.INFO, message, {name.replace("__", "."): value for name, value in attributes.items()})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ({"a": "plain"}, "a=plain"),
        ({"a": ""}, 'a=""'),
        ({"a": "two words"}, 'a="two words"'),
        ({"a": 'q"="'}, 'a="q\\"=\\""'),
        ({"a": "x\ny"}, 'a="x\\ny"'),
        ({"a": 5, "b": True}, "a=5 b=true"),
        ({"interval": Duration(90.0)}, "interval=1m30s"),
        ({"txid__min": "01"}, "txid.min=01"),
    ],
)
def test_text_is_quoted_where_it_must_be(attributes: dict[str, object], shown: str) -> None:
    found = re.fullmatch(
        r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=INFO msg=(.*)\n", line("text", "m", **attributes)
    )
    assert found is not None
    assert found[1] == f"m {shown}"


def test_json_groups_names_and_counts_durations_in_nanoseconds() -> None:
    found = json.loads(
        line("json", "a message", txid__min="01", txid__max="02", interval=Duration(1.5), error=StoreError("x"))
    )
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "INFO",
        "msg": "a message",
        "txid": {"min": "01", "max": "02"},
        "interval": 1_500_000_000,
        "error": "x",
    }


def test_pretty_is_for_terminals() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d INF a message size=5\n", line("pretty", "a message", size=5))


def test_levels_are_known_by_name_and_hold_back_what_is_below() -> None:
    assert [parse_level(text) for text in ("trace", "WARN", "warning", "nonsense", "")] == [
        Level.TRACE,
        Level.WARN,
        Level.WARN,
        Level.INFO,
        Level.INFO,
    ]
    stream = io.StringIO()
    log = Log(stream, level=Level.WARN)
    log.write(Level.INFO, "no")
    log.write(Level.ERROR, "yes")
    assert stream.getvalue().count("\n") == 1


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Log(stream).write(Level.ERROR, "lost")


ALL: list[tuple[events.Event, str]] = [
    (events.Opened(PATH, 1), "database opened"),
    (events.Captured(path=PATH, txid=2, size=10, log_bytes=100, reason=None, seconds=0.1), "msg=sync"),
    (events.SetAside(PATH, Path("/x"), StoreError("bad")), "local ltx file is damaged and set aside"),
    (events.Failed(path=PATH, error=StoreError("x"), count=2, delay=2.0), "sync error"),
    (events.Failed(path=PATH, error=NoSpaceError("full"), count=3, delay=4.0), "disk full while staging ltx file"),
    (events.Failed(path=PATH, error=StoreError("x"), count=1, delay=1.0, replica="r"), "monitor error"),
    (events.Recovered(PATH), "sync recovered"),
    (events.Recovered(PATH, "r"), "replica sync recovered"),
    (events.Checkpointed(PATH, Mode.PASSIVE, restarted=True, seconds=0.1), "checkpoint"),
    (events.CheckpointFailed(PATH, Mode.TRUNCATE, StoreError("x")), "checkpoint failed"),
    (events.Uploaded(path=PATH, replica="r", span=Span(1, 1), size=1, seconds=0.1), "ltx file uploaded"),
    (events.InStep(PATH, "r", 4), "replica sync"),
    (events.Compacted(path=PATH, replica="r", level=1, span=Span(1, 2), size=1, seconds=0.1), "compaction complete"),
    (events.Compacted(path=PATH, replica="r", level=9, span=Span(1, 2), size=1, seconds=0.1), "snapshot complete"),
    (events.UpkeepFailed(path=PATH, replica="r", level=1, error=StoreError("x")), "compaction failed"),
    (events.UpkeepFailed(path=PATH, replica="r", level=0, error=StoreError("x")), "retention enforcement failed"),
    (events.Retired(path=PATH, replica="r", level=0, count=3, kept_from=9), "l0 retention enforced"),
    (events.Retired(path=PATH, replica="r", level=9, count=1, kept_from=9), "retention enforced"),
    (events.GapFound(PATH, "r", 1, Span(1, 2), Span(5, 6)), "ltx files do not follow each other"),
    (events.Found(PATH, "/d"), "found database"),
    (events.Gone(PATH, "/d"), "database is gone"),
    (events.Closed(PATH, 5, None), "database closed"),
    (events.Closed(PATH, 5, StoreError("x")), "final sync failed"),
]


@pytest.mark.parametrize(("event", "words"), ALL, ids=[words for _, words in ALL])
def test_every_event_has_its_line(event: events.Event, words: str) -> None:
    stream = io.StringIO()
    Reporter(Log(stream, level=Level.TRACE))(event)
    assert words in stream.getvalue()
    assert "db=a.db" in stream.getvalue()


def test_what_is_counted() -> None:
    reporter = Reporter(Log(io.StringIO()))
    for event, _ in ALL:
        reporter(event)
    databases, operations = reporter.snapshot()
    figures = databases[PATH]
    assert (figures.sync_errors, figures.log_bytes, figures.gaps) == (2, 100, 1)
    assert figures.is_disk_full
    assert figures.checkpoints["PASSIVE"].count == 1
    assert figures.checkpoints["TRUNCATE"].errors == 1
    assert operations["file", "PUT"].count == 3
    assert operations["file", "DELETE"].count == 4
    reporter(events.Synced(PATH, 0.5))
    assert not reporter.snapshot()[0][PATH].is_disk_full
    reporter.forget(PATH)
    assert reporter.snapshot()[0] == {}
