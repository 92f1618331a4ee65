"""How far work on a repository is: what is expected, and the line that says it."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.cli.output import progress
from plait.cli.output.progress import Figures, Progress
from plait.cli.output.work import Output
from plait.model.items import Kind
from plait.repository.backup.saving import BackupSettings
from plait.repository.events import Advanced, Begun, Carried, Done, Expected, Failed, Work, silent
from plait.repository.repository import Repository
from plait.repository.upkeep.repacking import RepackSettings
from plait.repository.upkeep.sampling import check_sample
from plait.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plait.repository.events import Event, Listener


class Terminal(io.StringIO):
    """Standard error where a person looks."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    for number in range(5):
        (tree / f"below/{number}").write_bytes(b"x" * 1000)
    return tree


def expected(events: list[Event]) -> list[Expected]:
    return [event for event in events if isinstance(event, Expected)]


def test_a_backup_expects_what_the_last_one_held(tree: Path) -> None:
    events: list[Event] = []
    with Repository.create(MemoryStore(), None) as repository:
        repository.backup([tree], listener=events.append)
        assert not expected(events)
        repository.backup([tree], listener=events.append)
    (found,) = expected(events)
    assert found.size == 5000
    assert found.items == 1 + len(tree.parts) - 1 + 6


def test_a_first_backup_counts_where_that_is_asked_for(tree: Path) -> None:
    from plait.repository.backup.local import LocalSource

    items, size = LocalSource([str(tree)]).count(lambda: False)
    assert (items, size) == (len(tree.parts) - 1 + 6, 5000)
    with Repository.create(MemoryStore(), None) as repository:
        repository.backup([tree], BackupSettings(count=True))


def test_checks_and_restores_expect_what_the_snapshot_says(tree: Path, tmp_path: Path) -> None:
    with Repository.create(MemoryStore(), None) as repository:
        snapshot = repository.backup([tree]).snapshot
        checked: list[Event] = []
        repository.check(listener=checked.append)
        restored: list[Event] = []
        repository.restore(snapshot, tmp_path / "target", listener=restored.append)
    assert [found.size for found in expected(checked) + expected(restored)] == [5000, 5000]
    assert sum(len(event.names) for event in checked if isinstance(event, Done)) == expected(checked)[0].items


def test_upkeep_says_how_many_packfiles_were_read(tree: Path) -> None:
    with Repository.create(MemoryStore(), None) as repository:
        for number in range(2):
            (tree / "below/0").write_bytes(bytes([number]) * 3000)
            repository.backup([tree])
        repository.remove([repository.snapshots()[-1].identifier])
        works: dict[Work, Callable[[Listener], object]] = {
            Work.REPAIR: lambda listener: repository.repair(listener=listener),
            Work.CHECK: lambda listener: check_sample(repository, 1.0, listener=listener),
            Work.REPACK: lambda listener: repository.repack(RepackSettings(threshold=1.0), listener=listener),
        }
        for work, run in works.items():
            events: list[Event] = []
            run(events.append)
            found = [event for event in events if isinstance(event, Advanced)]
            assert {event.work for event in found} == {work}
            assert [event.items for event in found] == list(range(1, found[0].total_items + 1))
            assert found[-1].size == found[-1].total_size > 0
            shown = Progress(Output(front=False), silent)
            shown(found[-1])
            assert shown.figures().line(80).startswith(f"{work}: 100%, {len(found)} of {len(found)} items,")


def test_the_line() -> None:
    found = Figures("backup", 50, 1 << 20, 100, 2 << 20, 10.0, "/a/path")
    assert found.line(90) == "backup: 50%, 50 of 100 items, 1.0 MiB of 2.0 MiB (10s left)  /a/path"
    assert found.line(60) == "backup: 50%, 50 of 100 items, 1.0 MiB of 2.0 MiB (10s left)"
    assert len(found.line(20)) == 20
    assert Figures("check", 3, 0, 0, 0, 10.0, "").line(80) == "check: 3 items, 0 B"
    assert Figures("restore", 300, 9, 100, 5, 10.0, "").share == 1.0


def test_bytes_of_a_long_content_count_once() -> None:
    shown = Progress(Output(front=False), silent)
    for event in (
        Begun(Work.BACKUP, b""),
        Expected(4, 400),
        Carried(b"", "/d/long", 100),
        Carried(b"", "/d/long", 50),
        Carried(b"", "/d/bad", 7),
        Failed(b"", "/d/bad", "gone"),
    ):
        shown(event)
    assert shown.figures()[:5] == ("backup", 0, 150, 4, 400)
    shown(Done(b"", "/d", ["long"], bytes([Kind.FILE]), 200))
    assert shown.figures()[:5] == ("backup", 1, 200, 4, 400)


def test_the_line_makes_way_for_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    output = Output(front=False)
    output.draw("half")
    output.draw("half")
    output.error("it failed")
    output.draw("")
    assert terminal.getvalue() == "\r\x1b[2Khalf\r\x1b[2Kplait: error: it failed\n"


def test_it_is_drawn_for_a_person_and_goes_away(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_FIRST", 0.001)
    monkeypatch.setattr(progress, "_AGAIN", 0.001)
    monkeypatch.setattr(progress, "_AGAIN_PIPED", 0.001)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")
    place = str(tmp_path / "repository")
    assert main(["at", place, "create", "--plaintext"]) == 0
    terminal = Terminal()
    with monkeypatch.context() as looking:
        looking.setattr(sys, "stderr", terminal)
        assert main(["at", place, "backup", str(tree)]) == 0
    drawn = terminal.getvalue()
    assert "backup: " in drawn
    assert drawn.endswith("\r\x1b[2K")
    capfd.readouterr()
    assert main(["at", place, "backup", str(tree)]) == 0
    assert not capfd.readouterr().err
    assert main(["at", place, "check", "--progress"]) == 0
    assert "\x1b" not in capfd.readouterr().err
