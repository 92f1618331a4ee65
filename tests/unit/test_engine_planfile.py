from __future__ import annotations

import json
import os
import stat as stat_module
from typing import TYPE_CHECKING

import msgspec
import pytest
from blake3 import blake3

from plait.cli.main import main
from plait.engine.expectations import difference
from plait.engine.planfile import Header, PlanReader, PlanWriter, Totals, write_plan
from plait.model.actions import Action, Verb
from plait.model.errors import ConfigurationError, IntegrityError, ObjectNotFoundError
from plait.model.items import Item, Kind, Posix, Stat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = Header(command="sync", locations=["/from", "s3:bucket/to"], options={"checksum": True, "max_delete": 5})
POSIX = Posix(5, 6, 7, 8, 0o100644, 0, 0, 1, 0)
LOCAL = Stat(Kind.FILE, 10, 1_700_000_000_123_456_789, posix=POSIX)
OBJECT = Stat(Kind.FILE, 20, None, 1_700_000_000_000_000_000, etag="abc", hashes={"md5": "00"})
ACTIONS = [
    Action(Verb.CREATE, "new", Item("new", LOCAL), None, "new"),
    Action(Verb.REPLACE, "caf\u00e9", Item("cafe\u0301", LOCAL), Item("caf\u00e9", OBJECT), "size differs"),
    Action(Verb.DELETE, "bad\udcff", None, Item("bad\udcff", OBJECT), "not in source"),
    Action(Verb.RENAME, "b", Item("b", LOCAL), None, origin="a\udc80"),
    Action(Verb.MAKE_DIRECTORY, "d", Item("d", Stat(Kind.DIRECTORY)), None),
]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    write_plan(tmp_path / "plan", HEADER, ACTIONS)
    return tmp_path / "plan"


def test_a_plan_is_read_as_it_was_written(plan: Path) -> None:
    with PlanReader(plan) as reader:
        assert reader.header == msgspec.structs.replace(HEADER, created=reader.header.created)
        assert reader.header.created.endswith("Z")
        assert list(reader.actions()) == ACTIONS
        assert list(reader.actions()) == ACTIONS
        assert reader.totals == Totals(
            5, {"create": 1, "replace": 1, "delete": 1, "rename": 1, "make directory": 1}, 20, 20
        )


def test_a_plan_is_json_for_everybody(plan: Path) -> None:
    lines = [json.loads(line) for line in plan.read_bytes().splitlines()]
    assert lines[0]["format"] == "plait plan"
    assert lines[0]["version"] == "1.0"
    assert lines[1]["source"]["modified"] == 1_700_000_000_123_456_789
    assert "destination" not in lines[1]
    assert lines[2]["source"]["key"] == "cafe\u0301"
    assert lines[3]["key_b64"] == "YmFk/w=="
    assert lines[-1]["blake3"] == blake3(plan.read_bytes()[:-67]).hexdigest()


def test_a_plan_is_private(plan: Path) -> None:
    assert stat_module.S_IMODE(plan.stat().st_mode) == 0o600
    assert [path.name for path in plan.parent.iterdir()] == ["plan"]


def test_an_empty_plan_is_a_plan(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan", HEADER, [])
    with PlanReader(tmp_path / "plan") as reader:
        assert list(reader.actions()) == []
        assert reader.totals == Totals()


def test_every_truncation_is_refused(plan: Path) -> None:
    content = plan.read_bytes()
    for length in (*range(0, len(content), 29), *range(len(content) - 5, len(content))):
        plan.write_bytes(content[:length])
        with pytest.raises((IntegrityError, ConfigurationError)):
            PlanReader(plan)


def test_every_altered_byte_is_refused(plan: Path) -> None:
    content = plan.read_bytes()
    for position in range(0, len(content), 17):
        plan.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises((IntegrityError, ConfigurationError)):
            PlanReader(plan)


def test_what_is_appended_or_taken_out_is_refused(plan: Path) -> None:
    content = plan.read_bytes()
    lines = content.splitlines(keepends=True)
    for altered in (content + lines[1], content + b"\n", b"".join(lines[:2] + lines[3:]), lines[0] + lines[-1]):
        plan.write_bytes(altered)
        with pytest.raises(IntegrityError):
            PlanReader(plan)


def test_other_files_and_newer_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    for content in (b"", b"hello\n", b'{"format":"other","version":"1.0","command":"","locations":[]}\n', b"\0" * 5000):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match="is no plan"):
            PlanReader(path)
    write_plan(path, msgspec.structs.replace(HEADER, version="2.0"), ACTIONS)
    with pytest.raises(ConfigurationError, match=r"format 2\.0"):
        PlanReader(path)
    write_plan(path, msgspec.structs.replace(HEADER, version="1.7"), ACTIONS)
    with PlanReader(path) as reader:
        assert list(reader.actions()) == ACTIONS
    with pytest.raises(ObjectNotFoundError):
        PlanReader(tmp_path / "missing")


def test_a_pipe_is_refused_and_nothing_waits_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ConfigurationError, match="is a pipe or a device"):
        PlanReader(pipe)
    assert main(["apply", str(pipe)]) == ConfigurationError("").exit_code


def test_a_plan_that_could_not_be_made_leaves_the_old_one(plan: Path) -> None:
    before = plan.read_bytes()

    def broken() -> Iterator[Action]:
        yield ACTIONS[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_plan(plan, HEADER, broken())
    assert plan.read_bytes() == before
    assert [path.name for path in plan.parent.iterdir()] == ["plan"]
    with pytest.raises(ObjectNotFoundError, match="failed to write the plan"):
        PlanWriter(plan.parent / "missing" / "plan", HEADER)


def test_a_record_that_is_no_action_is_named(plan: Path) -> None:
    lines = plan.read_bytes().splitlines(keepends=True)
    body = b"".join([lines[0], b'{"verb":"explode","key":"x"}\n', *lines[2:]])
    plan.write_bytes(body[:-67] + blake3(body[:-67]).hexdigest().encode() + b'"}\n')
    with PlanReader(plan) as reader, pytest.raises(IntegrityError, match="line 2"):
        list(reader.actions())


FOLDER = Stat(Kind.DIRECTORY, None, 5, posix=POSIX)


@pytest.mark.parametrize(
    ("expected", "found", "word"),
    [
        (None, None, None),
        (None, LOCAL, "exists"),
        (LOCAL, None, "gone"),
        (LOCAL, LOCAL, None),
        (LOCAL, FOLDER, "directory"),
        (LOCAL, msgspec.structs.replace(LOCAL, size=11), "size"),
        (LOCAL, msgspec.structs.replace(LOCAL, modified=1), "modification time"),
        (LOCAL, msgspec.structs.replace(LOCAL, posix=msgspec.structs.replace(POSIX, inode=1)), "another file"),
        (LOCAL, msgspec.structs.replace(LOCAL, posix=msgspec.structs.replace(POSIX, device=1)), "another file"),
        (LOCAL, msgspec.structs.replace(LOCAL, posix=msgspec.structs.replace(POSIX, changed=1)), "changed"),
        (LOCAL, msgspec.structs.replace(LOCAL, posix=msgspec.structs.replace(POSIX, accessed=1)), None),
        (LOCAL, msgspec.structs.replace(LOCAL, posix=None), None),
        (FOLDER, msgspec.structs.replace(FOLDER, modified=6, posix=None), None),
        (OBJECT, OBJECT, None),
        (OBJECT, msgspec.structs.replace(OBJECT, etag="def"), "etag"),
        (OBJECT, msgspec.structs.replace(OBJECT, hashes={"md5": "01"}), "md5"),
        (OBJECT, msgspec.structs.replace(OBJECT, hashes={"sha1": "01"}), None),
        (OBJECT, msgspec.structs.replace(OBJECT, modified=5), None),
        (Stat(Kind.FILE, 1, stored_at=10**9), Stat(Kind.FILE, 1, stored_at=10**9 + 5), None),
        (Stat(Kind.FILE, 1, stored_at=10**9), Stat(Kind.FILE, 1, stored_at=10**10), "stored again"),
    ],
)
def test_expectations(expected: Stat | None, found: Stat | None, word: str | None) -> None:
    said = difference(expected, found)
    assert said is None if word is None else said is not None and word in said


def test_a_hard_link_may_be_touched_by_the_plan_itself() -> None:
    linked = msgspec.structs.replace(LOCAL, posix=msgspec.structs.replace(POSIX, links=2))
    later = msgspec.structs.replace(LOCAL, posix=msgspec.structs.replace(POSIX, links=1, changed=99))
    assert difference(linked, later) is None
