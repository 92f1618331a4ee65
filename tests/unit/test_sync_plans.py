"""Plans of syncs of repositories: written, shown, and applied only where both sides are still as planned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.unit.test_sync_command import Bench, bench, numbers

__all__ = ["bench"]

PLAN = "a.plan"


@pytest.fixture
def two(bench: Bench) -> tuple[str, str]:
    """Repositories a and b, and the identifiers of the two snapshots of a."""
    bench.create("a")
    bench.create("b")
    return bench.save("a", "one"), bench.save("a", "two", "other content", "--tag", "t")


def planned(bench: Bench, *words: str) -> list[str]:
    """Writes a plan; the keys of its actions."""
    before = bench.files("a"), bench.files("b")
    bench.run("at", "a", "plan", "sync", "-o", PLAN, *words)
    assert (bench.files("a"), bench.files("b")) == before
    shown = bench.run("plan", "show", "--json", PLAN).splitlines()
    return [json.loads(line)["key"] for line in shown[1:-1]]


def test_a_plan_is_what_is_done_and_nothing_else(bench: Bench, two: tuple[str, str]) -> None:
    assert planned(bench, "to", "b") == [f"peer/{two[1]}", f"peer/{two[0]}"]
    assert Path(PLAN).stat().st_mode & 0o777 == 0o600
    later = bench.save("a", "three")
    shown = bench.run("plan", "show", PLAN)
    assert f"plan of plait at fs://{bench.root}/a sync to fs://{bench.root}/b" in shown
    assert f"+ peer/{two[0]}" in shown
    assert bench.counts(bench.run("apply", "--dry-run", PLAN)) == numbers(selected=2, copied=2)
    assert bench.listed("b") == []
    # From elsewhere: the plan knows the places.
    elsewhere = bench.root / "elsewhere"
    elsewhere.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        assert bench.counts(bench.run("apply", f"../{PLAN}")) == numbers(selected=2, copied=2)
    assert bench.listed("b") == sorted(two)
    assert later not in bench.listed("b")
    bench.run("at", "b", "check")


def test_both_directions_in_one_plan(bench: Bench, two: tuple[str, str]) -> None:
    third = bench.save("b", "three")
    assert set(planned(bench, "with", "b")) == {f"peer/{two[0]}", f"peer/{two[1]}", f"local/{third}"}
    assert bench.counts(bench.run("apply", PLAN)) == numbers(selected=3, copied=3)
    assert bench.listed("a") == bench.listed("b") == sorted([*two, third])


def test_options_and_names_are_kept_but_no_secrets(bench: Bench, two: tuple[str, str]) -> None:
    bench.run("store", "add", "there", str(bench.root / "b"), "passphrase=secret1")
    assert planned(
        bench, "--tag", "t", "--since", "2020-01-01", "--peer-passphrase-cmd", "echo secret2", "to", "@there"
    ) == [f"peer/{two[1]}"]
    text = Path(PLAN).read_text()
    assert "secret" not in text
    header = json.loads(text.splitlines()[0])
    assert header["command"] == "sync to"
    assert header["locations"] == [f"fs://{bench.root}/a", "@there"]
    assert header["options"]["tag"] == ["t"]
    bench.run("apply", PLAN)
    assert bench.listed("b") == [two[1]]


def test_what_changed_is_refused_and_the_rest_is_done(bench: Bench, two: tuple[str, str]) -> None:
    third = bench.save("a", "three")
    planned(bench, "to", "b")
    bench.run("at", "a", "rm", "--apply", two[0])
    bench.run("at", "a", "sync", "--quiet", two[1], "to", "b")
    assert bench.counts(bench.run("apply", PLAN, code=11)) == numbers(selected=3, copied=1, failed=2)
    assert f"{two[0]} from store fs://{bench.root}/a: it is not as planned: it was removed" in bench.err
    assert "it has the snapshot now" in bench.err
    assert bench.listed("b") == sorted([two[1], third])


def test_a_removal_there_since_the_plan_is_a_change(bench: Bench, two: tuple[str, str]) -> None:
    planned(bench, "to", "b")
    bench.run("at", "a", "sync", "--quiet", two[0], "to", "b")
    bench.run("at", "b", "rm", "--apply", two[0])
    bench.run("apply", PLAN, code=11)
    assert "was removed there meanwhile" in bench.err
    assert bench.listed("b") == [two[1]]
    shown = planned(bench, "to", "b")
    assert shown == [f"peer/{two[0]}"]
    assert json.loads(Path(PLAN).read_text().splitlines()[1])["verb"] == "replace"
    bench.run("apply", PLAN)
    assert bench.listed("b") == sorted(two)


def test_another_repository_in_the_place_is_refused(bench: Bench, two: tuple[str, str]) -> None:
    planned(bench, "to", "b")
    shutil.rmtree(bench.root / "b")
    bench.create("b")
    bench.run("apply", PLAN, code=1)
    assert "holds another repository now" in bench.err
    assert bench.listed("b") == []
    assert len(bench.listed("a")) == len(two)


def test_a_plan_that_would_not_be_whole_is_not_written(bench: Bench, two: tuple[str, str]) -> None:
    for packfile in bench.packfiles("a"):
        packfile.unlink()
    bench.run("at", "a", "plan", "sync", "-o", PLAN, "to", "b", code=1)
    assert "nothing was written" in bench.err
    assert two[0] in bench.err
    assert not Path(PLAN).exists()


def test_there_are_no_plans_of_databases(bench: Bench) -> None:
    bench.run("plan", "sync", "-o", PLAN, "shop.db", code=2)
    bench.run("at", "a", "plan", "sync", "to", "b", code=2)
    assert "-o FILE" in bench.err
