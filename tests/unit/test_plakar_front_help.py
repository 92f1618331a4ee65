"""The plakar front explains itself: usages in the original's words and on its streams, and manual pages."""

from __future__ import annotations

import pytest

from plait.cli.fronts.go_flags import FlagError, parse
from plait.cli.fronts.plakar_commands import FRONT, HIDDEN
from plait.cli.main import main
from plait.cli.repository_options import LOCATION

STORE_USAGE = """\
Usage: store
       store add <name> <location> [<option>=<value>]...
       store check <name>
       store import [-config <location>] [-overwrite] [-rclone] [<section>...]
       store ping <name>
       store rm <name>
       store set <name> [<option>=<value>...]
       store show [<name>...]
       store unset <name> <option>...
"""
IMPORT_FLAGS = """\
  -config string
    \timport from a file
  -overwrite
    \toverwrite existing configurations
  -rclone
    \timport using rclone
"""


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        ("store -h", 0, "", STORE_USAGE),
        ("store add -h", 0, "Usage: plakar store add <name> <location> [<key>=<value>...]\n", ""),
        ("store import -h", 0, "Usage: plakar store import [OPTIONS] <section>...\n", IMPORT_FLAGS),
        ("source rm -x", 2, "Usage: plakar source rm <name>\n", "flag provided but not defined: -x\n"),
        ("policy add -h", 0, "Usage: plakar policy add <name> [<key>=<value>...]\n", ""),
        ("policy unset -h", 0, "Usage: plakar policy unset <name> <key>...\n", ""),
    ],
)
def test_actions_show_how_they_are_used(
    line: str, code: int, out: str, err: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["plakar", *line.split()]) == code
    assert capfd.readouterr() == (out, err)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("create", '  -hashing string\n    \thashing algorithm to use for digests (default "BLAKE3")\n'),
        ("ptar", "  -kloset value\n    \tadd a kloset location to include in the ptar archive"),
        ("server", '  -listen string\n    \taddress to listen on (default "localhost:9876")\n'),
    ],
)
def test_usages_call_flags_what_the_original_calls_them(
    command: str, said: str, capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = str(tmp_path_factory.mktemp("nothing"))
    assert main(["plakar", "at", place, command, "-h"]) == 0
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("name", sorted({command.split()[0] for command in FRONT} | {"help", "query"}))
def test_each_command_has_a_manual_page(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "help", name]) == 0
    page, err = capfd.readouterr()
    section, kind = (7, "Miscellaneous Information") if name == "query" else (1, "General Commands")
    assert page.startswith(f"PLAKAR-{name.upper()}({section}) - {kind} Manual\n\nNAME\nplakar-{name} - ")
    parts = ["DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO", *(["SYNOPSIS"] if name != "query" else [])]
    assert [part for part in parts if f"\n{part}\n" not in page] == []
    assert err == ""


def test_pages_describe_the_flags_of_all_actions(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "help", "store"]) == 0
    page = capfd.readouterr().out
    assert "plakar store unset <name> <option>...\n" in page
    assert "\n-rclone\n" in page
    assert "\n-secrets\n" in page


def test_location_flags_have_one_page(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "help", "ls"]) == 0
    assert "-per-day" not in capfd.readouterr().out
    assert main(["plakar", "help", "query"]) == 0
    assert "\n-per-day N\n" in capfd.readouterr().out


def test_the_page_of_the_program_lists_all_commands(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "help"]) == 0
    page = capfd.readouterr().out
    names = {command.split()[0] for command in FRONT} - HIDDEN | {"help"}
    assert [name for name in names if f"\n{name:<12} " not in page] == []


@pytest.mark.parametrize("words", ["nosuch", "store add", "ls extra"])
def test_a_page_that_is_not_there(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "help", *words.split()]) == 1
    name = words.replace(" ", "-")
    assert capfd.readouterr() == (
        f"plakar: open docs/plakar-{name}.md: file does not exist\n",
        f"unknown command: {name}\n",
    )


def test_help_takes_flags(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plakar", "help", "-style", "dark", "version"]) == 0
    assert capfd.readouterr().out.startswith("PLAKAR-VERSION(1)")
    assert main(["plakar", "help", "-x"]) == 2
    assert capfd.readouterr().err.startswith("flag provided but not defined: -x\nUsage: help [OPTIONS]\n")


@pytest.mark.parametrize(("text", "reason"), [("x", "parse error"), ("9" * 20, "value out of range")])
def test_what_is_no_number_and_what_is_too_large_a_one(text: str, reason: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(["-days", text], LOCATION)
    assert caught.value.message == f'invalid value "{text}" for flag -days: {reason}'
