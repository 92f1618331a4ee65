"""What rclone does with sync, copy, move and check where it matters, and where Plait does the same; then where not."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from plait.testing.mirrors import EPOCH, File, Tree, Twins, harvest, plant, run_plait

SECOND = 1_000_000_000
LARGE = 300_000


@pytest.fixture
def twins(tmp_path: Path, rclone: Path) -> Twins:
    return Twins(tmp_path, rclone, front=True)


def f(content: bytes = b"x", modified: int = EPOCH) -> File:
    return File(content, modified)


def link(target: str) -> File:
    return File(b"", EPOCH, target)


Scenario = tuple[str, str, Tree, Tree | None, list[str], int]

SCENARIOS: list[Scenario] = [
    ("destination is made", "sync", {"a": f(), "d/b": f(), "e": None}, None, [], 0),
    ("an empty source empties the destination", "sync", {}, {"a": f(), "d/b": f()}, [], 0),
    ("an empty source makes no destination", "sync", {}, None, [], 0),
    ("empty directories on request", "sync", {"e/f": None}, None, ["--create-empty-src-dirs"], 0),
    ("an equal hash saves the transfer", "sync", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"1")}, [], 0),
    ("checksum leaves times alone", "sync", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"1")}, ["--checksum"], 0),
    (
        "a difference of the window counts",
        "sync",
        {"a": f(b"1", EPOCH + 5)},
        {"a": f(b"2")},
        ["--modify-window=5ns"],
        0,
    ),
    ("less than the window does not", "sync", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"2")}, ["--modify-window=6ns"], 0),
    ("size only", "sync", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"2")}, ["--size-only"], 0),
    ("update keeps what is newer", "copy", {"a": f(b"1")}, {"a": f(b"22", EPOCH + 1)}, ["--update"], 0),
    (
        "immutable refuses, and deletes nothing",
        "sync",
        {"a": f(b"1"), "n": f()},
        {"a": f(b"22"), "x": f()},
        ["--immutable"],
        6,
    ),
    ("immutable minds times too", "sync", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"1")}, ["--immutable"], 6),
    ("but not in a dry run", "sync", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"1")}, ["--immutable", "--dry-run"], 0),
    ("two delete modes", "sync", {"a": f()}, {"x": f()}, ["--delete-before", "--delete-after"], 1),
    ("a file where a directory is", "sync", {"a": f()}, {"a/x": f(), "q": f()}, ["--retries=1"], 1),
    ("the same, deleted before", "sync", {"a": f()}, {"a/x": f(), "q": f()}, ["--retries=1", "--delete-before"], 0),
    (
        "a directory deleted before, whatever immutable files are found",
        "sync",
        {"a": f()},
        {"a": f(b"", EPOCH + 1), "d/a": f()},
        ["--immutable", "--delete-before"],
        6,
    ),
    ("a directory where a file is", "sync", {"a/x": f()}, {"a": f(), "q": f()}, ["--retries=1"], 1),
    ("that, deleted before", "sync", {"a/x": f()}, {"a": f(), "q": f()}, ["--retries=1", "--delete-before"], 0),
    ("excluded files are protected", "sync", {}, {"d/a.txt": f(), "d/b": f()}, ["--exclude=*.txt"], 0),
    ("unless asked", "sync", {}, {"d/a.txt": f()}, ["--exclude=*.txt", "--delete-excluded"], 0),
    ("depth limits both sides", "sync", {"a": f()}, {"d/e": f(), "b": f()}, ["--max-depth=1"], 0),
    (
        "no depth at the destination",
        "sync",
        {"d/a": f()},
        {"d/e": f(), "g/h/i": f()},
        ["--max-depth=1", "--delete-excluded"],
        0,
    ),
    ("a hidden file in the way is replaced", "sync", {"a": f(b"1")}, {"a": f(b"22")}, ["--max-size=1B"], 0),
    (
        "an excluded link that leads nowhere is no error",
        "sync",
        {"a": f(), "l": link("nowhere")},
        {"x": f()},
        ["-L", "--exclude=l"],
        0,
    ),
    ("links are left alone", "sync", {"l": link("k"), "k": f()}, {"m": link("k")}, [], 0),
    ("links as links", "sync", {"l": link("k"), "d/l": link("nowhere")}, {"m": link("k")}, ["--links"], 0),
    ("links that differ", "sync", {"l": link("k"), "x": link("b")}, {"l": link("k"), "x": link("c")}, ["--links"], 0),
    ("links followed", "sync", {"l": link("k"), "k": f(), "e": link("d"), "d/f": f()}, {}, ["--copy-links"], 0),
    (
        "links that are kept beside",
        "sync",
        {"l": link("k")},
        {"l": link("old")},
        ["--links", "--suffix=.bak"],
        0,
    ),
    ("links both ways", "sync", {"l": link("k")}, {}, ["--copy-links", "--links"], 1),
    ("links to nothing", "sync", {"a": f(), "b": f()}, {"a": link("no"), "x": link("no")}, ["-L", "--retries=2"], 1),
    ("one of them made a file", "sync", {"a": f(), "b": f()}, {"a": link("no")}, ["--copy-links"], 0),
    ("links to nothing, copied over", "copy", {"a": f()}, {"a": link("no"), "x": link("no")}, ["--copy-links"], 6),
    ("a link in the way is replaced", "sync", {"l": f()}, {"l": link("k")}, [], 0),
    ("no link can be made of this", "sync", {"x.rclonelink": f(b"\0")}, {}, ["--links", "--retries=1"], 1),
    (
        "a dangling link deletes nothing",
        "sync",
        {"l": link("no"), "k": f()},
        {"x": f()},
        ["--copy-links", "--retries=1"],
        1,
    ),
    ("but with --ignore-errors", "sync", {"l": link("no")}, {"x": f()}, ["--copy-links", "--ignore-errors"], 6),
    ("a dangling link fails a copy", "copy", {"l": link("no"), "k": f()}, {"x": f()}, ["--copy-links"], 6),
    ("names that match after normalisation", "sync", {"caf\u00e9": f(b"1")}, {"cafe\u0301": f(b"2")}, [], 0),
    ("and those that then do not", "sync", {"\u00e9": f()}, {"e\u0301": f()}, ["--no-unicode-normalization"], 0),
    ("names that match whatever their case", "sync", {"A": f(b"1")}, {"a": f(b"2")}, ["--ignore-case-sync"], 0),
    ("names that are no text", "sync", {"b\udcff": f(), "n\nl": f()}, {"b\udcfe": f()}, [], 0),
    ("the longest names", "sync", {"n" * 255: f(b"1"), "m" * 101: f(b"m")}, {"m" * 101: f(b"old")}, [], 0),
    (
        "a directory for what is replaced",
        "sync",
        {"a": f(b"1")},
        {"a": f(b"2"), "d/b": f()},
        ["--backup-dir=BASE/b"],
        0,
    ),
    ("with a suffix", "sync", {"a": f(b"1")}, {"a": f(b"2")}, ["--backup-dir=BASE/b", "--suffix=.x"], 0),
    (
        "a suffix alone",
        "sync",
        {"a.tar.gz": f(b"1")},
        {"a.tar.gz": f(b"2")},
        ["--suffix=-v", "--suffix-keep-extension"],
        0,
    ),
    ("backups in the destination", "sync", {"a": f()}, {"b": f()}, ["--backup-dir=DEST/old"], 7),
    ("but where it is excluded", "sync", {"a": f()}, {"b": f()}, ["--backup-dir=DEST/old", "--exclude=/old/**"], 0),
    ("backups in the source", "sync", {"a": f()}, {"b": f()}, ["--backup-dir=SOURCE/old"], 7),
    ("a dry run", "sync", {"a": f(), "d/b": f()}, {"b": f(), "e/c": f()}, ["--dry-run"], 0),
    ("nothing transferred", "sync", {"a": f()}, {"a": f(), "b": f()}, ["--error-on-no-transfer"], 9),
    ("something transferred", "sync", {"a": f()}, {}, ["--error-on-no-transfer"], 0),
    ("a bad rule", "sync", {"a": f()}, {"b": f()}, ["--filter=* a"], 1),
    ("a partial suffix too long", "sync", {"a": f()}, {}, ["--partial-suffix=.12345678901234567", "--retries=1"], 1),
    ("copy deletes nothing", "copy", {"a": f(b"1")}, {"a": f(b"2"), "b": f(), "d/c": f()}, [], 0),
    ("move", "move", {"a": f(b"1"), "d/b": f(), "s": f(), "e": None}, {"a": f(b"2"), "s": f()}, [], 0),
    ("move all of it", "move", {"a": f(b"1"), "d/e/b": f(), "e": None}, {}, ["--delete-empty-src-dirs"], 0),
    (
        "move leaves what it need not compare",
        "move",
        {"a": f(b"1"), "n": f()},
        {"a": f(b"2")},
        ["--ignore-existing"],
        0,
    ),
    ("check finds each difference", "check", {"a": f(b"1"), "o": f()}, {"a": f(b"2"), "p": f()}, [], 1),
    ("check goes by content, not time", "check", {"a": f(b"1", EPOCH + 5)}, {"a": f(b"1")}, [], 0),
    ("check one way", "check", {"a": f()}, {"a": f(), "b": f()}, ["--one-way"], 0),
    ("check by reading", "check", {"a": f(b"1")}, {"a": f(b"2")}, ["--download"], 1),
    (
        "check many by reading",
        "check",
        {"a": f(b"1"), "b": f(b"2"), "d/c": f(), "d/e": f(b"3", EPOCH + 5), "l": f(b"l" * LARGE), "m": f(b"m" * LARGE)},
        {"a": f(b"1"), "b": f(b"9"), "d/c": f(), "d/e": f(b"3"), "l": f(b"l" * LARGE), "m": f(b"n" * LARGE)},
        ["--download"],
        1,
    ),
    ("check without a destination", "check", {"a": f()}, None, [], 1),
]


@pytest.mark.parametrize(
    ("verb", "source", "destination", "flags", "code"),
    [scenario[1:] for scenario in SCENARIOS],
    ids=[scenario[0] for scenario in SCENARIOS],
)
def test_as_rclone(
    twins: Twins, verb: str, source: Tree, destination: Tree | None, flags: list[str], code: int
) -> None:
    theirs, ours = twins.run(verb, source, destination, flags)
    assert (theirs.code, ours.code) == (code, code), ours.log
    assert ours.source == theirs.source
    assert ours.destination == theirs.destination
    assert harvest(twins.base / "plait" / "b") == harvest(twins.base / "rclone" / "b")
    # rclone reports equal files that it moves, and what a failed listing saved, as errors.
    silent = {"error", "combined"} if verb == "move" or "dangling" in str(flags) or "--copy-links" in flags else set()
    for report in theirs.reports.keys() - silent:
        assert ours.reports[report] == theirs.reports[report], report


def both(twins: Twins, verb: str, source: str, destination: str, flags: list[str], tree: Tree) -> tuple[Any, Any]:
    """Exit code and tree of a command on paths within one tree, by rclone and by Plait."""
    results = []
    for name, execute in (("rclone", twins._rclone), ("plait", twins._plait)):
        base = twins.base / name
        plant(base, tree)
        words = [flag.replace("BASE", str(base)) for flag in flags]
        code, _ = execute(verb, [str(base / source), str(base / destination)], words)
        results.append((code, harvest(base)))
    return results[0], results[1]


@pytest.mark.parametrize(
    ("verb", "source", "destination", "flags", "code"),
    [
        ("sync", "s/f", "d", [], 0),
        ("sync", "s/f", "d", ["--exclude=*"], 0),
        ("copy", "s/f", "d", ["--suffix=.x"], 0),
        ("copy", "s/f", "d", ["--suffix=.x", "--backup-dir=BASE/d"], 0),
        ("copy", "s/f", "d", ["--backup-dir=BASE/d"], 7),
        ("copy", "s/f", "s", [], 0),
        ("move", "s/f", "new/place", [], 0),
        ("sync", "s", "d/old", [], 1),
        ("copy", "s/f", "d/old", [], 1),
        ("sync", "s", "s", [], 7),
        ("copy", "s", "s", [], 0),
        ("move", "s", "s", [], 0),
        ("sync", "s", "s/sub", [], 7),
        ("sync", "s/sub", "s", [], 7),
        ("move", "s", "s/sub", [], 7),
        ("sync", "s", "s/sub", ["--exclude=/sub/**"], 0),
        ("sync", "s", "s/sub", ["--filter=- /sub/"], 0),
        ("sync", "s", "s/sub", ["--exclude-if-present=f2"], 0),
        ("sync", "none", "d", [], 3),
        ("copy", "none", "d", [], 3),
        ("check", "none", "d", [], 3),
    ],
)
def test_places(twins: Twins, verb: str, source: str, destination: str, flags: list[str], code: int) -> None:
    tree: Tree = {"s/f": f(b"file"), "s/g": f(), "s/sub/f2": f(), "d/old": f(), "d/f": f(b"ooo")}
    theirs, ours = both(twins, verb, source, destination, [*flags, *([] if verb == "check" else ["--retries=1"])], tree)
    assert theirs[0] == code
    assert ours == theirs


@pytest.mark.parametrize("how", [[], ["--download"], ["--one-way"]])
def test_check_against_sums(twins: Twins, how: list[str]) -> None:
    sums = [hashlib.sha1(content).hexdigest() for content in (b"1", b"2", b"3")]
    lines = f"{sums[0]}  a\n{sums[0].upper()} *d/b\n\nno sum\n{sums[2]}  gone\n{sums[1]}  e\u0301\n"
    tree: Tree = {"s": f(lines.encode()), "d/a": f(b"1"), "d/d/b": f(b"2"), "d/x": f(), "d/e\u0301": f(b"2")}
    flags = ["--checkfile=SHA-1", "--combined=BASE/report", *how]
    theirs, ours = both(twins, "check", "s", "d", flags, tree)
    reports = [sorted(tree.pop("report").content.splitlines()) for _, tree in (theirs, ours)]
    assert reports[0] == reports[1]
    assert ours == theirs
    assert ours[0] == 1


def test_an_older_backup_is_replaced(twins: Twins) -> None:
    tree: Tree = {"s/a": f(b"1"), "d/a": f(b"22"), "b/a": f(b"older")}
    theirs, ours = both(twins, "sync", "s", "d", ["--backup-dir=BASE/b"], tree)
    assert ours == theirs
    assert ours[1]["b/a"] == f(b"22")


@pytest.mark.parametrize(("flag", "left"), [("--max-delete=0", 3), ("--max-delete=1", 2), ("--max-delete-size=0", 3)])
def test_a_limit_of_deletions_ends_the_run(twins: Twins, flag: str, left: int) -> None:
    source: Tree = {"new": f()}
    destination: Tree = {"x": f(), "y": f(), "d/z": f()}
    for outcome in twins.run("sync", source, destination, [flag]):
        assert outcome.code == 7
        assert outcome.destination["new"] == f()
        assert sum(entry is not None for entry in outcome.destination.values()) == left + 1


def test_mode_bits_are_kept_only_as_metadata(tmp_path: Path) -> None:
    plant(tmp_path / "s", {"run": f()})
    (tmp_path / "s" / "run").chmod(0o750)
    places = [str(tmp_path / "s"), str(tmp_path / "plain")]
    assert run_plait("sync", places)[0] == 0
    assert (tmp_path / "plain" / "run").stat().st_mode & 0o777 == 0o644
    assert run_plait("sync", [places[0], str(tmp_path / "kept")], ["--metadata"])[0] == 0
    assert (tmp_path / "kept" / "run").stat().st_mode & 0o777 == 0o750


def test_directory_times_are_right_also_after_deletions(tmp_path: Path) -> None:
    """rclone leaves the time of the deletion on a directory in which it only deleted."""
    plant(tmp_path / "s", {"d/a": f(), "d/e/b": f()})
    plant(tmp_path / "d", {"d/a": f(), "d/x": f(), "d/e/b": f(), "d/e/c/y": f()})
    assert run_plait("sync", [str(tmp_path / "s"), str(tmp_path / "d")])[0] == 0
    assert {(tmp_path / "d" / path).stat().st_mtime_ns for path in ("d", "d/e")} == {EPOCH}


# The differences: rclone loses data here, Plait does not.


@pytest.mark.parametrize("flag", ["--delete-before", "--delete-during", "--delete-after"])
def test_a_missing_source_deletes_nothing_in_any_mode(twins: Twins, flag: str) -> None:
    theirs, ours = both(twins, "sync", "none", "d", [flag, "--retries=1"], {"d/a": f()})
    assert (theirs[0], ours[0]) == (3, 3)
    assert theirs[1].get("d/a") == (f() if flag == "--delete-after" else None)
    assert ours[1]["d/a"] == f()


@pytest.mark.parametrize("flag", ["--delete-before", "--delete-during", "--delete-after"])
def test_a_source_that_cannot_be_listed_completely_deletes_nothing_in_any_mode(twins: Twins, flag: str) -> None:
    source: Tree = {"l": link("nowhere"), "k": f()}
    _, ours = twins.run("sync", source, {"x": f()}, [flag, "--copy-links", "--retries=1"])
    assert ours.code != 0
    assert ours.destination["x"] == f()
    assert ours.destination.get("k", f()) == f()
    _, forced = twins.run("sync", source, {"x": f()}, [flag, "--copy-links", "--retries=1", "--ignore-errors"])
    assert "x" not in forced.destination
    assert forced.code == 6


def test_a_file_that_cannot_be_read_keeps_its_old_copy_and_every_other_file(tmp_path: Path, rclone: Path) -> None:
    source: Tree = {"bad": f(b"new"), "k": f()}
    twins = Twins(tmp_path, rclone, front=True, unreadable=("source/bad",))
    ways = ("--delete-after", "--delete-during", "--inplace", "--backup-dir=BASE/b", "--suffix=.old", "--ignore-times")
    for flag in ways:
        theirs, ours = twins.run("sync", source, {"bad": f(b"ol"), "x": f()}, [flag, "--retries=1"])
        assert (theirs.code, ours.code) == (1, 1)
        assert ours.destination["bad"] == f(b"ol")
        assert ("x" in ours.destination) is (flag != "--delete-during")
        assert ours.destination["k"] == f()
        assert ours.logged("permission denied")


@pytest.mark.parametrize("flag", ["--delete-before", "--delete-during", "--delete-after"])
def test_a_directory_that_cannot_be_listed_keeps_everything(tmp_path: Path, rclone: Path, flag: str) -> None:
    twins = Twins(tmp_path, rclone, front=True, unreadable=("source/d",))
    destination: Tree = {"d/old": f(), "x": f(), "k": f(b"22")}
    _, ours = twins.run("sync", {"d/a": f(), "k": f()}, destination, [flag, "--retries=1"])
    assert ours.code == 1
    assert ours.destination == {"d": None, "d/old": f(), "x": f(), "k": f()}
    # Asked to, both delete in spite of the error; but what may well have a source, Plait still keeps.
    theirs, forced = twins.run("sync", {"d/a": f(), "k": f()}, destination, [flag, "--retries=1", "--ignore-errors"])
    assert theirs.destination == {"d": None, "k": f()}
    assert forced.destination == {"d": None, "d/old": f(), "k": f()}


def test_a_link_to_a_directory_does_not_lead_out_of_the_destination(tmp_path: Path) -> None:
    plant(tmp_path / "s", {"l/x": f()})
    plant(tmp_path / "d", {"l": link(str(tmp_path / "elsewhere"))})
    (tmp_path / "elsewhere").mkdir()
    code, log = run_plait("sync", [str(tmp_path / "s"), str(tmp_path / "d")], ["--retries=1"])
    assert code == 1
    assert any("leave the root" in line for line in log)
    assert harvest(tmp_path / "elsewhere") == {}


def test_new_files_go_into_the_directory_that_matched(tmp_path: Path) -> None:
    """rclone makes a second directory, of a name that it takes for a duplicate from then on."""
    plant(tmp_path / "s", {"e\u0301/new": f()})
    plant(tmp_path / "d", {"\u00e9/old": f()})
    assert run_plait("copy", [str(tmp_path / "s"), str(tmp_path / "d")])[0] == 0
    assert harvest(tmp_path / "d") == {"\u00e9": None, "\u00e9/new": f(), "\u00e9/old": f()}


def test_metadata_of_files_and_directories(twins: Twins) -> None:
    modes: dict[str, dict[str, int]] = {}
    for name, execute in (("rclone", twins._rclone), ("plait", twins._plait)):
        base = twins.base / name
        plant(base / "s", {"a": f(), "d/b": f(), "d/e/c": f(b"new")})
        plant(base / "d", {"a": f(b"older")})
        for path, mode in (("s/a", 0o751), ("s/d", 0o711), ("s/d/e", 0o750), ("s/d/b", 0o604), ("s/d/e/c", 0o400)):
            (base / path).chmod(mode)
        os.setxattr(base / "s" / "a", "user.note", b"kept")
        os.utime(base / "s" / "d", ns=(EPOCH, EPOCH + 3))
        code, log = execute("sync", [str(base / "s"), str(base / "d")], ["--metadata"])
        assert code == 0, log
        modes[name] = {path: (base / "d" / path).stat().st_mode for path in ("a", "d", "d/e", "d/b", "d/e/c")}
        assert os.getxattr(base / "d" / "a", "user.note") == b"kept"
        assert (base / "d" / "d").stat().st_mtime_ns == EPOCH + 3
    assert modes["plait"] == modes["rclone"]
