"""Upkeep of a repository in a bucket: all of it in one run, and another passphrase in another place."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from plait.cli.main import main
from plait.repository import rekeying

if TYPE_CHECKING:
    from pathlib import Path

    from plait.testing.servers import S3Endpoint


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def home(tmp_path: Path, seaweedfs: S3Endpoint, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two snapshots in `@here`, which is not encrypted; `@there` is another place."""
    monkeypatch.setenv("HOME", str(tmp_path))
    tree = tmp_path / "tree"
    tree.mkdir()
    host = seaweedfs.url.partition("//")[2]
    settings = ["access_key=plait-test-key", "secret_access_key=plait-test-secret", "use_tls=false"]
    for name in ("here", "there"):
        assert main(["store", "add", name, f"s3://{host}/{bucket}/{name}", *settings]) == 0
    assert main(["at", "@here", "create", "--plaintext"]) == 0
    # More than the random padding of packfiles.
    for content in (random.Random(1).randbytes(4 << 20), b"two"):
        (tree / "file").write_bytes(content)
        assert main(["at", "@here", "backup", "--silent", str(tree)]) == 0
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert main([*words]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_passphrase_changes_by_a_move_to_another_place(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = said(capsys, "at", "@here", "ls")
    monkeypatch.setenv("PLAIT_NEW_PASSPHRASE", "correct horse")
    change = ["at", "@here", "passphrase", "change", "--to"]
    assert main(["at", "@here", "passphrase", "change"]) == 2
    assert main([*change, "@here"]) == 2
    before = (home / ".config/plakar/stores.yml").read_bytes()
    with monkeypatch.context() as patch:

        def killed(*_: object, **__: object) -> None:
            raise Killed

        patch.setattr(rekeying, "check", killed)
        with pytest.raises(Killed):
            main([*change, "@there"])
    assert (home / ".config/plakar/stores.yml").read_bytes() == before
    assert said(capsys, "at", "@here", "ls") == listed
    assert main(["at", "@there", "ls"]) != 0

    assert main([*change, "@there"]) == 0
    monkeypatch.setenv("PLAKAR_PASSPHRASE", "correct horse")
    assert said(capsys, "at", "@here", "ls") == listed
    assert said(capsys, "at", "@here-old", "ls") == listed
    assert said(capsys, "at", "@there", "ls") == listed
    assert main(["at", "@here", "check"]) == 0
    # The old one is kept under the name that a second change would give it.
    assert main([*change, "@third"]) != 0


def test_the_space_comes_back_in_one_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del home
    before = json.loads(said(capsys, "at", "@here", "stats", "--json")[-1])
    upkeep = ("--maintenance", "--repack", "--threshold", "100%", "--no-grace")
    said(capsys, "at", "@here", "prune", "--per-year", "1", "--apply", *upkeep)
    after = json.loads(said(capsys, "at", "@here", "stats", "--json")[-1])
    assert (before["snapshots"], after["snapshots"]) == (2, 1)
    assert after["packfiles_size"] < before["packfiles_size"]
    assert main(["at", "@here", "check"]) == 0
