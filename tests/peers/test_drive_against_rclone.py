"""Google Drive by Plait beside the real rclone, both on one server that speaks the documented API; no account."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plait.cli.main import main
from plait.testing.drive import Served, serve_drive
from plait.testing.drive_account import DOCUMENT, FOLDER, SHORTCUT, Drive, Fault

MASKS = (
    (re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "), ""),
    (re.compile(r" \(using (Dir)?SetModTime\)"), ""),
    (re.compile(r"Copied \(Rcat, new\)"), "Copied (new)"),
    (re.compile(r"file-\d+-"), "file-"),
    (re.compile(r"--config=\S+"), ""),
)
Ours = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_drive(tmp_path_factory.mktemp("drive")) as served:
        yield served


@pytest.fixture
def account(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RCLONE_CA_CERT", str(server.authority))
    monkeypatch.chdir(tmp_path)
    fill(server)
    return server


def fill(served: Served) -> Drive:
    """An account with a bit of everything, and a remote `gd:` in rclone.conf for it."""
    served.drive.__dict__.update(Drive(page_size=2).__dict__)
    drive = served.drive
    docs = drive.folder("docs")
    drive.add("a.txt", b"hello\n", parent=docs)
    drive.add("it's a \\ name.txt", b"quoted\n", parent=docs)
    sub = drive.folder("sub", docs)
    drive.add("b.bin", b"x" * 600_000, parent=sub, mime_type="application/octet-stream")
    drive.add("dup.txt", b"one", parent=docs)
    drive.add("dup.txt", b"two!", parent=docs, modified="2021-01-01T00:00:00.000Z")
    drive.add("Report", None, parent=docs, mime_type=DOCUMENT)
    drive.add("Form", None, parent=docs, mime_type="application/vnd.google-apps.form")
    drive.add("thrown away", b"old", parent=docs, trashed=True)
    target = drive.add("elsewhere.txt", b"led to\n", parent=drive.folder("other"))
    details = {"targetId": target, "targetMimeType": "text/plain"}
    drive.add("short.txt", None, parent=docs, mime_type=SHORTCUT, shortcutDetails=details)
    details = {"targetId": drive.named("other")[0].fields["id"], "targetMimeType": FOLDER}
    drive.add("way", None, parent=docs, mime_type=SHORTCUT, shortcutDetails=details)
    Path("rclone.conf").write_text(served.section("gd"))
    return drive


@pytest.fixture
def ours(capfd: pytest.CaptureFixture[str]) -> Ours:
    def run(*words: str) -> tuple[int, list[str], list[str]]:
        capfd.readouterr()
        code = main([*words, "--config=rclone.conf"], "rclone")
        sys.stdout.flush()
        said = capfd.readouterr()
        return code, lines(said.out), lines(said.err)

    return run


def theirs(rclone: Path, *words: str) -> tuple[int, list[str], list[str]]:
    done = subprocess.run([rclone, *words, "--config=rclone.conf"], capture_output=True, text=True, check=False)
    return done.returncode, lines(done.stdout), lines(done.stderr)


def lines(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        for pattern, replacement in MASKS:
            line = pattern.sub(replacement, line)  # noqa: PLW2901  (each mask works on what the last one left)
        if line.strip():
            found.append(line.rstrip())
    return sorted(found)


LOOKS = [
    "lsf -R gd:",
    "lsf gd:docs -F pstmi",
    "lsjson gd:docs",
    "lsl gd:docs --drive-skip-gdocs",
    "lsd gd:",
    "tree gd:docs",
    "md5sum gd:docs/sub",
    "cat gd:docs/Report.docx",
    "cat gd:docs/short.txt",
    "cat gd:docs/sub/b.bin --offset 599990",
    "about gd:",
    "size gd:docs",
    "link gd:docs/a.txt",
    "lsf gd:nosuch",
    "lsf gd:docs --drive-export-formats pdf",
    "lsf gd:docs --drive-export-formats url,link.html",
    "cat gd:docs/Report.url --drive-export-formats url",
    "lsf gd:docs --drive-skip-shortcuts",
    "lsf gd:docs --drive-trashed-only",
]


@pytest.mark.parametrize("line", LOOKS)
@pytest.mark.usefixtures("account")
def test_looking(line: str, rclone: Path, ours: Ours) -> None:
    # Of one file rclone lists all that is beside it, and tells what it left out there.
    compared = slice(2 if line.startswith("cat") else 3)
    assert ours(*line.split())[compared] == theirs(rclone, *line.split())[compared]


CHANGES = [
    "sync gd:docs out --skip-links",
    "sync gd:docs out -n",
    "sync tree gd:new",
    "sync tree gd:docs --stats 0",
    "copy tree gd:docs/sub --drive-chunk-size 256Ki --drive-upload-cutoff 256Ki",
    "copyto tree/a.txt gd:docs/a.txt",
    "moveto gd:docs/a.txt gd:docs/sub/c.txt",
    "deletefile gd:docs/a.txt",
    "deletefile gd:docs/a.txt --drive-use-trash=false",
    "delete gd:docs --include *.txt",
    "mkdir gd:x/y/z",
    "rmdir gd:docs",
    "purge gd:docs/sub",
    "touch gd:docs/a.txt -t 2021-02-03T04:05:06",
    "cleanup gd:",
    "move gd:docs gd:moved/to",
    "move gd:docs/sub gd:docs",
    "rmdirs gd:docs",
    "rmdir gd:docs/way",
    "purge gd:docs/way",
    "purge gd:docs --drive-use-trash=false",
    "deletefile gd:docs/short.txt",
    "moveto gd:docs/short.txt gd:shorter.txt",
    "delete gd:docs/way --min-size 5",
    "copyto tree/a.txt gd:docs/short.txt",
    "dedupe skip gd:docs",
    "dedupe newest gd:docs",
    "dedupe oldest gd:docs",
    "dedupe largest gd:docs",
    "dedupe smallest gd:docs",
    "dedupe list gd:docs",
]


@pytest.mark.parametrize("line", CHANGES)
def test_changing(line: str, account: Served, rclone: Path, ours: Ours) -> None:
    left = []
    for original in (True, False):
        for name, content in {"a.txt": b"other\n", "n/new.txt": b"new\n", "large.bin": b"y" * 700_000}.items():
            path = Path("tree", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, ns=(1_600_000_000_123_000_000,) * 2)
        drive = fill(account)
        code, _, _ = theirs(rclone, *line.split()) if original else ours(*line.split())
        out = {str(path): brief(path.read_bytes()) for path in sorted(Path().glob("out/**/*")) if path.is_file()}
        shutil.rmtree("out", ignore_errors=True)
        kept = sorted(
            (held.fields["name"], brief(held.content), held.fields["trashed"], seen(held.fields))
            for held in drive.files.values()
            if held.content is not None
        )
        left.append((code, kept, sorted(drive.tree()), out))
    assert left[1] == left[0]


def brief(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def seen(fields: dict[str, str]) -> str:
    """The time of a file, unless the program gave it that of the moment."""
    modified = fields["modifiedTime"]
    return "now" if modified.startswith("2026") else modified


def test_a_renewed_token_is_written_back(account: Served, ours: Ours) -> None:
    path = Path("rclone.conf")
    path.write_text("# a comment\n" + account.section("gd", expired=True))
    path.chmod(0o600)
    assert ours("lsf", "gd:docs/sub")[:2] == (0, ["b.bin"])
    text = path.read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("token = ")]
    token = json.loads(line.removeprefix("token = "))
    assert text.startswith("# a comment\n")
    assert token["access_token"] in account.drive.tokens
    assert token["refresh_token"] == account.drive.refresh_token
    assert path.stat().st_mode & 0o777 == 0o600
    asked = [request for request in account.drive.requests if request[1].endswith("/token")]
    assert ours("lsf", "gd:docs/sub")[0] == 0
    assert [request for request in account.drive.requests if request[1].endswith("/token")] == asked


def test_rclone_goes_on_with_the_token_that_was_written_back(account: Served, rclone: Path, ours: Ours) -> None:
    Path("rclone.conf").write_text(account.section("gd", expired=True))
    assert ours("lsf", "gd:docs/sub")[0] == 0
    account.drive.refresh_token = "another one"
    assert theirs(rclone, "lsf", "gd:docs/sub")[:2] == (0, ["b.bin"])


def test_a_token_that_cannot_be_renewed_is_one_clear_error(account: Served, ours: Ours) -> None:
    Path("rclone.conf").write_text(account.section("gd", expired=True))
    account.drive.refresh_token = "another one"
    code, output, log = ours("lsf", "gd:docs/sub")
    assert (code, output) == (1, [])
    assert len(log) == 1
    assert "couldn't renew the token: invalid_grant" in log[0]


def test_a_shared_drive(account: Served, rclone: Path, ours: Ours) -> None:
    drive = account.drive
    drive.drives["shared-1"] = "Ours"
    drive.add("Ours", None, parent="", mime_type=FOLDER, id="shared-1", driveId="shared-1")
    held = next(held for held in drive.files.values() if held.fields["id"] == "shared-1")
    drive.files["shared-1"] = held
    drive.add("in.txt", b"shared\n", parent="shared-1", driveId="shared-1")
    Path("rclone.conf").write_text(account.section("gd", team_drive="shared-1", root_folder_id=""))
    assert ours("lsf", "gd:") == theirs(rclone, "lsf", "gd:") == (0, ["in.txt"], [])
    assert ours("cat", "gd:in.txt")[1] == ["shared"]


def test_what_is_shared_with_me(account: Served, rclone: Path, ours: Ours) -> None:
    account.drive.add("from a friend.txt", b"hi\n", parent="unknown", sharedWithMe=True)
    words = ("lsf", "gd:", "--drive-shared-with-me")
    assert ours(*words) == theirs(rclone, *words) == (0, ["from a friend.txt"], [])


@pytest.mark.usefixtures("account")
def test_a_service_account(ours: Ours) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    credentials = {
        "type": "service_account",
        "client_email": "robot@example.com",
        "private_key": pem.decode(),
        "private_key_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    Path("service.json").write_text(json.dumps(credentials))
    Path("rclone.conf").write_text("[gd]\ntype = drive\nservice_account_file = service.json\n")
    assert ours("lsf", "gd:docs/sub")[:2] == (0, ["b.bin"])
    embedded = json.dumps(credentials)
    Path("rclone.conf").write_text(f"[gd]\ntype = drive\nservice_account_credentials = {embedded}\n")
    assert ours("lsf", "gd:docs/sub")[:2] == (0, ["b.bin"])


def test_abuse_is_acknowledged_only_where_asked(account: Served, ours: Ours) -> None:
    (held,) = account.drive.named("a.txt")
    held.fields["abusive"] = True
    assert ours("cat", "gd:docs/a.txt")[:2] == (1, [])
    assert ours("cat", "gd:docs/a.txt", "--drive-acknowledge-abuse")[:2] == (0, ["hello"])


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_passing_faults_are_passed_over(status: int, account: Served, ours: Ours) -> None:
    reason = "userRateLimitExceeded" if status == 403 else "backendError"
    account.drive.faults.append(Fault(status, reason, times=2, path="/drive/v3/files"))
    assert ours("cat", "gd:docs/a.txt")[:2] == (0, ["hello"])


def test_a_full_account_loses_nothing(account: Served, ours: Ours) -> None:
    Path("new").write_bytes(b"z" * 10)
    account.drive.faults.append(Fault(403, "storageQuotaExceeded", times=99, path="/upload/"))
    code, _, log = ours("copyto", "new", "gd:docs/a.txt", "--retries=1")
    assert code == 1
    assert any("storageQuotaExceeded" in line for line in log)
    assert account.drive.named("a.txt")[0].content == b"hello\n"


@pytest.mark.usefixtures("account")
def test_without_the_library_the_command_that_installs_it_is_named(ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.stores.drive import client

    client.library.cache_clear()
    monkeypatch.setitem(sys.modules, "googleapiclient.discovery", None)
    code, _, log = ours("lsf", "gd:")
    assert code == 1
    assert "Google Drive needs Google's client library" in log[0]
    assert "pip install 'plait[drive]'" in log[0]


def test_a_client_of_rclones_own_is_not_played(account: Served, ours: Ours) -> None:
    section = account.section("gd", expired=True)
    Path("rclone.conf").write_text(re.sub(r"client_(id|secret) = .*\n", "", section))
    code, _, log = ours("lsf", "gd:")
    assert code == 1
    assert "only the client that it was made for can renew it" in log[0]
