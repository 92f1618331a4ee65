"""Pruning, policies, maintenance and repair of the original's repositories, and what is wrong with them there."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from plait.cli.main import main
from plait.repository.configured.policies import Policies
from plait.repository.moments import DAY

FOLDER = Path(__file__).parent / "kloset"
NEWEST = "2026-11-21T05:49:33Z   ee9cbbc3    26 KiB /data/src/docs             "
MIDDLE = "2025-06-07T08:09:10Z   66ce6a90   8.0 MiB /data/src tags=beta        "
OLDEST = "2024-01-02T03:04:05Z   2305a19d   8.0 MiB /data/src tags=alpha,beta  "


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the repositories are; nobody writes to them."""
    directory = tmp_path_factory.mktemp("golden")
    for name in ("plain", "removed", "xattr-change"):
        with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
            archive.extractall(directory, filter="data")
        for lock in (directory / name / "locks").iterdir():
            lock.unlink()
    return directory


@pytest.fixture
def directory(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with repositories in it."""
    for name in ("plain", "removed", "xattr-change"):
        shutil.copytree(unpacked / name, tmp_path / name, copy_function=os.link)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PLAKAR_GRACEPERIOD", raising=False)
    return tmp_path


def ended(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(line.split())
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize(
    ("words", "kept", "lines"),
    [
        (
            "-per-day 1",
            3,
            [
                f"keep     {NEWEST}match=day:2026-11-21 rank=1 cap=1",
                f"keep     {MIDDLE}match=day:2025-06-07 rank=1 cap=1",
                f"keep     {OLDEST}match=day:2024-01-02 rank=1 cap=1",
            ],
        ),
        (
            "-years -1 -root /data/src",
            0,
            [
                f"delete   {MIDDLE}reason=outside retention windows",
                f"delete   {OLDEST}reason=outside retention windows",
            ],
        ),
        ("-tag alpha", 1, [f"keep     {OLDEST}reason=matched filters"]),
        (
            "-before 2025-06-08 -per-year 1 -per-month 1",
            2,
            [
                f"keep     {MIDDLE}match=month:2025-06 rank=1 cap=1",
                f"keep     {OLDEST}match=month:2024-01 rank=1 cap=1",
            ],
        ),
        ("-name nosuch", 0, []),
    ],
)
def test_a_plan_as_the_original_prints_it(
    directory: Path, capsys: pytest.CaptureFixture[str], words: str, kept: int, lines: list[str]
) -> None:
    del directory
    head = f"prune: would keep {kept} and delete {len(lines) - kept} snapshot(s), run with -apply to proceed"
    assert ended(f"plakar at plain prune {words}", capsys) == (0, "\n".join([head, *lines, ""]), "")


def test_a_line_that_says_nothing_is_refused(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del directory
    refused = "plakar: no filter specified, not going to prune everything\n"
    assert ended("plakar at plain prune", capsys) == (1, "", refused)
    assert ended("plakar at plain prune -policy nosuch", capsys) == (1, "", 'plakar: policy "nosuch" not found\n')


def test_defect_identifiers_are_honoured(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The original looks at every snapshot whatever is named."""
    del directory
    code, out, _ = ended("plakar at plain prune -per-year 9 66ce", capsys)
    assert (code, out.splitlines()[0].split()[2:8]) == (0, ["keep", "1", "and", "delete", "0", "snapshot(s),"])
    code, out, _ = ended("at plain prune --apply 66ce", capsys)
    assert code == 0
    assert out.splitlines()[-1] == "prune: removal of 66ce6a90 completed successfully"
    assert [line.split()[1] for line in ended("at plain ls", capsys)[1].splitlines()] == ["ee9cbbc3", "2305a19d"]
    assert ended("at plain prune --apply 66ce", capsys)[0] == 3


def test_the_plan_comes_first(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del directory
    code, out, _ = ended("at plain prune --apply --per-year 1 --root /data/src", capsys)
    assert code == 0
    assert out.splitlines()[0] == "prune: keeping 2 and deleting 0 snapshot(s)"
    code, out, _ = ended("at plain prune --json --tag beta --before 2025-01-01 --days 1", capsys)
    assert [(json.loads(line)["action"], json.loads(line)["applied"]) for line in out.splitlines()] == [
        ("delete", False)
    ]


def test_defect_a_relative_policy_does_not_age(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "policy", "add", "p", "since=3 months", "per-day=1"]) == 0
    policies = Policies(directory / "home/.config/plakar")
    for now in (10**18, 10**18 + 500 * DAY):
        assert policies.query("p", now).since == now - 90 * DAY
    code, out, _ = ended("plakar policy show -json p", capsys)
    assert (code, list(json.loads(out)["p"])) == (0, ["filters", "periods"])


@pytest.mark.parametrize(
    ("line", "out", "err"),
    [
        ("policy", "", "plakar: no action specified\n"),
        ("policy nosuch", "plakar: usage: plakar policy [add|rm|set|show|unset]\n", ""),
        ("policy add", "plakar: Usage: plakar policy add <name> [<key>=<value>...]\n", ""),
        ("policy set p", "plakar: Usage: plakar policy set <name> <key>=<value>...\n", ""),
        ("policy rm p", 'plakar: policy "p" does not exist\n', ""),
        ("policy show p", 'plakar: entry "p" not found\n', ""),
        ("policy add p foo=1", 'plakar: failed to set key "foo": invalid key\n', ""),
        ("policy add p group-by=name", 'plakar: failed to set key "group-by": invalid key\n', ""),
        (
            "policy add p days=x",
            'plakar: failed to set key "days": invalid value: strconv.Atoi: parsing "x": invalid syntax\n',
            "",
        ),
    ],
)
def test_what_a_policy_cannot_be(
    directory: Path, capsys: pytest.CaptureFixture[str], line: str, out: str, err: str
) -> None:
    del directory
    assert ended(f"plakar {line}", capsys) == (1, out, err)


def test_help_for_policies(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del directory
    code, out, usage = ended("plakar policy -h", capsys)
    assert (code, out) == (0, "")
    assert usage.splitlines()[:2] == ["Usage: policy", "       policy add <name> [<key>=<value>]..."]
    assert ended("plakar policy --x=1", capsys) == (2, "", f"flag provided but not defined: -x\n{usage}")


def test_maintenance_says_what_the_original_says(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = "maintenance: 0 blobs and 0 packfiles were removed\n"
    none = f"maintenance: Coloured 0 packfiles (0 orphaned) for deletion\n{nothing}"
    assert ended("plakar at plain maintenance and more words", capsys) == (0, none, "")
    assert main(["at", "plain", "rm", "--apply", "ee9c", "66ce", "2305"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("PLAKAR_GRACEPERIOD", "not a duration")
    code, out, _ = ended("plakar at plain maintenance", capsys)
    first, second, last = out.splitlines(keepends=True)
    assert (code, second, last) == (0, "Coloured packfiles are scheduled to be removed in 7d\n", nothing)
    count = int(first.split()[2])
    assert count
    assert ended("at plain maintenance", capsys)[0] != 0
    monkeypatch.setenv("PLAKAR_GRACEPERIOD", "0s")
    before = len(list((directory / "plain/packfiles").glob("*/*")))
    code, out, _ = ended("plakar at plain maintenance", capsys)
    assert out.splitlines()[-1] == f"maintenance: 0 blobs and {count} packfiles were removed"
    assert len(list((directory / "plain/packfiles").glob("*/*"))) == before - count
    assert ended("at plain check", capsys)[0] == 0


def test_one_run_prunes_repacks_and_gives_the_space_back(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    going = "at plain prune --per-year 1 --root /data/src --maintenance --repack --threshold 100% --no-grace"
    before = sum(path.stat().st_size for path in (directory / "plain/packfiles").rglob("*") if path.is_file())
    code, out, _ = ended(f"{going} --json", capsys)
    *snapshots, planned = map(json.loads, out.splitlines())
    assert (code, planned["dry_run"], {snapshot["applied"] for snapshot in snapshots}) == (0, True, {False})
    assert planned["freed"] + planned["repacked"]["freed"] > 0
    assert planned["coloured"] == planned["removed"]
    code, out, _ = ended(f"{going} --apply", capsys)
    assert code == 0
    assert "come back" not in out.splitlines()[-1]
    after = sum(path.stat().st_size for path in (directory / "plain/packfiles").rglob("*") if path.is_file())
    assert after < before
    assert ended("at plain check", capsys)[0] == 0
    code, out, _ = ended("at plain rm --tag nosuch --maintenance", capsys)
    assert (code, out.splitlines()[0]) == (0, "rm: no snapshots matched the selection")
    assert out.splitlines()[1].startswith("maintenance: would colour 0 packfiles and delete 0")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("prune --days 1 --repack", "--repack goes with --maintenance only"),
        ("rm --apply 2305 --grace 1h", "--grace goes with --maintenance only"),
        ("rm --apply 2305 --maintenance --limit 1G", "--limit goes with --repack only"),
        ("maintenance --threshold 10%", "--threshold goes with --repack only"),
        ("maintenance --grace 1h --no-grace", "--grace and --no-grace: name one of them"),
    ],
)
def test_options_of_maintenance_that_cannot_be_meant(
    directory: Path, capsys: pytest.CaptureFixture[str], line: str, reason: str
) -> None:
    before = sorted((directory / "plain").rglob("*"))
    code, out, err = ended(f"at plain {line}", capsys)
    assert (code, out) == (2, "")
    assert reason in err
    assert sorted((directory / "plain").rglob("*")) == before


def test_the_grace_is_an_option_as_well(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del directory
    assert main(["at", "plain", "rm", "--apply", "ee9c", "66ce", "2305"]) == 0
    assert main(["at", "plain", "maintenance", "--grace", "2 weeks"]) == 0
    capsys.readouterr()
    plan = json.loads(ended("at plain maintenance --grace 0s --dry-run --json", capsys)[1])
    assert plan["removed"]
    assert plan["freed"] > 0
    waiting = json.loads(ended("at plain maintenance --grace 1h --dry-run --json", capsys)[1])
    assert (waiting["removed"], waiting["freed"]) == ([], 0)
    assert waiting["scheduled"] == plan["freed"]
    assert ended("at plain maintenance --grace -1h", capsys)[0] == 2


def test_what_is_swept_already_is_not_swept_again(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A colour that outlived its packfile makes the original fail to delete it, each time."""
    del directory
    code, out, err = ended("plakar at removed maintenance", capsys)
    assert (code, out.splitlines()[-1], err) == (0, "maintenance: 0 blobs and 0 packfiles were removed", "")


def test_defect_a_lost_state_is_made_again(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The original finds nothing to repair where a state is gone."""
    expected = ended("at plain ls", capsys)
    assert ended("plakar at plain repair", capsys) == (0, "info: no repairs needed\n", "")
    for state in (directory / "plain/states").glob("*/*"):
        state.unlink()
    code, out, _ = ended("plakar at plain repair", capsys)
    assert (code, out) == (0, "info: to apply these repairs, run `plakar repair -apply`\n")
    assert ended("plakar at plain repair -apply", capsys) == (0, "", "")
    assert ended("at plain ls", capsys) == expected
    assert ended("at plain check", capsys)[0] == 0


def test_defect_an_entry_that_was_never_stored_stops_nothing(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The original does not store an entry of which attributes changed alone, and cannot maintain a repository then."""
    del directory
    assert ended("plakar at xattr-change maintenance", capsys)[0] == 0
    assert json.loads(ended("at xattr-change repair --apply --json", capsys)[1])["unstored"] == 1
    assert ended("at xattr-change repair", capsys) == (0, "repair: nothing is damaged\n", "")


def test_a_sample_is_of_everything(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del directory
    assert ended("at plain check --sample 5% 66ce", capsys)[0] == 2
    assert ended("at plain check --sample 101%", capsys)[0] == 2
    code, out, _ = ended("at plain check --sample 100%", capsys)
    assert code == 0
    assert "; 100% found whole since " in out
