"""Where values come from, which source wins, and what is said of a bad one."""

from pathlib import Path
from typing import Any

import pytest

from plait.cli.binding import BadValueError, ForeignOptionError, Setting, bind, environment_settings
from plait.cli.configuration import configuration_file, file_settings
from plait.cli.dialects import PLAIT
from plait.cli.forms import Command
from plait.cli.grammar import Lexicon, split
from plait.cli.verbs import VERBS
from plait.mirror.option_types import COUNT, INTEGER, PATTERN, SWITCH, choice
from plait.model.errors import ConfigurationError, ExitCode
from plait.model.options import Option, OptionSet, Repeat, Section, Values

MAX_DELETE = Option("max-delete", INTEGER, -1, "", Section.DELETE, rclone=True)
EXCLUDE = Option("exclude", PATTERN, (), "", Section.FILTER, repeat=Repeat.APPEND, rclone=True)
VERBOSE = Option("verbose", COUNT, 0, "", Section.OUTPUT, short="v", repeat=Repeat.COUNT, rclone=True)
DRY_RUN = Option("dry-run", SWITCH, default=False, help="", section=Section.MAIN, short="n")
MODE = Option("mode", choice("MODE", "HARD", "SOFT"), "HARD", "", Section.MAIN, environment=("OLD_MODE",))
OPTIONS = OptionSet((MAX_DELETE, EXCLUDE, VERBOSE, DRY_RUN, MODE))


def values(words: str, environment: dict[str, str] | None = None, *settings: Setting, **more: Any) -> Values:
    line = split(words.split(), Lexicon((OPTIONS,)), PLAIT)
    return bind(OPTIONS, line.given, [*settings, *environment_settings(OPTIONS, environment or {}, **more)])


def test_defaults() -> None:
    found = values("")
    assert (found.max_delete, found.exclude, found.verbose, found.dry_run, found.mode) == (-1, (), 0, False, "HARD")
    assert found.given == {}


def test_the_last_one_wins_and_lists_collect() -> None:
    found = values("--max-delete 1 --max-delete=2 --exclude a --exclude b -vv -n --mode soft")
    assert (found.max_delete, found.exclude, found.verbose, found.dry_run) == (2, ("a", "b"), 2, True)
    assert found.mode == "SOFT"
    assert set(found.given.values()) == {"command line"}


def test_a_switch_takes_a_value_after_an_equals_sign_only() -> None:
    assert values("-n --dry-run=false").dry_run is False
    assert values("-n=0").dry_run is False
    assert split(["-n", "false"], Lexicon((OPTIONS,)), PLAIT).texts == ("false",)


def test_sources_by_strength() -> None:
    file = Setting(MAX_DELETE, ("5",), "plait.toml, [sync] max-delete")
    assert values("", None, file).max_delete == 5
    assert values("", {"RCLONE_MAX_DELETE": "6"}, file).max_delete == 6
    assert values("", {"RCLONE_MAX_DELETE": "6", "PLAIT_MAX_DELETE": "7"}, file).max_delete == 7
    assert values("--max-delete 8", {"PLAIT_MAX_DELETE": "7"}, file).max_delete == 8
    assert values("", {"PLAIT_MAX_DELETE": "7"}, file).given["max_delete"] == "PLAIT_MAX_DELETE=7"


def test_lists_collect_and_counts_go_on_over_all_sources() -> None:
    file = Setting(EXCLUDE, ("a", "b"), "plait.toml")
    assert values("--exclude e", {"RCLONE_EXCLUDE": 'c,"d,d"'}, file).exclude == ("a", "b", "c", "d,d", "e")
    assert values("-v", {"RCLONE_VERBOSE": "1"}).verbose == 2
    assert values("--verbose=1", {"RCLONE_VERBOSE": "2"}).verbose == 1


def test_only_some_variables_count_on_a_front() -> None:
    assert values("", {"PLAIT_MAX_DELETE": "7"}, prefixes=("RCLONE_",)).max_delete == -1
    assert values("", {"OLD_MODE": "soft"}).mode == "SOFT"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("--max-delete x", "--max-delete=x: not a whole number", None),
        ("--dry-run=maybe", "--dry-run=maybe: not true or false", "use true or false"),
        ("-n=maybe", "-n=maybe: not true or false", "use true or false"),
        ("--mode firm", "--mode=firm: no such choice", "use one of HARD, SOFT"),
    ],
)
def test_a_bad_value_names_option_value_and_what_is_allowed(words: str, message: str, hint: str | None) -> None:
    with pytest.raises(BadValueError) as caught:
        values(words)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_bad_setting_names_its_source() -> None:
    with pytest.raises(ConfigurationError) as caught:
        values("", {"PLAIT_MAX_DELETE": "x"})
    assert caught.value.message == "PLAIT_MAX_DELETE=x: not a whole number"


def test_an_option_of_another_form_is_told_apart() -> None:
    line = split(["--max-delete", "1"], Lexicon((OPTIONS,)), PLAIT)
    with pytest.raises(ForeignOptionError):
        bind(OptionSet((EXCLUDE,)), line.given)


def from_file(text: str, tmp_path: Path, verb: str = "sync") -> Values:
    environment = {"PLAIT_CONFIG_DIR": str(tmp_path)}
    configuration_file(environment).write_text(text)
    command = Command.load(verb, VERBS[verb])
    form = command.forms[0]
    return bind(form.options, (), file_settings(command, form, environment))


def test_a_file_sets_defaults_for_all_and_for_one_command(tmp_path: Path) -> None:
    text = """
        [defaults]
        transfers = 8
        max-delete = 1
        exclude = ["*.tmp"]
        [sync]
        max-delete = 2
        exclude = ["*.bak", "*~"]
        checksum = true
        max-age = "2d"
    """
    found = from_file(text, tmp_path)
    assert (found.transfers, found.max_delete, found.exclude) == (8, 2, ("*.tmp", "*.bak", "*~"))
    assert found.checksum is True
    assert found.given["max_delete"] == f"{tmp_path}/plait.toml, [sync] max-delete"
    assert from_file(text, tmp_path, "plan sync").max_delete == 2
    copied = from_file(text, tmp_path, "copy")
    assert (copied.transfers, copied.exclude) == (8, ("*.tmp",))


def test_no_file_is_no_setting(tmp_path: Path) -> None:
    command = Command.load("sync", VERBS["sync"])
    assert file_settings(command, command.forms[0], {"PLAIT_CONFIG_DIR": str(tmp_path / "none")}) == []


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("transfers = 8", "there is no table \\[transfers\\]", "options stand in tables"),
        ("[snyc]\nmax-delete = 1", "there is no table \\[snyc\\]", "sync"),
        ("[sync]\nmax-delte = 1", "\\[sync\\] has no key max-delte", "did you mean max-delete"),
        ("[copy]\nmax-delete = 1", "\\[copy\\] has no key max-delete", None),
        ("[sync]\ndry-run = true", "\\[sync\\] has no key dry-run", None),
        ("[sync]\nmax-delete = [1]", "max-delete takes one value", None),
        ("[sync]\nexclude = [{}]", "exclude takes text, numbers", None),
        ("[sync]\nmax-delete = 'x'", "\\[sync\\] max-delete: not a whole number", None),
        ("[secrets.other]\nfile = 'x'", "\\[secrets\\] has no key other", None),
        ("[sync", "plait.toml: ", None),
    ],
)
def test_a_file_with_a_mistake_is_refused(text: str, message: str, hint: str | None, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        from_file(text, tmp_path)
    assert hint is None or hint in (caught.value.hint or "")
