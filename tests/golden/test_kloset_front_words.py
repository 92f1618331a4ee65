"""The plakar front ends command lines that go wrong as the original does: text, stream and status."""

from __future__ import annotations

import os
import pwd
import tarfile
from pathlib import Path

import pytest

from plait.cli.main import main

FOLDER = Path(__file__).parent / "kloset"
FIRST, SECOND = "2305a19d", "66ce6a90"
ELSEWHERE = 'To specify an alternative repository, please use "plakar at <location> <command>".\n'


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with the repository `plain` in it."""
    with tarfile.open(FOLDER / "plain.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        ("-keyfile nosuch version", 1, "", "plakar: could not read key file: open nosuch: no such file or directory\n"),
        ("at plain at plain ls", 1, "", "command not found: at\n"),
        ("at plain create -plaintext", 1, "plakar: directory {}/plain is not empty\n", ""),
        ("at new create -hashing MD5", 1, "", "plakar: plakar: unknown hashing algorithm\n"),
        ("at plain backup -packfiles nosuch .", 1, "plakar: stat nosuch: no such file or directory\n", ""),
        (f"at plain diff {FIRST}:docs zz:x", 1, "plakar: diff: could not open snapshot: zz\n", ""),
        (
            f"at plain diff {FIRST}:docs/page.html {SECOND}:docs",
            1,
            "plakar: diff: could not diff pathnames: can't diff different file types\n",
            "",
        ),
        (
            "at foo:bar ls",
            66,
            "",
            (
                "plakar: backend 'foo' does not exist\n"
                f"plakar: failed to open the repository at foo:bar: backend 'foo' does not exist\n{ELSEWHERE}"
            ),
        ),
        (
            "at plain/CONFIG ls",
            66,
            "",
            (
                "plakar: failed to open the repository at fs://{0}/plain/CONFIG: "
                f"open {{0}}/plain/CONFIG/CONFIG: not a directory\n{ELSEWHERE}"
            ),
        ),
        (
            "at no.ptar ls",
            66,
            "",
            (
                "plakar: failed to open the repository at ptar://{0}/no.ptar: "
                f"open {{0}}/no.ptar: no such file or directory\n{ELSEWHERE}"
            ),
        ),
    ],
)
def test_a_line_that_goes_wrong(
    line: str, code: int, out: str, err: str, directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plakar", *line.split()]) == code
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == (out.format(directory), err.format(directory))


def test_a_path_that_a_snapshot_has_not_fails_its_check(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "check", f"{FIRST}:nosuch"]) == 65
    assert f"{FIRST}: KO ✘ /data/src/nosuch: file does not exist\n" in capfd.readouterr().err


def test_a_file_that_is_checked_is_named(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "check", f"{FIRST}:docs/page.html"]) == 0
    assert f"{FIRST}: OK ✓ /data/src/docs/page.html\n" in capfd.readouterr().out


def test_listings_are_the_same_lines_with_json(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "ls"]) == 0
    plain = capfd.readouterr().out
    assert main(["plakar", "-json", "at", f"{directory}/plain", "ls"]) == 0
    assert capfd.readouterr().out == plain


def test_filters_do_not_narrow_the_snapshot_that_is_looked_in(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("at", f"{directory}/plain", "locate", "-snapshot", FIRST, "-name", "second", "page.html")
    assert main(["plakar", *words]) == 0
    shown = capfd.readouterr()
    assert shown.out == f"{FIRST}:/data/src/docs/page.html\n"
    assert shown.err == "warn: snapshot specified, filters will be ignored\n"


@pytest.mark.usefixtures("directory")
def test_the_default_repository_is_where_the_user_database_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "registered"
    entry = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd((*entry[:5], str(home), *entry[6:])))
    assert main(["plakar", "ls"]) == 66
    assert f"fs://{home}/.plakar" in capfd.readouterr().err


def test_links_that_lead_to_the_same_do_not_differ(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["at", f"{directory}/plain", "diff", "--recursive", FIRST, FIRST]) == 0
    assert {line.partition(":")[0] for line in capfd.readouterr().out.splitlines()} == {"Common subdirectories"}
