"""Named jobs of `plait.toml`: listed, run, and refused where they are wrong."""

import json
from pathlib import Path

import pytest

from plait.cli.main import main

JOBS = """\
[jobs.photos]
source = "{base}/s"
destination = "{base}/d"
exclude = ["*.tmp", "*.bak"]
create-empty-src-dirs = true

[jobs.look]
command = "check"
source = "{base}/s"
destination = "{base}/d"
one-way = true
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAIT_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("PLAIT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "s/empty").mkdir(parents=True)
    (tmp_path / "s/a").write_text("1")
    (tmp_path / "s/b.tmp").write_text("2")
    (tmp_path / "plait.toml").write_text(JOBS.format(base=tmp_path))
    return tmp_path


def test_jobs_are_listed_as_what_they_stand_for(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs"], "plait") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"photos  plait sync --exclude=*.tmp --exclude=*.bak --create-empty-src-dirs=true {place}/s {place}/d",
        f"look    plait check --one-way=true {place}/s {place}/d",
    ]
    assert main(["jobs", "--json"], "plait") == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["photos", "look"]


def test_a_job_runs_with_the_options_of_the_call(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "photos", "--dry-run"], "plait") == 0
    assert not (place / "d").exists()
    assert main(["run", "photos"], "plait") == 0
    assert sorted(path.name for path in (place / "d").iterdir()) == ["a", "empty"]
    capsys.readouterr()
    assert main(["run", "-v", "look"], "plait") == 1
    assert "file not in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[jobs.x]\nsource = "a"\n', "[jobs.x] needs a destination"),
        ('[jobs.x]\nsource = "a"\ndestination = "b"\ncommand = "purge"\n', "command is one of sync, copy, move, check"),
        ('[jobs.x]\nsource = "a"\ndestination = "b"\nexlude = "*"\n', "[jobs.x] has no key exlude"),
        ("[jobs]\nx = 1\n", "[jobs] holds tables: [jobs.x]"),
    ],
)
def test_a_wrong_job_is_refused(place: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "plait.toml").write_text(text)
    assert main(["run", "x"], "plait") == 1
    assert said in capsys.readouterr().err
    assert main(["run", "y"], "plait") == 1


def test_a_job_that_is_not_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "fotos"], "plait") == 1
    assert "did you mean photos?" in capsys.readouterr().err
    (place / "plait.toml").unlink()
    assert main(["jobs"], "plait") == 0
    assert "no job is configured" in capsys.readouterr().out
