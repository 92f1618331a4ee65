"""The plakar front prints of the golden repositories what the original printed of them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from plait.cli.main import main
from plait.cli.output.snapshots import user_name

Captured = pytest.CaptureFixture[bytes]
FOLDER = Path(__file__).parent / "kloset"
PLAINTEXT = ["plain", "sha256-nocompress", "errors", "removed", "dup", "xattr-change", "interrupted", "archive.ptar"]
ENCRYPTED = ["encrypted", "archive-encrypted.ptar"]


class Front:
    """A golden repository on disk, the front that works on it, and the original's words."""

    def __init__(self, name: str, directory: Path, captured: Captured) -> None:
        self.story: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
        self._captured = captured
        if name.endswith(".ptar"):
            self.path = FOLDER / name
        else:
            with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
                archive.extractall(directory, filter="data")
            self.path = directory / name

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main(["plakar", "at", str(self.path), *words]) == code
        return self._captured.readouterr().out.decode("utf-8", "surrogateescape")


@pytest.fixture(params=PLAINTEXT)
def front(request: pytest.FixtureRequest, tmp_path: Path, capsysbinary: Captured) -> Front:
    return Front(request.param, tmp_path, capsysbinary)


@pytest.fixture(params=ENCRYPTED)
def locked(
    request: pytest.FixtureRequest, tmp_path: Path, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch
) -> Front:
    front = Front(request.param, tmp_path, capsysbinary)
    monkeypatch.setenv("PLAKAR_PASSPHRASE", front.story["passphrase"])
    return front


def shown(text: str) -> str:
    """The original's text, with the name that this machine gives to the user 1000."""
    return text.replace("   alice", f"{user_name(1000):>8}")


def test_snapshots_are_listed(front: Front) -> None:
    assert front("ls", "-uuid", "-tags") == front.story["ls_uuid_tags"]


def test_what_a_repository_is(front: Front) -> None:
    assert front("info") == front.story["info"]


def test_what_snapshots_hold(front: Front) -> None:
    for snapshot in front.story["snapshots"]:
        assert front("info", snapshot["id"]) == snapshot["info"]


def test_an_encrypted_repository(locked: Front) -> None:
    assert locked("info") == locked.story["info"]


def test_errors_of_a_backup_are_shown(front: Front) -> None:
    for snapshot in front.story["snapshots"]:
        assert front("info", "-errors", snapshot["id"]) == shown(snapshot["errors"])


def test_everything_in_a_snapshot_is_listed(front: Front) -> None:
    for snapshot in front.story["snapshots"][:2]:
        found = front("ls", "-recursive", f"{snapshot['id']}:/").splitlines()
        assert sorted(found) == sorted(shown(snapshot["ls_recursive"]).splitlines())


def test_a_wrong_or_missing_passphrase_ends_at_once(
    tmp_path: Path, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = Front("encrypted", tmp_path, capsysbinary)
    monkeypatch.setenv("PLAKAR_PASSPHRASE", "wrong")
    assert front("ls", code=77) == ""
    monkeypatch.delenv("PLAKAR_PASSPHRASE")
    monkeypatch.setattr("sys.stdin", None)
    assert front("ls", code=77) == ""
