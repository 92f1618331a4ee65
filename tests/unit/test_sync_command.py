"""`sync` of repositories from the command line: what is said, what is copied, and how it exits."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from plait.cli.main import main
from plait.repository.format.resources import Resource
from plait.repository.layout import Folder
from plait.repository.locking import HeldLock
from plait.repository.repository import Repository
from plait.stores.local.store import LocalStore

Captured = pytest.CaptureFixture[str]
WORDS = ("selected", "copied", "present", "skipped", "failed")


class Bench:
    """Repositories below one directory, and command lines run in it."""

    def __init__(self, root: Path, captured: Captured) -> None:
        self.root = root
        self._captured = captured

    def run(self, *words: str, code: int = 0) -> str:
        found = main(list(words))
        out, self.err = self._captured.readouterr()
        assert found == code, (words, out, self.err)
        return out

    def create(self, name: str, *words: str) -> str:
        self.run("at", name, "create", "--plaintext", *words)
        return name

    def save(self, repository: str, name: str, content: str = "content", *words: str) -> str:
        """Saves a directory with one file; the identifier of the snapshot."""
        tree = self.root / "trees" / name
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "file").write_text(content)
        before = set(self.listed(repository))
        self.run("at", repository, "backup", "--quiet", *words, str(tree))
        (new,) = set(self.listed(repository)) - before
        return new

    def listed(self, repository: str) -> list[str]:
        with Repository.open(LocalStore(str(self.root / repository))) as opened:
            return [identifier.hex() for identifier in opened.reader.snapshots()]

    def packfiles(self, repository: str) -> list[Path]:
        return sorted(path for path in (self.root / repository / "packfiles").rglob("*") if path.is_file())

    def files(self, repository: str) -> dict[str, bytes]:
        root = self.root / repository
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def counts(self, out: str) -> dict[str, int]:
        last = out.strip().splitlines()[-1].removeprefix("info: ").removeprefix("sync: ")
        return {word: int(number) for number, word in (part.split() for part in last.split(", "))}


@pytest.fixture
def bench(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Bench(tmp_path, capsys)


def numbers(**given: int) -> dict[str, int]:
    return dict.fromkeys(WORDS, 0) | given


def test_to_from_and_with(bench: Bench) -> None:
    bench.create("a")
    bench.create("b", "--hashing", "SHA256")
    first, second = bench.save("a", "one"), bench.save("b", "two")
    assert bench.counts(bench.run("at", "a", "sync", "to", "b")) == numbers(selected=1, copied=1)
    assert bench.listed("b") == sorted([first, second])
    assert bench.counts(bench.run("at", "a", "sync", "from", "b")) == numbers(selected=2, copied=1, present=1)
    third, fourth = bench.save("a", "three"), bench.save("b", "four")
    assert bench.counts(bench.run("at", "a", "sync", "with", "b")) == numbers(selected=4, copied=2, present=2)
    assert bench.listed("a") == bench.listed("b") == sorted([first, second, third, fourth])
    bench.run("at", "b", "check")


def test_the_fronts_words(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    lines = bench.run("plakar", "at", "a", "sync", "to", "b").splitlines()
    assert lines[0] == f"info: Synchronizing snapshot {snapshot} from localhost to localhost"
    assert lines[-3] == f"info: Synchronization of {snapshot} finished"
    assert lines[-2] == "info: sync: synchronization from localhost to localhost completed: 1 snapshots synchronized"
    lines = bench.run("plakar", "at", "a", "sync", "with", "b").splitlines()
    assert (
        lines[-2] == "info: sync: synchronization between localhost and localhost completed: 0 snapshots synchronized"
    )
    bench.save("b", "two")
    assert bench.run("plakar", "-quiet", "at", "a", "sync", "with", "b") == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sync"], "usage: sync [SNAPSHOT] to|from|with REPOSITORY"),
        (["sync", "to"], "usage: sync [SNAPSHOT] to|from|with REPOSITORY"),
        (["sync", "a", "b", "to", "c"], "too many arguments"),
        (["sync", "sideways", "b"], "invalid direction, must be to, from or with"),
        (["sync", "to", "@nope"], "peer store: could not resolve repository: @nope"),
        (["sync", "to", "missing"], "there is nothing at fs:///"),
    ],
)
def test_the_front_refuses(bench: Bench, words: list[str], says: str) -> None:
    bench.create("a")
    bench.run("plakar", "at", "a", *words, code=1)
    assert says in bench.err


def test_an_identifier_that_says_too_little(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    found = {bench.save("a", f"tree{number}")[:1] for number in range(3)}
    while len(found) == len(bench.listed("a")):
        found.add(bench.save("a", f"more{len(found)}")[:1])
    prefixes = [name[:1] for name in bench.listed("a")]
    double = next(prefix for prefix in prefixes if prefixes.count(prefix) > 1)
    bench.run("at", "a", "sync", double, "to", "b", code=2)
    assert f"snapshot ID is ambiguous: {double} (matches {prefixes.count(double)} snapshots)" in bench.err
    assert all(name in bench.err for name in bench.listed("a") if name.startswith(double))
    bench.run("plakar", "at", "a", "sync", double, "to", "b", code=1)
    assert all(name in bench.err for name in bench.listed("a") if name.startswith(double))
    missing = next(digit for digit in "0123456789abcdef" if digit not in prefixes)
    bench.run("at", "a", "sync", missing, "to", "b", code=3)
    assert bench.listed("b") == []


def test_an_upper_case_identifier_is_the_same_one(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    bench.run("at", "a", "sync", snapshot.upper(), "to", "b")
    assert bench.listed("b") == [snapshot]


def test_filters_that_contradict_an_identifier(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    bench.run("at", "a", "sync", "--tag", "other", snapshot, "to", "b", code=2)
    assert bench.listed("b") == []


def test_filters_that_select_nothing(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    out = bench.run("plakar", "at", "a", "sync", "-tag", "other", "to", "b")
    assert out.startswith("info: No matching snapshot found in store localhost\n")
    assert bench.counts(out) == numbers()


def test_any_of_several_roots(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    wanted = [bench.save("a", "one"), bench.save("a", "two")]
    bench.save("a", "three")
    roots = ",".join(str(bench.root / "trees" / name) for name in ("one", "two"))
    bench.run("at", "a", "sync", "--root", roots, "to", "b")
    assert bench.listed("b") == sorted(wanted)


@pytest.mark.parametrize("spelling", ["{root}/a", "./a", "a/", "link", "fs:{root}/a", "fs://{root}/a", "@self"])
def test_the_same_repository_in_another_spelling(bench: Bench, spelling: str) -> None:
    bench.create("a")
    (bench.root / "link").symlink_to("a")
    bench.run("store", "add", "self", str(bench.root / "a"))
    bench.run("at", "a", "sync", "to", spelling.format(root=bench.root), code=2)
    assert "same store" in bench.err


def test_a_raw_copy_is_refused(bench: Bench) -> None:
    bench.create("a")
    shutil.copytree(bench.root / "a", bench.root / "copy")
    bench.run("at", "a", "sync", "to", "copy", code=2)
    assert "cloned stores" in bench.err
    assert "raw copy" in bench.err


def test_peers_that_are_none(bench: Bench) -> None:
    bench.create("a")
    for name in ("empty", "foreign", "truncated", "newer"):
        (bench.root / name).mkdir()
    (bench.root / "foreign/notes.txt").write_text("hello")
    config = (bench.root / "a/CONFIG").read_bytes()
    (bench.root / "truncated/CONFIG").write_bytes(config[: len(config) // 2])
    newer = bytearray(config)
    newer[12:16] = (0x00030000).to_bytes(4, "little")
    (bench.root / "newer/CONFIG").write_bytes(newer)
    for name, code, says in (
        ("missing", 3, "there is nothing at"),
        ("missing.ptar", 3, "there is no archive at"),
        ("empty", 3, "it is empty"),
        ("foreign", 3, "it has no CONFIG"),
        ("truncated", 1, "cut short"),
        ("newer", 1, "is the newest known"),
    ):
        before = bench.files(name)
        bench.run("at", "a", "sync", "to", name, code=code)
        assert says in bench.err
        assert bench.files(name) == before
    assert not (bench.root / "missing").exists()
    assert not (bench.root / "missing.ptar").exists()


def test_a_file_is_named_by_its_whole_path_where_the_list_of_its_directory_is_damaged_as_well(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    with Repository.open(LocalStore(str(bench.root / "a"))) as opened:
        (packfile,) = {place.packfile for key, place in opened.index.locations() if key[-1] == Resource.CHUNK}
    (path,) = (path for path in bench.packfiles("a") if path.name == packfile.hex())
    path.unlink()
    bench.run("at", "a", "sync", "to", "b", code=1)
    assert f"KO ✘ {bench.root}/trees/one/file: chunk " in bench.err


@pytest.mark.parametrize("face", [(), ("plakar",)])
@pytest.mark.parametrize("verb", ["rm", "prune"])
def test_an_empty_word_removes_nothing(bench: Bench, face: tuple[str, ...], verb: str) -> None:
    """A script whose variable was not set lost every snapshot: each identifier begins with nothing."""
    bench.create("a")
    snapshots = [bench.save("a", "one"), bench.save("a", "two")]
    bench.run(*face, "at", "a", verb, "-apply", "", code=1 if face else 2)
    assert "no filter specified" in bench.err
    assert bench.listed("a") == sorted(snapshots)
    bench.run(*face, "at", "a", verb, "-apply", "", snapshots[0])
    assert bench.listed("a") == snapshots[1:]


@pytest.mark.parametrize("face", [(), ("plakar",)])
@pytest.mark.parametrize("how", ["-quiet", "-silent"])
def test_a_quiet_sync_says_nothing_that_is_no_error(bench: Bench, face: tuple[str, ...], how: str) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one", "content", "--name", "one")
    words = ("-name", "one", snapshot, "to", "b")
    assert bench.run(*face, how, "at", "a", "sync", *words) == ""
    assert bench.err == ""
    bench.run(*face, "at", "a", "sync", *words)
    assert "the filters narrow the snapshot that is named" in bench.err


def test_a_dry_run_says_how_much_the_peer_grows_and_changes_nothing(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one", "text " * 200_000)
    (bench.root / "trees/one/noise").write_bytes(os.urandom(3_000_000))
    second = bench.save("a", "one", "text " * 200_000)
    before = bench.files("b")
    lines = bench.run("at", "a", "sync", "--dry-run", "to", "b").splitlines()
    assert bench.files("b") == before
    planned = {line.split()[0]: int(line.split()[1]) for line in lines[:-1]}
    assert planned.keys() == {snapshot, second}
    bench.run("at", "a", "sync", "to", "b")
    grown = sum(map(len, bench.files("b").values())) - sum(map(len, before.values()))
    assert abs(sum(planned.values()) - grown) < grown / 5


@pytest.mark.parametrize("most", [False, True])
def test_a_dry_run_foresees_a_small_snapshot_however_long_padding_is(
    most: bool, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda limit: limit - 1 if most else 0)
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    before = sum(map(len, bench.files("b").values()))
    (line, _) = bench.run("at", "a", "sync", "--dry-run", "to", "b").splitlines()
    bench.run("at", "a", "sync", "to", "b")
    grown = sum(map(len, bench.files("b").values())) - before
    assert abs(int(line.split()[1]) - grown) < grown / 5


def test_a_dry_run_of_what_is_brought_back_says_that_next_to_nothing_moves(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    bench.run("at", "a", "sync", "to", "b")
    bench.run("at", "b", "rm", "--apply", snapshot)
    (line, _) = bench.run("at", "a", "sync", "--dry-run", "to", "b").splitlines()
    assert line.startswith(snapshot)
    assert "is brought back" in line
    assert int(line.split()[1]) < 2000


def test_defect_a_snapshot_removed_there_is_brought_back(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshots = [bench.save("a", name) for name in ("one", "two", "three")]
    bench.run("at", "a", "sync", "to", "b")
    bench.run("at", "b", "rm", "--apply", snapshots[1])
    assert bench.counts(bench.run("at", "a", "sync", "--deleted", "keep", "to", "b"))["skipped"] == 1
    assert snapshots[1] not in bench.listed("b")
    assert "is brought back" in bench.run("at", "a", "sync", "--dry-run", "to", "b")
    states = set(bench.files("b"))
    assert bench.counts(bench.run("at", "a", "sync", "to", "b"))["copied"] == 1
    assert bench.listed("b") == sorted(snapshots)
    assert states <= set(bench.files("b"))
    shutil.rmtree(bench.root / "cache")
    assert bench.listed("b") == sorted(snapshots)
    bench.run("at", "b", "check")
    assert bench.counts(bench.run("at", "a", "sync", "to", "b")) == numbers(selected=3, present=3)


def test_a_policy_of_the_peer_is_asked_before_bytes_move(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    days = [bench.save("a", "tree", f"day {day}", "--force-timestamp", f"2024-05-0{day}") for day in (1, 2, 3)]
    again = bench.save("a", "tree", "later that day", "--force-timestamp", "2024-05-03 12:00")
    bench.save("b", "there", "already", "--force-timestamp", "2024-05-02 12:00")
    bench.run("policy", "add", "daily", "per-day=1")
    # Of each day the newest: of the second the peer has a newer one.
    lines = bench.run("at", "a", "sync", "--keep-policy", "daily", "--dry-run", "to", "b").splitlines()
    assert {line[:64] for line in lines if line[:64] in days or line[:64] == again} == {days[0], again}
    out = bench.run("at", "a", "sync", "--keep-policy", "daily", "to", "b")
    assert bench.counts(out) == numbers(selected=4, copied=2, skipped=2)
    assert f"Snapshot {days[2]} would not be kept" in out
    assert set(bench.listed("b")) & {*days, again} == {days[0], again}
    assert "would keep 3 and delete 0" in bench.run("at", "b", "prune", "--policy", "daily")
    bench.run("at", "a", "sync", "--keep-policy", "none", "to", "missing", code=1)
    assert 'policy "none" not found' in bench.err


def test_defect_silent_says_less_than_quiet_and_quiet_less_than_usual(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    for packfile in bench.packfiles("a"):
        packfile.write_bytes(b"")
    usual = bench.run("plakar", "at", "a", "sync", "to", "b", code=1)
    assert "info: sync: 1 selected, 0 copied, 0 present, 0 skipped, 1 failed" in usual
    assert bench.run("plakar", "-quiet", "at", "a", "sync", "to", "b", code=1) == ""
    assert snapshot[:8] in bench.err
    assert bench.run("plakar", "-silent", "at", "a", "sync", "to", "b", code=1) == ""
    assert bench.err == ""


def test_defect_the_last_line_names_both_in_the_direction_of_the_copies(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("b", "one")
    out = bench.run("at", "a", "sync", "from", "b")
    assert f"synchronization from fs://{bench.root}/b to fs://{bench.root}/a completed: 1 snapshots" in out


def test_defect_a_damaged_state_is_no_reason_to_do_nothing(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshots = [bench.save("a", name) for name in ("one", "two")]
    state = next(path for path in (bench.root / "a/states").rglob("*") if path.is_file())
    state.write_bytes(state.read_bytes()[:-40] + bytes(40))
    shutil.rmtree(bench.root / "cache")
    assert bench.counts(bench.run("at", "a", "sync", "to", "b")) == numbers(selected=2, copied=2)
    assert "is damaged" in bench.err
    assert bench.listed("b") == sorted(snapshots)


def test_defect_a_state_that_the_peer_has_lost_since_is_not_remembered(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshots = [bench.save("a", name) for name in ("one", "two")]
    bench.run("at", "a", "sync", "to", "b")
    state = next(path for path in (bench.root / "b/states").rglob("*") if path.is_file())
    state.write_bytes(state.read_bytes()[:-40] + bytes(40))
    counts = bench.counts(bench.run("at", "a", "sync", "to", "b"))
    assert counts["copied"] > 0
    assert counts["failed"] == 0
    assert f"b: {state.relative_to(bench.root / 'b')} is damaged" in bench.err
    state.unlink()
    assert bench.listed("b") == sorted(snapshots)
    bench.run("at", "b", "check")


def test_defect_damage_is_not_laundered(bench: Bench) -> None:
    """Of a repository without compression and encryption, only identifiers tell that a bit was flipped."""
    bench.create("a", "--no-compression")
    bench.create("b", "--no-compression")
    whole = bench.save("a", "whole", "as it was")
    damaged = bench.save("a", "damaged", "unmistakable content")
    for path in bench.packfiles("a"):
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(data.replace(b"unmistakable content", b"unmistakable c0ntent"))
    out = bench.run("at", "a", "sync", "to", "b", code=11)
    assert bench.counts(out) == numbers(selected=2, copied=1, failed=1)
    assert bench.listed("b") == [whole]
    assert damaged in bench.err
    assert str(bench.root / "trees/damaged/file") in bench.err
    assert any(path.name in bench.err for path in bench.packfiles("a"))
    bench.run("plakar", "at", "a", "sync", damaged, "to", "b", code=1)
    bench.run("plakar", "at", "a", "sync", "to", "b", code=3)


def test_defect_a_lost_packfile_fails_its_snapshot(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    for path in bench.packfiles("a"):
        path.unlink()
    bench.run("at", "a", "sync", "to", "b", code=1)
    assert "is missing" in bench.err
    assert bench.listed("b") == []


def test_what_a_packfile_held_that_the_peer_has_lost_is_not_counted_on(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one", "text " * 1000)
    bench.run("at", "a", "sync", "to", "b")
    lost = bench.packfiles("b")
    for packfile in lost:
        packfile.unlink()
    second = bench.save("a", "one", "text " * 1000, "--tag", "second")
    for words in (("--dry-run",), ()):
        assert bench.counts(bench.run("at", "a", "sync", *words, "to", "b")) == numbers(selected=2, copied=1, present=1)
        assert f"lacks packfile {lost[0].name}" in bench.err
    bench.run("at", "b", "check", second)
    bench.run("at", "b", "check", code=11)


def test_defect_content_is_never_taken_from_equal_metadata(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    tree = bench.root / "trees/one"
    for content in ("AAAA", "BBBB"):
        bench.save("a", "one", content, "--cache", "no")
        os.utime(tree / "file", ns=(10**18, 10**18))
        bench.run("at", "a", "backup", "--quiet", "--cache", "no", str(tree))
    bench.run("at", "a", "sync", "to", "b")
    for snapshot in bench.listed("a"):
        word = f"{snapshot}:{tree}/file"
        assert bench.run("at", "b", "cat", word) == bench.run("at", "a", "cat", word)


def test_defect_a_peer_that_was_rolled_back_is_read_as_it_is(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    shutil.copytree(bench.root / "b", bench.root / "old")
    bench.run("at", "a", "sync", "to", "b")
    shutil.rmtree(bench.root / "b")
    (bench.root / "old").rename(bench.root / "b")
    assert bench.counts(bench.run("at", "a", "sync", "to", "b")) == numbers(selected=1, copied=1)
    bench.run("at", "b", "check")


def test_defect_a_snapshot_whose_state_is_lost_is_found(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    for path in (bench.root / "a/states").rglob("*"):
        if path.is_file():
            path.unlink()
    assert bench.listed("a") == []
    assert bench.counts(bench.run("at", "a", "sync", "to", "b"))["copied"] == 1
    assert bench.listed("b") == [snapshot]
    bench.run("at", "b", "check")


def test_a_source_that_cannot_be_written_to_stays_as_it_is(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    before = bench.files("a")
    times = {path: path.stat().st_mtime_ns for path in (bench.root / "a").rglob("*")}
    bench.run("at", "b", "sync", "from", "a")
    assert bench.files("a") == before
    assert {path: path.stat().st_mtime_ns for path in (bench.root / "a").rglob("*")} == times


def test_no_lock_outlives_the_sync(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    bench.run("at", "a", "sync", "to", "b")
    with Repository.open(LocalStore(str(bench.root / "b"))) as peer:
        assert peer.writable_files.keys(Folder.LOCKS) == {}


def test_records(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    records: list[dict[str, Any]] = [
        json.loads(line) for line in bench.run("at", "a", "sync", "--json", "to", "b").splitlines()
    ]
    last = records[-1]
    assert last["type"] == "result"
    assert {word: last["data"][word] for word in WORDS} == numbers(selected=1, copied=1)
    assert last["data"]["ids"] == {"copied": [snapshot], "present": [], "skipped": [], "failed": []}
    for path in bench.packfiles("a"):
        path.unlink()
    shutil.rmtree(bench.root / "b")
    bench.create("b")
    records = [json.loads(line) for line in bench.run("at", "a", "sync", "--json", "to", "b", code=1).splitlines()]
    assert any(record["level"] == "error" and record["snapshot"] == snapshot for record in records)
    assert records[-1]["data"]["failed"] == 1


@pytest.mark.parametrize("face", [(), ("plakar",)])
def test_records_of_what_fails_are_records_to_the_end(bench: Bench, face: tuple[str, ...]) -> None:
    bench.create("a")
    bench.create("b")
    snapshot = bench.save("a", "one")
    repository = Repository.open(LocalStore(str(bench.root / "b")))
    json_first, json_last = (("-json",), ()) if face else ((), ("--json",))
    with repository, HeldLock(repository.writable_files, repository.codec, os.urandom(32), exclusive=True):
        out = bench.run(*face, *json_first, "at", "a", "sync", *json_last, "to", "b", code=1 if face else 12)
    lines = [json.loads(line) for line in out.splitlines()]
    failed = [line for line in lines if line["level"] == "error"]
    assert snapshot in {line["snapshot"] for line in failed}
    assert lines[-1]["type"] == "result"
    assert lines[-1]["data"]["failed"] == 1
    assert lines[-1]["data"]["ids"]["failed"] == [snapshot]
    out = bench.run(*face, *json_first, "at", "a", "sync", *json_last, "to", "missing", code=1 if face else 3)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["level"] for line in lines] == ["error", "quiet"]
    assert "nothing" in lines[0]["data"]["error"]
    assert lines[-1]["type"] == "result"


def test_records_of_names_that_are_no_text(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    tree = bench.root / "trees/one"
    tree.mkdir(parents=True)
    name = b"bad-\xff-name"
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(b"x")
    bench.save("a", "one")
    records = [json.loads(line) for line in bench.run("at", "a", "sync", "--json", "to", "b").splitlines()]
    (path,) = {record["data"]["path_b64"] for record in records if "path_b64" in record.get("data", {})}
    assert base64.b64decode(path).endswith(name)


def test_the_peers_passphrase(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.create("a")
    snapshot = bench.save("a", "one")
    monkeypatch.setenv("PLAKAR_PASSPHRASE", "a passphrase of the peer")
    bench.run("at", "b", "create", "--weak-passphrase")
    monkeypatch.delenv("PLAKAR_PASSPHRASE")
    bench.run("at", "a", "sync", "--peer-passphrase-cmd", "echo wrong", "to", "b", code=13)
    monkeypatch.setenv("PLAIT_PEER_PASSPHRASE", "a passphrase of the peer")
    assert "a passphrase" not in bench.run("at", "a", "sync", "to", "b")
    monkeypatch.delenv("PLAIT_PEER_PASSPHRASE")
    bench.run("store", "add", "peer", str(bench.root / "b"), "passphrase_cmd=echo a passphrase of the peer")
    assert bench.counts(bench.run("at", "a", "sync", snapshot, "to", "@peer"))["present"] == 1


def test_what_was_copied_is_read_back(bench: Bench) -> None:
    bench.create("a")
    bench.create("b")
    bench.save("a", "one")
    bench.run("at", "a", "sync", "--verify", "to", "b")
