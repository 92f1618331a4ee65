"""A saved plan does only what is still as it was planned."""

import os
from pathlib import Path

from plait.engine.accounting import Errors
from plait.engine.events import Finished
from plait.mirror import mirroring, options, settings
from plait.model.options import Values
from plait.stores.location import parse_rclone_location
from plait.stores.registry import Opening
from plait.testing.mirrors import EPOCH, File, NoRemotes, harvest, plant


def opened(base: Path) -> mirroring.Mirror:
    values = Values(options.SYNC, {"retries": 1})
    source, destination = (parse_rclone_location(str(base / name)) for name in ("source", "dest"))
    opening = Opening(NoRemotes(), local=settings.local_options(values))
    return mirroring.Mirror(settings.Mode.SYNC, source, destination, values, opening, mirroring.Surroundings())


def test_actions_whose_sides_have_changed_are_refused_one_by_one(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "dest"
    old = File(b"1", EPOCH - 1)
    plant(source, {name: File(b"22") for name in ("new", "taken", "differs", "changed", "gone")} | {"d/f": File(b"f")})
    plant(destination, dict.fromkeys(("differs", "changed", "extra", "mended"), old))
    with opened(tmp_path) as mirror:
        plan = list(mirror.actions(Errors()))
    assert harvest(destination).keys() == {"differs", "changed", "extra", "mended"}

    plant(destination, {"taken": File(b"theirs"), "mended": File(b"mine")})
    (source / "changed").write_bytes(b"33")
    os.utime(source / "changed", ns=(EPOCH, EPOCH))
    (source / "gone").unlink()
    with opened(tmp_path) as mirror:
        outcomes: dict[str, str] = {}
        mirror.around.events.subscribe(
            lambda event: outcomes.update({event.outcome.action.key: str(event.outcome.error or "")}), Finished
        )
        result = mirror.apply(plan)
    assert result.error is not None
    assert harvest(destination) == {
        "new": File(b"22"),
        "taken": File(b"theirs"),
        "differs": File(b"22"),
        "changed": old,
        "mended": File(b"mine"),
        "extra": old,
        "d": None,
        "d/f": File(b"f"),
    }
    assert {key for key, error in outcomes.items() if "not as planned" in error} == {"taken", "changed", "gone"}


def test_directories_that_the_plan_itself_changes_are_as_expected(tmp_path: Path) -> None:
    plant(tmp_path / "source", {"d/new": File(b"1"), "e/f": File(b"2")})
    plant(tmp_path / "dest", {"d/old": File(b"1"), "g/h/i": File(b"3")})
    os.utime(tmp_path / "source" / "d", ns=(EPOCH + 5, EPOCH + 5))
    with opened(tmp_path) as mirror:
        plan = list(mirror.actions(Errors()))
    with opened(tmp_path) as mirror:
        assert mirror.apply(plan).error is None
    assert harvest(tmp_path / "dest") == {"d": None, "d/new": File(b"1"), "e": None, "e/f": File(b"2")}
    assert (tmp_path / "dest" / "d").stat().st_mtime_ns == EPOCH + 5


def test_deletions_are_refused_where_something_else_is_there_now(tmp_path: Path) -> None:
    plant(tmp_path / "source", {})
    plant(tmp_path / "dest", {"a": File(b"1"), "b": File(b"1")})
    with opened(tmp_path) as mirror:
        plan = list(mirror.actions(Errors()))
    plant(tmp_path / "dest", {"b": File(b"2")})
    with opened(tmp_path) as mirror:
        result = mirror.apply(plan)
    assert result.failed == {"delete": 1}
    assert harvest(tmp_path / "dest") == {"b": File(b"2")}
