"""Help, man pages, the reference and completion: all from the declarations, and current."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plait.cli.commands.completion import BASH, _bash_lines, _bash_words
from plait.cli.completing import Offer, complete
from plait.cli.forms import Command
from plait.cli.fronts.rclone_help import config_help, flags_help, overview, verb_help
from plait.cli.fronts.rclone_more import HIDDEN
from plait.cli.fronts.rclone_verbs import GLOBAL
from plait.cli.fronts.rclone_verbs import VERBS as RCLONE_VERBS
from plait.cli.main import main
from plait.cli.pages.man import overview_man, page_man
from plait.cli.pages.page import EXIT_CODES, page_of
from plait.cli.pages.text import page_text
from plait.cli.reference import outdated, write
from plait.cli.verbs import VERBS
from plait.model.errors import ExitCode

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_a_page(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = page_of(verb)
    text = page_text(page)
    assert text.startswith(f"Usage: plait {verb} ") or f"] {verb} " in text.splitlines()[0]
    assert all(len(line) <= 80 for line in text.splitlines() if not line.lstrip().startswith("plait "))
    for form in Command.load(verb, VERBS[verb]).forms:
        for option in form.options.options:
            assert (f"--{option.name}" in text) is not option.hidden
        assert form.purpose
    assert page_man(page).startswith(f".TH PLAIT-{verb.upper().replace(' ', '-')} 1")


def test_every_exit_code_is_told() -> None:
    assert {int(code) for code, _ in EXIT_CODES} == set(ExitCode)
    assert all(f"\\fB{code}\\fR" in overview_man() for code, _ in EXIT_CODES)


def test_the_reference_and_the_man_pages_are_current() -> None:
    assert outdated(ROOT) == [], "run: python -m plait.cli.reference"


def test_pages_that_differ_or_are_no_more_are_outdated(tmp_path: Path) -> None:
    assert "man/plait.1" in outdated(tmp_path)
    write(tmp_path)
    assert outdated(tmp_path) == []
    (tmp_path / "man/plait-sync.1").write_text("other")
    (tmp_path / "man/plait-gone.1").write_text("x")
    assert outdated(tmp_path) == ["man/plait-gone.1", "man/plait-sync.1"]
    write(tmp_path)
    assert outdated(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (["help"], "Usage: plait COMMAND"),
        ([], "Usage: plait COMMAND"),
        (["--help"], "Usage: plait COMMAND"),
        (["sync", "--help"], "Usage: plait sync"),
        (["sync", "-h", "a"], "Usage: plait sync"),
        (["-h", "sync"], "Usage: plait sync"),
        (["help", "plan", "show"], "Usage: plait plan show"),
        (["help", "plan"], "Usage: plait plan sync"),
        (["help", "--man", "sync"], ".TH PLAIT-SYNC 1"),
    ],
)
def test_help_is_reached(words: list[str], begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words, "plait") == 0
    assert capsys.readouterr().out.startswith(begins)


def test_help_on_what_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "snyc"], "plait") == 2
    assert capsys.readouterr().err.splitlines() == [
        "plait: error: there is no command 'snyc'",
        "plait: hint: did you mean plait help sync?",
    ]


def test_the_front_lists_what_it_takes() -> None:
    listed = [verb for verb in RCLONE_VERBS if " " not in verb and verb not in HIDDEN]
    assert all(f"  {verb} " in overview() for verb in listed)
    assert all(f"  {verb.split()[1]} " in config_help() for verb in RCLONE_VERBS if " " in verb)
    shown = verb_help("sync")
    assert "Usage:\n  rclone sync source:path dest:path [flags]\n" in shown
    assert "  -n, --dry-run " in shown
    assert "      --max-delete int " in shown
    assert "      --exclude stringArray " in shown
    assert "--durable" not in shown
    everything = flags_help()
    assert all((f" --{option.name} " in everything) is not bool(option.no_effect) for option in GLOBAL.options)
    assert flags_help(("max-delete",)).count("--") == 2
    assert flags_help(("--group", "sync", "max-delete", "--name")).count("--") == 2
    assert flags_help(("--group=copy", "max-delete")) == ""


def remotes() -> list[str]:
    return ["disk", "docs"]


@pytest.mark.parametrize(
    ("words", "offered", "paths"),
    [
        (["sy"], ["sync"], ""),
        (["plan", ""], ["sync", "show"], ""),
        (["runs", ""], ["show"], ""),
        (["sync", "d"], ["disk:", "docs:"], "file"),
        (["sync", "a", "di"], ["disk:"], "file"),
        (["sync", "--dry"], ["--dry-run"], ""),
        (["sync", "--log-level", "N"], ["NOTICE"], ""),
        (["sync", "--cutoff-mode="], [f"--cutoff-mode={mode}" for mode in ("HARD", "SOFT", "CAUTIOUS")], ""),
        (["sync", "--dry-run="], ["--dry-run=true", "--dry-run=false"], ""),
        (["sync", "--exclude-from", ""], [], "file"),
        (["sync", "--backup-dir", "do"], ["docs:"], "file"),
        (["apply", ""], [], "file"),
        (["completion", "z"], ["zsh"], ""),
        (["rclone", "s"], ["sha1sum", "size", "sync"], ""),
        (["rclone", "sync", "--delete-e"], ["--delete-excluded"], ""),
        (["at", "@r", "sy"], ["sync"], ""),
        (["sync", "--", "--dry"], [], "file"),
        (["nonsense", "x"], [], ""),
    ],
)
def test_what_completion_offers(words: list[str], offered: list[str], paths: str) -> None:
    offer = complete(words, remotes)
    assert [word for word, _ in offer.words] == offered
    assert offer.paths == paths


def test_a_bash_line_is_split_and_answered_after_its_last_colon() -> None:
    assert _bash_words("plait sync --exclude 'a b' di") == ["sync", "--exclude", "a b", "di"]
    assert _bash_words("plait sync ") == ["sync", ""]
    assert _bash_words("plait sync 'a") == ["sync", "'a"]
    assert _bash_words("") == [""]
    assert _bash_lines(Offer((("--log-level=INFO", ""),)), "--log-level=I") == ["INFO"]
    assert _bash_lines(Offer((("disk:", ""),), "file"), "di") == ["disk:", ":file"]


def test_bash_completes(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(BASH)
    program = (
        f"source {script}; COMP_LINE='plait sync --dry'; COMP_POINT=16; COMP_WORDS=(plait sync --dry); COMP_CWORD=2;"
        '_plait; echo "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
    )
    assert (done.stdout, done.stderr) == ("--dry-run\n", "")
