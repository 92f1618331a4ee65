"""How words become options and positional words, in every dialect."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.cli.dialects import GO, PFLAG, PLAIT, Dialect
from plait.cli.forms import Command
from plait.cli.grammar import Fault, Given, Lexicon, OptionWordError, did_you_mean, split
from plait.cli.verbs import VERBS
from plait.mirror.option_types import COUNT, INTEGER, SWITCH, TEXT
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType


def option(name: str, short: str = "", kind: ValueType = SWITCH, **more: Any) -> Option:
    return Option(name, kind, None, "", Section.MAIN, short=short, **more)


OPTIONS = OptionSet(
    (
        option("checksum", "c"),
        option("dry-run", "n"),
        option("verbose", "v", COUNT, repeat=Repeat.COUNT),
        option("max-delete", "", INTEGER),
        option("filter", "f", TEXT, repeat=Repeat.APPEND),
        option("cn"),
        option("since", "", TEXT, aliases=("after",)),
    )
)
LEXICON = Lexicon((OPTIONS,))


def said(words: str, dialect: Dialect) -> tuple[list[str], list[str]]:
    line = split(words.split(), LEXICON, dialect)
    shown = [one.spelled + ("" if one.text is None else f"={one.text}") for one in line.given]
    return shown, list(line.texts)


@pytest.mark.parametrize(
    ("words", "given_", "texts"),
    [
        ("a b", [], ["a", "b"]),
        ("-", [], ["-"]),
        ("--checksum a b", ["--checksum"], ["a", "b"]),
        ("a --max-delete 3 b", ["--max-delete=3"], ["a", "b"]),
        ("a --max-delete=3 b", ["--max-delete=3"], ["a", "b"]),
        ("--max-delete -1 a", ["--max-delete=-1"], ["a"]),
        ("-c a -v b", ["-c", "-v"], ["a", "b"]),
        ("-vvc a", ["-v", "-v", "-c"], ["a"]),
        ("-vf x a", ["-v", "-f=x"], ["a"]),
        ("-vfx a", ["-v", "-f=x"], ["a"]),
        ("-f=x a", ["-f=x"], ["a"]),
        ("-vv=3 a", ["-v", "-v=3"], ["a"]),
        ("-c=false a", ["-c=false"], ["a"]),
        ("--checksum=false a", ["--checksum=false"], ["a"]),
        ("a -- --checksum -v", [], ["a", "--checksum", "-v"]),
        ("--filter= a", ["--filter="], ["a"]),
        ("--since x --after=y", ["--since=x", "--after=y"], []),
    ],
)
def test_plait_and_pflag_read_alike(words: str, given_: list[str], texts: list[str]) -> None:
    assert said(words, PFLAG) == (given_, texts)
    assert said(words, PLAIT) == (given_, texts)


@pytest.mark.parametrize(
    ("words", "given_"),
    [
        ("-max-delete 3", ["--max-delete=3"]),
        ("-max-delete=3", ["--max-delete=3"]),
        ("-checksum", ["--checksum"]),
        ("-cn", ["--cn"]),
        ("-nc", ["-n", "-c"]),
        ("-n", ["-n"]),
    ],
)
def test_a_single_dash_is_first_a_long_name_on_plaits_face(words: str, given_: list[str]) -> None:
    assert said(words, PLAIT) == (given_, [])


def test_a_single_dash_is_a_cluster_in_pflag() -> None:
    assert said("-cn", PFLAG) == (["-c", "-n"], [])
    with pytest.raises(OptionWordError):
        said("-checksum", PFLAG)


@pytest.mark.parametrize("dash", ["-", "--"])
def test_go_takes_one_dash_or_two_and_stops_at_the_first_word(dash: str) -> None:
    assert said(f"{dash}max-delete 3 to {dash}checksum", GO) == (["--max-delete=3"], ["to", f"{dash}checksum"])
    assert said(f"{dash}checksum=false x", GO) == (["--checksum=false"], ["x"])
    assert said(f"{dash}checksum -- -x", GO) == (["--checksum"], ["-x"])


def test_go_knows_no_clusters() -> None:
    with pytest.raises(OptionWordError, match="unknown option -nc"):
        said("-nc", GO)


@pytest.mark.parametrize(
    ("words", "fault", "message"),
    [
        ("--nope", Fault.UNKNOWN, "unknown option --nope"),
        ("--nope=1", Fault.UNKNOWN, "unknown option --nope"),
        ("-Z", Fault.UNKNOWN_LETTER, "unknown option -Z"),
        ("-cZ", Fault.UNKNOWN_LETTER, "unknown option -Z in -cZ"),
        ("--max-delete", Fault.NEEDS_VALUE, "--max-delete needs a value: N"),
        ("-cf", Fault.NEEDS_VALUE, "-f needs a value: TEXT"),
        ("--=x", Fault.SYNTAX, "--=x is not an option"),
        ("---x", Fault.SYNTAX, "---x is not an option"),
    ],
)
def test_faults_name_the_word(words: str, fault: Fault, message: str) -> None:
    with pytest.raises(OptionWordError) as caught:
        said(words, PLAIT)
    assert caught.value.fault is fault
    assert caught.value.message.startswith(message)


def test_words_know_where_they_stood_and_whether_they_are_literal() -> None:
    line = split(["-v", "to", "--", "to", "-x"], LEXICON, PLAIT)
    assert [(word.text, word.index, word.literal) for word in line.words] == [
        ("to", 1, False),
        ("to", 3, True),
        ("-x", 4, True),
    ]


def test_an_option_takes_a_value_in_all_forms_or_in_none() -> None:
    with pytest.raises(ValueError, match="'wait' takes a value in one form and none in another"):
        Lexicon((OptionSet((option("wait"),)), OptionSet((option("wait", kind=TEXT),))))
    with pytest.raises(ValueError, match="'w' takes a value"):
        Lexicon((OptionSet((option("wait", "w"),)), OptionSet((option("width", "w", TEXT),))))


def test_every_declared_option_takes_a_value_in_all_verbs_or_in_none() -> None:
    commands = [Command.load(name, verb) for name, verb in VERBS.items()]
    Lexicon(form.options for command in commands for form in command.forms)


def test_did_you_mean() -> None:
    assert did_you_mean("chekcsum", LEXICON.names(), prefix="--") == "did you mean --checksum?"
    assert did_you_mean("zzz", LEXICON.names()) is None


@given(st.lists(st.sampled_from(["a", "b c", "", "-", "to"]), max_size=4), st.sampled_from([PLAIT, PFLAG, GO]))
def test_words_without_options_come_back_as_they_are(words: list[str], dialect: Dialect) -> None:
    assert list(split(words, LEXICON, dialect).texts) == words


@given(st.lists(st.text(max_size=6), max_size=5), st.sampled_from([PLAIT, PFLAG, GO]))
def test_after_two_dashes_everything_is_a_word(words: list[str], dialect: Dialect) -> None:
    line = split(["--", *words], LEXICON, dialect)
    assert list(line.texts) == words
    assert line.given == ()


@given(st.lists(st.text(max_size=8), max_size=6), st.sampled_from([PLAIT, PFLAG, GO]))
def test_any_words_are_read_or_refused(words: list[str], dialect: Dialect) -> None:
    try:
        line = split(words, LEXICON, dialect)
    except OptionWordError as error:
        assert error.spelled in words  # noqa: PT017  (the error is of a property, and may not come)
    else:
        assert all(isinstance(one, Given) for one in line.given)
        assert {word.text for word in line.words} <= set(words)
