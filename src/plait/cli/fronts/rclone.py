"""The rclone front: rclone's verbs, flags, words and exit codes over Plait's mirror."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec.structs import replace

from plait.cli.binding import BadValueError, bind, check_value, environment_settings
from plait.cli.dialects import PFLAG
from plait.cli.forms import Form, Invocation, WordsError, load
from plait.cli.fronts.rclone_remotes import CREATING
from plait.cli.fronts.rclone_types import bad_value, quoted
from plait.cli.fronts.rclone_verbs import GLOBAL, HELP, VERBS, VERSION
from plait.cli.grammar import Fault, Lexicon, OptionWordError, split
from plait.cli.output.log import Log
from plait.cli.output.questions import NoAnswerError
from plait.engine.events import Level
from plait.mirror.absent_options import REFUSED, absent_option
from plait.mirror.network_options import dumped
from plait.model.errors import (
    CancelledError,
    ConfigurationError,
    DirectoryNotFoundError,
    ExitCode,
    FatalError,
    FilterError,
    MissingExtraError,
    NotSupportedError,
    PlaitError,
    SecretError,
    UsageError,
)
from plait.model.options import OptionSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.grammar import Given, Line
    from plait.model.options import Values

_ROOT = OptionSet((HELP, VERSION))
_READ_LATE = frozenset({"header", "header-upload", "header-download", "metadata-set"})
"""Options whose values rclone takes apart only once its command line is read."""
_TRANSFERS_NOTHING = frozenset(
    {
        "about",
        "backend",
        "check",
        "checksum",
        "cleanup",
        "dedupe",
        "delete",
        "deletefile",
        "hashsum",
        "link",
        "ls",
        "lsd",
        "lsf",
        "lsjson",
        "lsl",
        "md5sum",
        "mkdir",
        "obscure",
        "purge",
        "rmdir",
        "rmdirs",
        "sha1sum",
        "size",
        "touch",
        "tree",
    }
)
"""Verbs for which `--error-on-no-transfer` ends what went well with 9, unless they download what they compare."""
CONFIG = "config"
"""The verb that has verbs of its own."""


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command line as rclone does. Errors that rclone words by itself are printed here."""
    root = Lexicon((GLOBAL, _ROOT), absent_option)
    try:
        lead = split(arguments, root, replace(PFLAG, anywhere=False))
    except OptionWordError as error:
        return _fatal_usage(flag_words(error), "")
    if not lead.words or lead.words[0].literal:
        return _without_verb(lead)
    verb, places = lead.texts[0], [lead.words[0].index]
    if verb == "help":
        return _help(lead.texts[1:])
    if verb == CONFIG:
        found = _below_config(lead, arguments)
        if found is None:
            named = next((word for word in lead.words[1:] if not word.text.startswith("-")), None)
            return _unknown_config(named.text if named is not None else "", arguments)
        verb, below = found
        places += below
    if verb not in VERBS:
        return _unknown_command(verb)
    rest = [word for position, word in enumerate(arguments) if position not in places]
    try:
        line = split(rest, Lexicon((VERBS[verb].options,), absent_option), PFLAG)
    except OptionWordError as error:
        return _fatal_usage(flag_words(error), verb)
    return run_verb(verb, line, environment, tuple(arguments))


def _below_config(lead: Line, arguments: Sequence[str]) -> tuple[str, list[int]] | None:
    """The verb below `config`, of two or three words, and where its words stand; None where there is none."""
    own = (verb.own for name, verb in VERBS.items() if name.startswith(f"{CONFIG} "))
    try:
        words = split(arguments, Lexicon((GLOBAL, _ROOT, *own), absent_option), PFLAG).words[1:]
    except OptionWordError:
        words = tuple(word for word in lead.words[1:] if not word.text.startswith("-"))
    for count in (1, 2):
        verb = " ".join([CONFIG, *(word.text for word in words[:count])])
        if verb in VERBS:
            return verb, [word.index for word in words[:count]]
    return None


def flag_words(error: OptionWordError) -> str:
    """Pflag's words for an option word that cannot be read."""
    letter = error.letters[:1]
    match error.fault:
        case Fault.UNKNOWN:
            why = REFUSED.get(error.name)
            return f"unknown flag: --{error.name}{f' ({why})' if why else ''}"
        case Fault.UNKNOWN_LETTER:
            return f"unknown shorthand flag: '{letter}' in -{error.letters}"
        case Fault.NEEDS_VALUE:
            return f"flag needs an argument: {f'--{error.name}' if error.name else f'{letter!r} in -{error.letters}'}"
        case Fault.SYNTAX:
            return f"bad flag syntax: {error.spelled}"


def run_verb(verb: str, line: Line, environment: Mapping[str, str], arguments: tuple[str, ...]) -> int:
    """Runs a verb whose words are split already."""
    from plait.cli.fronts.rclone_help import verb_help, verb_usage

    front = VERBS[verb]
    if any(given.text is None and (given.name == "help" or given.letter == "h") for given in line.given):
        return _print(verb_help(verb))
    log = Log(Level.NOTICE)
    values = _values(verb, line, environment, log)
    if isinstance(values, int):
        return values
    name = verb.rpartition(" ")[2]
    count = len(line.words)
    least, most = front.takes
    if not least <= count <= most:
        bound = f"{least} arguments minimum" if count < least else f"{most} arguments maximum"
        words = " ".join(quoted(word) for word in line.texts)
        _complain(
            f"{verb_usage(verb)}\nCommand {name} needs {bound}: you provided {count} non flag arguments: [{words}]"
        )
        return ExitCode.USAGE
    contradiction = _contradiction(values)
    if contradiction:
        return _critical(log, contradiction)
    if dumped(values):
        log.write(Level.NOTICE, "Automatically setting -vv as --dump is enabled")
        values = replace(values, parsed={**values.parsed, "verbose": 2})
    form = Form("mirror", front.words, front.takes, front.run, front.options)
    try:
        code = rclone_code(
            int(load(form.run)(Invocation(name, form, line.texts, values, {}, "rclone", environment, arguments)))
        )
    except WordsError as error:
        return _fatal_usage(error.message, verb)
    except PlaitError as error:
        return _end(name, error, log)
    return ExitCode.NO_TRANSFER if code == ExitCode.DONE and _transferred_nothing(verb, values) else code


def _transferred_nothing(verb: str, values: Values) -> bool:
    if not values.error_on_no_transfer or getattr(values, "download", False):
        return False
    return verb in _TRANSFERS_NOTHING or (verb == "rcat" and values.dry_run)


def _live(known: OptionSet, given: Sequence[Given]) -> list[Given]:
    """The options that are about something that is there. Raises BadValueError for a bad value of any other."""
    live: list[Given] = []
    for one in given:
        absent = absent_option(one.name) if one.name and known.named(one.name) is None else None
        if absent is None:
            live.append(one)
        else:
            check_value(absent, one)
    return live


def _values(verb: str, line: Line, environment: Mapping[str, str], log: Log) -> Values | int:
    """What the options say; the exit code where one cannot be read."""
    front = VERBS[verb]
    try:
        settings = environment_settings(front.options, environment, prefixes=("RCLONE_",))
        return bind(front.bound, _live(front.bound, line.given), settings)
    except BadValueError as error:
        if error.option.name not in _READ_LATE:
            return _fatal_usage(bad_value(error.option, error.text, error.reason), verb)
        return _critical(log, error.reason)
    except ConfigurationError as error:
        return _critical(log, error.message)


def _critical(log: Log, words: str) -> int:
    log.critical(words)
    return ExitCode.FAILED


def _contradiction(values: Values) -> str:
    """Rclone's words for options of the log that contradict each other, "" where none do."""
    if values.verbose and values.quiet:
        return "Can't set -v and -q"
    for given, letter in ((values.verbose, "v"), (values.quiet, "q")):
        if given and values.was_given("log_level"):
            return f"Can't set -{letter} and --log-level"
    return ""


def rclone_code(code: int) -> int:
    """Rclone's exit code for one of Plait's: what it has no code for is 1."""
    return code if code <= ExitCode.DURATION_LIMIT or code >= ExitCode.INTERRUPTED else ExitCode.FAILED


def _end(verb: str, error: PlaitError, log: Log) -> int:
    """Says what ended a verb before its attempts could."""
    if isinstance(error, FatalError):
        log.write(Level.NOTICE, f"Failed to {verb}: {error.message}")
    elif isinstance(error, FilterError):
        text = f'Failed to initialise global options: failed to reload "filter" options: {error.message}'
        return _critical(log, text)
    elif isinstance(error, ConfigurationError) and _is_global(error):
        text = f'Failed to initialise global options: failed to reload "main" options: {error.message}'
        return _critical(log, text)
    elif isinstance(error, ConfigurationError | UsageError | SecretError | NotSupportedError):
        named = error.key and not error.message.startswith(CREATING)
        # What is missing is told with the command that installs it: the original has nothing of the kind.
        text = f"{error.message}: {error.hint}" if isinstance(error, MissingExtraError) else error.message
        log.critical(f"{CREATING} {quoted(error.key or '')}: {text}" if named else text)
        return ExitCode.FAILED
    elif isinstance(error, DirectoryNotFoundError) and verb in {"ls", "size"}:
        # Told twice, and so counted.
        log.write(Level.ERROR, f"error listing: {error.message}")
        log.write(Level.NOTICE, f"Failed to {verb} with 2 errors: last error was: {error.message}")
    elif isinstance(error, NoAnswerError):
        log.critical(error.message)
    elif not isinstance(error, CancelledError):
        log.write(Level.NOTICE, f"Failed to {verb}: {error.message}")
    return rclone_code(error.exit_code)


def _is_global(error: ConfigurationError) -> bool:
    """True for what rclone finds when it reads its options."""
    from plait.mirror.refinements import COMPARE_AND_COPY

    return error.message == COMPARE_AND_COPY or error.message.startswith("--partial-suffix: ")


def _without_verb(line: Line) -> int:
    from plait.cli.fronts.rclone_help import overview, root_help

    names = {given.name or given.letter for given in line.given}
    if names & {"help", "h"}:
        return _print(root_help())
    if names & {"version", "V"}:
        return int(load(VERBS["version"].run)(None))
    _complain(overview())
    return ExitCode.USAGE


def _help(words: Sequence[str]) -> int:
    from plait.cli.fronts.rclone_help import flags_help, overview

    return _print(flags_help(words[1:]) if words[:1] == ("flags",) else overview())


def _unknown_command(name: str) -> int:
    words = f'unknown command "{name}" for "rclone"'
    _complain(f"Error: {words}\nRun 'rclone --help' for usage.\n")
    return _fatal(words)


def _unknown_config(name: str, arguments: Sequence[str]) -> int:
    """What stands after `config` is no verb; a session of questions, as rclone has it, is not offered."""
    from plait.cli.fronts.rclone_help import config_help

    if {"-h", "--help"} & set(arguments):
        return _print(config_help())
    _complain(config_help())
    if name:
        _complain(f"Command {CONFIG} needs 0 arguments maximum: you provided 1 non flag arguments: [{quoted(name)}]")
        return ExitCode.USAGE
    _complain("\nThere is no session of questions here: use config create, update and delete.")
    return ExitCode.FAILED


def _fatal_usage(words: str, verb: str) -> int:
    from plait.cli.fronts.rclone_help import root_usage, verb_usage

    _complain(f"Error: {words}\n{verb_usage(verb) if verb else root_usage()}\n")
    return _fatal(words)


def _fatal(words: str) -> int:
    Log(Level.NOTICE).write(Level.NOTICE, f"Fatal error: {words}")
    return ExitCode.USAGE


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


def _print(text: str) -> int:
    print(text)
    return ExitCode.DONE
