"""The plakar front ends command lines that go wrong as the original does: text, stream and status."""

from __future__ import annotations

import json
import os
import pwd
import tarfile
from pathlib import Path

import pytest

from plait.cli.main import main

FOLDER = Path(__file__).parent / "kloset"
FIRST, SECOND = "2305a19d", "66ce6a90"
ELSEWHERE = 'To specify an alternative repository, please use "plakar at <location> <command>".\n'


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the repository `plain` is; nobody writes to it."""
    directory = tmp_path_factory.mktemp("golden")
    with tarfile.open(FOLDER / "plain.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    return directory


@pytest.fixture
def directory(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with the repository in it."""
    monkeypatch.chdir(unpacked)
    monkeypatch.setenv("HOME", str(tmp_path))
    return unpacked


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        ("-keyfile nosuch version", 1, "", "plakar: could not read key file: open nosuch: no such file or directory\n"),
        ("at plain at plain ls", 1, "", "command not found: at\n"),
        ("at plain create -plaintext", 1, "plakar: directory {}/plain is not empty\n", ""),
        ("at new create -hashing MD5", 1, "", "plakar: plakar: unknown hashing algorithm\n"),
        ("at plain backup -packfiles nosuch .", 1, "plakar: stat nosuch: no such file or directory\n", ""),
        (f"at plain diff {FIRST}:docs zz:x", 1, "plakar: diff: could not open snapshot: zz:x\n", ""),
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


STATE = "2305a19d6c2b068d7f6c88720bded81139d8588dbc2cb8ad363e831ca0a88b13"
PACKFILE = "2f0d26115682064b7084fe5f06e2ae45bd6a5207e63f9f8030e7336043b6e7d1"
OBJECT = "02d9f054b5e46cf733d59e57ecb1e2e61234cc1e92167075f849942763cc8111"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("locks", f"[{SECOND}5a97225a0f20cf431aae015e36ec1c8adb393db18193336f10476491] Got shared access on "),
        ("state", f"{STATE}\n"),
        (f"state {STATE}", "Version: v1.1.0\nCreation: 2026-11-21 05:49:32.559584107 +0000 UTC\nState serial: 0000"),
        ("packfile", f"{PACKFILE}\n"),
        (f"packfile {PACKFILE}", "blob[0]: "),
        (f"object {OBJECT}", "  type: "),
        (f"search {SECOND}:docs text/plain", f"{SECOND}:/data/src/docs/sub/h3\n{SECOND}:/data/src/docs/text.txt\n"),
        (
            f"chunks {SECOND}:big/random5m",
            "mac=ce6276d6b158895b7c435f8dc299e2306580c3e7ebac2b6ccdbd91d02c16856f entropy=7.999878\n",
        ),
        (f"contenttype {SECOND}:/text", "/text/plain/data/src/docs/text.txt\n"),
        (f"xattr {SECOND}:xattr", "/data/src/xattr/a user.x 1\n"),
        (f"snapshot {SECOND}", "VFS: {9cde74bfd4629defdbfe14288069ac77a4ae8522a5e53fce06ef6aaa234499c5 a811a0c0"),
        (f"vfs {SECOND}:docs", "Below.MinEntropy: 3.418215\n"),
        (f"vfs {SECOND}:docs", "Directory.AvgEntropy: 3.519996\n"),
        (f"vfs {SECOND}:xattr/two", "ExtendedAttributes: [user.a user.b user.c]\n"),
        ("", "Snapshots: 3\nSize: 16 MiB (16885716 bytes)\n"),
    ],
)
def test_a_look_at_a_part(line: str, shown: str, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "diag", *line.split()]) == 0
    assert shown in capfd.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("snapshot", "usage: diag snapshot snapshot SNAPSHOT"),
        ("object zz", "invalid object hash: zz"),
        ("vfs 66ce:nosuch", "file does not exist"),
        ("chunks 66ce:docs", "no object for path: /data/src/docs"),
        ("chunkmap x", "diag chunkmap is not in this version"),
    ],
)
def test_a_part_that_there_is_not(line: str, said: str, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "diag", *line.split()]) == 1
    assert f"plakar: {said}\n" in "".join(capfd.readouterr())


@pytest.mark.parametrize("line", ["ls", "check --fast", "info"])
def test_without_words_the_default_repository_is_meant(
    line: str, directory: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAKAR_REPOSITORY", f"{directory}/plain")
    assert main(line.split()) == 0
    assert capfd.readouterr().out


@pytest.mark.usefixtures("directory")
def test_each_face_says_its_own_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "add"]) == 2
    assert "Usage: plait store add <name>" in capfd.readouterr().err
    assert main(["plakar", "store", "add"]) == 1
    assert "Usage: plakar store add <name>" in capfd.readouterr().out


def test_what_is_above_the_saved_directory_is_not_listed_where_no_path_is_named(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "check", FIRST]) == 0
    listed = capfd.readouterr().out.splitlines()
    assert f"{FIRST}: OK ✓ /data/src" in listed
    assert f"{FIRST}: OK ✓ /data" not in listed
    assert main(["plakar", "at", f"{directory}/plain", "check", f"{FIRST}:/"]) == 0
    assert set(capfd.readouterr().out.splitlines()) > {f"{FIRST}: OK ✓ /", f"{FIRST}: OK ✓ /data", *listed[:-1]}


def test_files_that_changed_are_not_mentioned_unless_recursively(
    directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (directory / "tree").mkdir()
    for text in ("one", "two"):
        (directory / "tree/file").write_text(text)
        assert main(["at", f"{directory}/plain", "backup", "--silent", f"{directory}/tree"]) == 0
    capfd.readouterr()
    assert main(["plakar", "at", f"{directory}/plain", "ls"]) == 0
    newer, older = (line.split()[1] for line in capfd.readouterr().out.splitlines()[:2])
    words = [f"{older}:{directory}/tree", f"{newer}:{directory}/tree"]
    assert main(["plakar", "at", f"{directory}/plain", "diff", *words]) == 0
    assert capfd.readouterr().out == ""
    assert main(["plakar", "at", f"{directory}/plain", "diff", "-recursive", *words]) == 0
    assert "-one" in capfd.readouterr().out
    assert main(["at", f"{directory}/plain", "diff", *words]) == 0
    assert "-one" in capfd.readouterr().out
    (directory / "tree/more").touch()
    assert main(["at", f"{directory}/plain", "diff", "--json", words[0], f"{directory}/tree"]) == 0
    changed, more = map(json.loads, capfd.readouterr().out.splitlines())
    path = f"{directory}/tree/file"
    assert (changed["difference"], changed["path"], changed["other"]) == ("content", path, path)
    assert "-one" in changed["unified"]
    assert more == {"difference": "only in second", "path": f"{directory}/tree/more"}
    assert main(["at", f"{directory}/plain", "diff", older, "tree"]) == 3
    assert "a path of this machine is written ./tree" in capfd.readouterr().err


def test_an_archive_of_no_snapshot_says_so(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", "archive", "ffff:x"]) == 1
    assert capfd.readouterr().out == "plakar: archive: could not open snapshot: ffff:x\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "server -listen nonsense",
            "info: listening on http://nonsense\nplakar: listen tcp: address nonsense: missing port in address\n",
        ),
        (
            "mount -to http://here:xx",
            "info: HTTP serving at http://here:xx\nplakar: listen tcp: lookup tcp/xx: unknown port\n",
        ),
    ],
)
def test_an_address_that_is_none(line: str, said: str, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "at", f"{directory}/plain", *line.split()]) == 1
    assert capfd.readouterr() == (said, "")
