"""Plait's own face: from the words of a command line to a command that runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from plait.cli.binding import ForeignOptionError, bind, environment_settings
from plait.cli.dialects import PLAIT
from plait.cli.forms import Choice, Command, Invocation, Situation, load
from plait.cli.grammar import Fault, Lexicon, OptionWordError, did_you_mean, split
from plait.cli.verbs import VERBS
from plait.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.binding import Setting
    from plait.cli.forms import Form
    from plait.cli.grammar import Given, Line
    from plait.model.options import Values

_HELP_HINT = "plait help lists the commands"
_UNBOUNDED = 1000
"""So many words are as many as anybody gives."""


class Located:
    """Where the verb stands in a command line: `rest` is the line without it and without `at REPOSITORY`."""

    def __init__(self, verb: str, at: str | None, rest: tuple[str, ...]) -> None:
        self.verb = verb
        self.at = at
        self.rest = rest


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command line (without the program's name) and returns the exit code. Raises PlaitError."""
    located = locate(arguments)
    if located is None:
        return _help((), environment, arguments)
    command = Command.load(located.verb, VERBS[located.verb])
    line = _split(located.rest, command)
    if _asks_for_help(line):
        return _help(tuple(located.verb.split()), environment, arguments)
    choice = choose(command, located, line, environment)
    form = _form(command, choice)
    words = line.texts if choice.words is None else choice.words
    _check_words(command, form, words)
    values = _values(command, form, line, environment)
    invocation = Invocation(command.name, form, words, values, choice.parts, "plait", environment, tuple(arguments))
    return int(load(form.run)(invocation))


def locate(arguments: Sequence[str]) -> Located | None:
    """The verb, None where there is none and only help can be meant. Raises UsageError."""
    if not arguments:
        return None
    lead = arguments[:3] if arguments[0] == "at" else arguments[:1]
    if any(word.startswith("-") for word in lead):
        return _locate_after_options(arguments)
    return _verb_of([(word, index) for index, word in enumerate(arguments[:4])], arguments)


def choose(command: Command, located: Located, line: Line, environment: Mapping[str, str]) -> Choice:
    """The form that the words mean. Raises UsageError."""
    if command.decide is not None:
        first = command.forms[0]
        values = partial(_values, command, first, _known_to(first, line), environment)
        return command.decide(Situation(line, located.at, _is_directory, environment, values))
    if located.at is not None:
        raise UsageError(f"{command.name} does not work at a repository", hint=f"usage: {command.synopses()[0]}")
    return Choice(command.forms[0].name)


def _known_to(form: Form, line: Line) -> Line:
    """The line without the options of other forms: which form is meant is only being decided."""
    options = form.options
    given = [one for one in line.given if options.named(one.name) or (one.letter and options.short(one.letter))]
    return replace(line, given=tuple(given))


def _locate_after_options(arguments: Sequence[str]) -> Located | None:
    """The verb where options stand before it: those of every command are known then."""
    lexicon = Lexicon(form.options for name, verb in VERBS.items() for form in Command.load(name, verb).forms)
    try:
        line = split(arguments, lexicon, replace(PLAIT, anywhere=False))
    except OptionWordError as error:
        raise _with_hint(error, lexicon, _HELP_HINT) from None
    if line.words and not line.words[0].literal:
        return _verb_of([(word.text, word.index) for word in line.words[:4]], arguments)
    if _asks_for_help(line):
        return None
    raise UsageError("no command", hint=_HELP_HINT)


def _verb_of(words: Sequence[tuple[str, int]], arguments: Sequence[str]) -> Located:
    at: str | None = None
    taken: list[int] = []
    if words[0][0] == "at":
        if len(words) < 3 or words[2][0].startswith("-"):
            raise UsageError("at needs a repository and a command", hint="usage: plait at REPOSITORY COMMAND …")
        at = words[1][0]
        taken = [words[0][1], words[1][1]]
        words = words[2:]
    name, place = words[0]
    two = f"{name} {words[1][0]}" if len(words) > 1 else ""
    taken.append(place)
    if two in VERBS:
        name = two
        taken.append(words[1][1])
    if name not in VERBS:
        raise _unknown_command(name)
    return Located(name, at, tuple(word for index, word in enumerate(arguments) if index not in taken))


def _unknown_command(name: str) -> UsageError:
    below = [verb for verb in VERBS if verb.startswith(name + " ")]
    if below:
        return UsageError(f"{name} needs a word more", hint=f"one of: {', '.join('plait ' + verb for verb in below)}")
    return UsageError(
        f"there is no command {name!r}", hint=did_you_mean(name, VERBS, prefix="plait ", cutoff=0.55) or _HELP_HINT
    )


def _split(rest: Sequence[str], command: Command) -> Line:
    lexicon = command.lexicon()
    try:
        return split(rest, lexicon, PLAIT)
    except OptionWordError as error:
        raise _with_hint(error, lexicon, f"plait {command.name} --help lists the options") from None


def _with_hint(error: OptionWordError, lexicon: Lexicon, otherwise: str) -> OptionWordError:
    if error.fault in {Fault.UNKNOWN, Fault.SYNTAX}:
        word = error.spelled.lstrip("-").partition("=")[0]
        error.hint = error.hint or did_you_mean(word, lexicon.names(), prefix="--")
    error.hint = error.hint or otherwise
    return error


def _asks_for_help(line: Line) -> bool:
    return any(given.text is None and (given.name == "help" or given.letter == "h") for given in line.given)


def _help(words: tuple[str, ...], environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    from plait.cli.own_forms import HELP

    invocation = Invocation("help", HELP, words, bind(HELP.options, ()), {}, "plait", environment, tuple(arguments))
    return int(load(HELP.run)(invocation))


def _form(command: Command, choice: Choice) -> Form:
    try:
        return command.form(choice.form)
    except KeyError:
        hint = "usage: " + "\n       ".join(command.synopses())
        raise UsageError(f"{command.name} does not work on a {choice.form}", hint=hint) from None


def _check_words(command: Command, form: Form, words: Sequence[str]) -> None:
    least, most = form.takes
    if not least <= len(words) <= most:
        wanted = _number(least, most)
        given = len(words)
        hint = "usage: " + "\n       ".join(command.synopses())
        raise UsageError(
            f"{command.name} takes {wanted} word{'s' * (not wanted.endswith('1'))}, not {given}", hint=hint
        )


def _number(least: int, most: int) -> str:
    if least == most:
        return f"{least}"
    if most >= _UNBOUNDED:
        return f"at least {least}"
    return f"{least} to {most}" if least else f"at most {most}"


def _foreign(command: Command, given: Given) -> UsageError:
    option = command.lexicon().named(given.name) if given.name else command.lexicon().lettered(given.letter)
    owners = command.forms_with(option.name) if option else ()
    usages = " or ".join(f"plait {command.name} {form.words}" for form in owners)
    return UsageError(
        f"{given.spelled} belongs to the {' and the '.join(form.name for form in owners)} form", hint=f"usage: {usages}"
    )


def _values(command: Command, form: Form, line: Line, environment: Mapping[str, str]) -> Values:
    settings = [*_file_settings(command, form, environment), *environment_settings(form.options, environment)]
    try:
        return bind(form.options, line.given, settings)
    except ForeignOptionError as error:
        raise _foreign(command, error.given_option) from None


def _file_settings(command: Command, form: Form, environment: Mapping[str, str]) -> list[Setting]:
    from plait.cli.configuration import file_settings

    return file_settings(command, form, environment)


def _is_directory(path: str) -> bool:
    from pathlib import Path

    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False
