"""What the plakar front does in corners: streams, links, filters and words that hold nothing."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest

from plait.cli.main import main

FOLDER = Path(__file__).parent / "kloset"
FIRST, SECOND = "2305a19d", "66ce6a90"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the repository `plain` is; nobody writes to it."""
    directory = tmp_path_factory.mktemp("golden")
    with tarfile.open(FOLDER / "plain.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    return directory


@pytest.fixture(autouse=True)
def _directory(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory, with the repository in it."""
    monkeypatch.chdir(unpacked)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_contents_are_restored_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Events go to standard error then: the original writes them into the contents."""
    assert main(["plakar", "at", "plain", "restore", "-to", "stdout:", f"{FIRST}:docs/page.html"]) == 0
    page, events = capfd.readouterr()
    assert events == f"{FIRST}: OK ✓ /page.html\n"
    assert main(["plakar", "at", "plain", "cat", f"{FIRST}:docs/page.html"]) == 0
    assert capfd.readouterr().out == page != ""


def test_contents_of_a_directory_are_restored_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "-quiet", "at", "plain", "restore", "-to", "stderr:", f"{FIRST}:deep"]) == 0
    restored = capfd.readouterr().err
    assert main(["plakar", "at", "plain", "ls", "-recursive", f"{FIRST}:deep"]) == 0
    files = [line.split(" ", 2)[-1] for line in capfd.readouterr().out.splitlines() if " -rw" in line]
    paths = [f"{FIRST}:/{line.split(' /', 1)[1]}" for line in files]
    assert main(["plakar", "at", "plain", "cat", *paths]) == 0
    assert capfd.readouterr().out == restored


def test_a_restore_follows_links_as_listings_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tree" / "folder").mkdir(parents=True)
    (tmp_path / "tree" / "folder" / "file").write_text("content")
    (tmp_path / "tree" / "link").symlink_to("folder")
    (tmp_path / "tree" / "nowhere").symlink_to("nothing")
    assert main(["plakar", "at", "repository", "create", "-plaintext"]) == 0
    assert main(["plakar", "at", "repository", "backup", "tree"]) == 0
    assert main(["plakar", "at", "repository", "restore", "-to", "out", ":link"]) == 0
    assert (tmp_path / "out" / "file").read_text() == "content"
    capfd.readouterr()
    assert main(["plakar", "at", "repository", "restore", "-to", "out", ":nowhere"]) == 1
    assert capfd.readouterr().out == "plakar: file does not exist\n"


def test_filters_beside_a_snapshot_are_warned_of(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", "plain", "restore", "-to", "stdout:", "-name", "none", FIRST]) == 1
    assert capfd.readouterr() == (
        "plakar: no snapshots found\n",
        "warn: snapshot specified, filters will be ignored\n",
    )


def test_settings_of_a_place_without_a_value_are_true(tmp_path: Path) -> None:
    target = str(tmp_path / "out")
    assert main(["plakar", "at", "plain", "restore", "-o", "x", "-to", target, f"{FIRST}:docs/page.html"]) == 0


def test_a_file_is_no_place_to_restore_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("kept")
    assert main(["plakar", "at", "plain", "restore", "-to", str(tmp_path / "file"), FIRST]) == 1
    assert capfd.readouterr().out == f"plakar: {tmp_path}/file is a file not a directory\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_source_code_is_coloured_in_a_pipe(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    path = f"{FIRST}:docs/page.html"
    assert main(["plakar", "at", "plain", "cat", path]) == 0
    plain = capfd.readouterr().out
    assert main(["plakar", "at", "plain", "cat", "-highlight", path]) == 0
    coloured = capfd.readouterr().out
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_the_path_that_is_missing_is_named_with_its_side(capfd: pytest.CaptureFixture[str]) -> None:
    lead = "plakar: diff: could not diff pathnames: could not open path"
    assert main(["plakar", "at", "plain", "diff", f"{FIRST}:docs/page.html", f"{SECOND}:nope"]) == 1
    assert capfd.readouterr().out == f"{lead} /data/src/nope in snapshot {SECOND}: file does not exist\n"
    assert main(["plakar", "at", "plain", "diff", f"{FIRST}:/data/src/docs/page.html"]) == 1
    path = "data/src/docs/page.html"
    reason = f"open {path}: no such file or directory"
    assert capfd.readouterr().out == f"{lead} {path} in snapshot local: {reason}\n"


@pytest.mark.parametrize("flags", [["-type", "fs"], ["-origin", "golden"], ["-tag", "!x"]])
def test_nothing_is_removed_by_what_the_original_takes_for_no_filter(
    flags: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plakar", "at", "plain", "rm", *flags]) == 1
    assert capfd.readouterr().err == "plakar: no filter specified, not going to remove everything\n"


def test_an_empty_word_asks_for_facts_of_the_repository(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", "plain", "info", ""]) == 0
    assert "\nSnapshots: 3\n" in capfd.readouterr().out


def test_quiet_lines_win_over_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "-quiet", "-json", "at", "plain", "check", f"{FIRST}:docs/page.html"]) == 0
    assert capfd.readouterr().out.startswith(f"{FIRST}: check completed without errors in ")


def test_a_store_that_is_not_configured_is_told_by_all_commands(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", "@nope", "version"]) == 1
    assert capfd.readouterr() == ("", "plakar: could not resolve repository: @nope\n")


def test_a_directory_that_was_there_stays_as_open_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o750)
    for name in ("shared", "own"):
        assert main(["plakar", "at", str(tmp_path / name), "create", "-plaintext"]) == 0
    modes = {path: (tmp_path / path).stat().st_mode & 0o777 for path in ("shared", "shared/states", "own")}
    assert modes == {"shared": 0o750, "shared/states": 0o700, "own": 0o700}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version: v1.0.0\nstores: []\n", "it is no map of places"),
        (
            "version: v1.0.0\nstores:\n  a:\n    location: /x\n  a: {}\n",
            'line 5: mapping key "a" already defined at line 3',
        ),
        ("a: [\n", "line 2: expected the node content, but found '<stream end>'"),
        ("version: v9.9.9\nstores: {}\n", "version is no map of text"),
        ("a: &a {location: *a}\n", "line 1: found unconstructable recursive node"),
    ],
)
def test_a_broken_configuration_stops_every_command(
    text: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And is left as it is: a key that stands twice would lose an entry when the file is written."""
    (tmp_path / "stores.yml").write_text(text)
    for line in (["at", "plain", "ls"], ["version"], ["store", "add", "new", "/new"]):
        assert main(["plakar", "-configdir", str(tmp_path), *line]) == 1
        err = f"plakar: could not load configuration: {tmp_path}/stores.yml: failed to parse config file: {reason}\n"
        assert capfd.readouterr() == ("", err)
    assert (tmp_path / "stores.yml").read_text() == text


@pytest.mark.parametrize("text", ["", "version: v1.0.0\n", "version: v1.0.0\nstores: null\n", "{}"])
def test_a_configuration_that_names_nothing_takes_entries(text: str, tmp_path: Path) -> None:
    (tmp_path / "stores.yml").write_text(text)
    assert main(["plakar", "-configdir", str(tmp_path), "store", "add", "new", "/new", "empty="]) == 0
    written = 'version: v1.0.0\nstores:\n    new:\n        empty: ""\n        location: /new\n'
    assert (tmp_path / "stores.yml").read_text() == written


def test_null_is_no_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stores.yml").write_text("version: v1.0.0\nstores:\n  a: {location: /x, n: null, q: 'null', t: ~}\n")
    assert main(["plakar", "-configdir", str(tmp_path), "store", "show", "-json", "a"]) == 0
    assert capfd.readouterr().out == '{"a":{"location":"/x","n":"","q":"null","t":""}}\n'


def test_a_source_that_is_not_there_fails_its_check(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    configuration = ["plakar", "-configdir", str(tmp_path)]
    assert main([*configuration, "source", "add", "gone", "/nowhere/at/all"]) == 0
    for action in ("check", "ping"):
        assert main([*configuration, "source", action, "gone"]) == 1
        assert capfd.readouterr().out == "plakar: lstat /nowhere/at/all: no such file or directory\n"
    assert main([*configuration, "destination", "add", "odd", "bogus://x"]) == 0
    assert main([*configuration, "destination", "ping", "odd"]) == 1
    assert capfd.readouterr().out == "plakar: unsupported exporter protocol\n"


def test_states_that_are_gone_are_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("plain", tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "states")
    assert main(["plakar", "at", str(tmp_path / "copy"), "ls"]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("warn: there are packfiles, and no state names them: ")


def test_what_is_left_out_is_named_on_both_faces(capfd: pytest.CaptureFixture[str]) -> None:
    """A device: a snapshot says nothing of its numbers."""
    from plait.cli.output.work import EventLines, Output
    from plait.repository.events import Warned

    for front, line in ((True, "warn: left out: /null\n"), (False, "plait: warning: /null: left out\n")):
        EventLines(Output(front=front))(Warned("left out", "/null"))
        assert capfd.readouterr().err == line


def test_a_place_that_takes_no_writes_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["plakar", "at", str(tmp_path / "repository"), "create", "-plaintext"]) == 0
    shutil.rmtree(tmp_path / "repository" / "locks")
    (tmp_path / "repository" / "locks").write_text("in the way")
    assert main(["plakar", "at", str(tmp_path / "repository"), "backup", str(tmp_path / "empty")]) == 1
    assert capfd.readouterr().out.startswith("plakar: locks/")


def test_errors_show_no_control_character_of_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = f"{tmp_path}/\x1b[31m\udcffred"
    assert main(["plakar", "at", place, "ls"]) == 66
    assert f"{tmp_path}/?[31m" in capfd.readouterr().err
    assert main(["plakar", "help", "\x1b]0;title\x07"]) == 1
    assert "\x1b" not in "".join(capfd.readouterr())


def test_lists_of_directories_and_places_of_blobs(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", "plain", "diag", "dirpack", f"{FIRST}:/data/src/big"]) == 0
    assert capfd.readouterr().out.splitlines()[:1] == ["=" * 47]
    assert main(["plakar", "at", "plain", "diag", "dirpack", f"{FIRST}:/data/src"]) == 0
    lines = capfd.readouterr().out.splitlines()
    (list_of_big,) = [line for line in lines if line.startswith("/data/src/big ")]
    inside = [line.split() for line in lines if line.startswith("vfs-entry ") and " /data/src/big " in line]
    assert [(words[2], words[4], words[5]) for words in inside] == [
        ("/data/src/big", "2", "random5m"),
        ("/data/src/big", "2", "sparse"),
    ]
    assert main(["plakar", "at", "plain", "diag", "blobsearch", list_of_big.split()[1]]) == 0
    found = capfd.readouterr().out
    assert re.match(r"Found candidate \[[0-9a-f]{64}\] in packfile \[[0-9a-f]{64}\] at : \d+ \d+ object\n", found)
    assert "\n  type: application/octet-stream\n" in found


@pytest.mark.parametrize(
    ("words", "code", "err"),
    [
        ("blob", 1, "plakar: usage: diag blob blob type mac\n"),
        ("dirpack", 1, "plakar: usage: diag dirpack dirpack SNAPSHOT[:PATH]\n"),
        ("object -h", 0, "Usage of diag objects:\n"),
        ("state -h", 0, "Usage of diag state:\n"),
    ],
)
def test_looks_at_parts_say_how_they_are_used(
    words: str, code: int, err: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plakar", "at", "plain", "diag", *words.split()]) == code
    assert capfd.readouterr() == ("", err)
