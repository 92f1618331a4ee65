"""The plakar front: plakar's commands, flags, words and exit codes over Plait's repositories."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

from plait.cli.directories import cache_directory
from plait.cli.forms import Form, Invocation, load
from plait.cli.fronts.go_flags import FlagError, defaults, parse
from plait.cli.fronts.plakar_commands import ABSENT, FRONT, GLOBAL, HELP, HIDDEN, Needs
from plait.cli.fronts.plakar_words import GLOBAL_WORDS, flag_words
from plait.cli.output.work import sanitized
from plait.cli.repositories import AT, RefusedError, RepositoryCommand, configuration_directory
from plait.model.errors import (
    CancelledError,
    ConfigurationError,
    IntegrityError,
    ObjectNotFoundError,
    PlaitError,
    SecretError,
)
from plait.model.options import Values
from plait.repository.format.frames import NewerVersionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.fronts.plakar_commands import FrontCommand
    from plait.repository.places import Place

_USAGE: Final = 2
_NO_REPOSITORY: Final = 66
_NOT_UNLOCKED: Final = 77
_WRONG_VERSION: Final = 78
_NAME: Final = "plakar"
_HELP_FLAGS: Final = frozenset(("h", "help"))
_TELLING_EVENTS: Final = frozenset({"backup", "check", "dup", "prune", "ptar", "restore", "rm", "sync"})
"""The commands that write events with `-json`."""


class Stop(Exception):  # noqa: N818  (it is no error: it ends a command line with what was said already)
    """The command line ends here with an exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command line as plakar does; what goes wrong is said here."""
    began = time.monotonic_ns()
    try:
        values, rest = _globals(arguments, environment)
        code = _command(values, rest, arguments, environment)
    except Stop as stop:
        return stop.code
    if values.time:
        from plait.model.values.durations import show_go_duration

        print(f"time: {show_go_duration(time.monotonic_ns() - began)}")
    return code


def _globals(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[Values, list[str]]:
    """The global options, and the words after them."""
    import os

    try:
        values, line = parse(arguments, GLOBAL)
    except FlagError as error:
        if not error.wants_help:
            _complain(error.message)
        _complain("\n".join(_usage(environment)))
        raise Stop(0 if error.wants_help else _USAGE) from None
    if values.config:
        _complain("Option -config is deprecated, please use -configdir instead")
        values = Values(values.options, {"configdir": values.config, **values.parsed}, values.given)
    if values.disable_security_check or values.enable_security_check:
        print(f"security check {'disabled' if values.disable_security_check else 'enabled'}")
        raise Stop(0)
    cores = os.cpu_count() or 1
    if values.cpu is not None and values.cpu <= 0:
        _refuse(f"invalid -cpu value {values.cpu}")
    if values.cpu is not None and values.cpu > cores:
        _refuse(f"can't use more cores than available: {cores}")
    if values.concurrency == 0:
        _refuse("invalid -concurrency value 0")
    _refuse_unreadable(values.keyfile)
    return values, list(line.texts)


def _refuse_unreadable(key_file: str) -> None:
    """A key file that is not there stops every command. It is not read here: what it is may be read only once."""
    import os

    if key_file and not os.access(key_file, os.R_OK):
        from plait.cli.passphrases import from_key_file

        try:
            from_key_file(key_file)
        except ConfigurationError as error:
            _refuse(error.message)


def _command(values: Values, words: list[str], arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    if not words:
        _complain(f"{_NAME}: a subcommand must be provided")
        _complain("\n".join(_listing()))
        return 1
    parts: dict[str, str] = {}
    if words[0] == "at":
        if len(words) < 3:
            moment = time.strftime("%Y/%m/%d %H:%M:%S")
            missing = "plakar repository" if len(words) < 2 else "command"
            _complain(f"{moment} {_NAME}: missing {missing}")
            return 1
        parts[AT] = words[1]
        words = words[2:]
    if words[0] == "help":
        return _help(words[1:])
    name, rest = _lookup(words)
    front = FRONT[name]
    if name not in _TELLING_EVENTS or values.quiet or values.silent or values.stdio or values.trace:
        # What lists something prints the same lines, whoever reads them.
        values = Values(values.options, {**values.parsed, "json": False}, values.given)
    form = Form(_NAME, "", front.takes, front.function, front.options)
    invocation = Invocation(name, form, tuple(rest), values, parts, _NAME, environment, tuple(arguments))
    with RepositoryCommand(invocation) as command:
        return _run(command, front, rest)


def _run(command: RepositoryCommand, front: FrontCommand, rest: list[str]) -> int:
    _load_configuration(command)
    if front.needs is Needs.REPOSITORY:
        _open(command)
    elif front.needs is Needs.LOCATION or (command.location.startswith("@") and not front.group):
        # What is named wrongly is told also where it is of no use.
        _resolve(command)
    try:
        own, line = parse(rest, front.options)
        _refuse_second_tag(command.invocation.command, own)
    except FlagError as error:
        return _show_usage(front, command.invocation.command, "" if error.wants_help else error.message)
    least, most = front.takes
    if not least <= len(line.words) <= most:
        _refuse(front.few if len(line.words) < least else front.many)
    command.take(own, line.texts)
    # Whoever reads JSON finds errors there as well, and nothing but JSON.
    stream = sys.stderr if command.values.json else sys.stdout
    try:
        return int(load(front.function)(command))
    except (RefusedError, SecretError) as error:
        _refuse(error.message)
    except CancelledError:
        _complain(f"{_NAME}: received interrupt signal, stopping gracefully...")
        print(f"{_NAME}: interrupted", file=stream)
        return 1
    except PlaitError as error:
        sys.stdout.flush()
        if front.needs is Needs.LOCATION and error.message.startswith("backend "):
            _refuse(error.message)
        missing = isinstance(error, ObjectNotFoundError) and error.message.startswith("the snapshot has no ")
        where = f"{error.key}: " if error.key and error.key not in error.message else ""
        _say(f"{_NAME}: {'file does not exist' if missing else where + error.message}", stream)
        return 1


def _refuse_second_tag(name: str, values: Values) -> None:
    """The tags of a backup are one list. Raises FlagError."""
    if name == "backup" and len(values.tag) > 1:
        reason = "tags should be specified only once, as a comma-separated list"
        raise FlagError(f'invalid value "{values.tag[1]}" for flag -tag: {reason}')


def _load_configuration(command: RepositoryCommand) -> None:
    """Reads the configuration, and makes the files that the original makes when it first runs."""
    try:
        command.catalogue.save_missing()
    except ConfigurationError as error:
        _refuse(f"could not load configuration: {error.message}")


def _resolve(command: RepositoryCommand) -> None:
    try:
        _ = command.settings
    except PlaitError as error:
        _refuse(error.message)


def _open(command: RepositoryCommand) -> None:
    _resolve(command)
    try:
        command.place()
    except PlaitError as error:
        if error.message.startswith("backend "):
            _complain(f"{_NAME}: {error.message}")
        _end_without_repository(command, error.message)
    try:
        _ = command.repository
    except SecretError as error:
        if "passphrase" not in error.message:
            # The key of a bucket, say: the repository was not reached.
            _end_without_repository(command, error.message)
        reason = "failed to unlock repository" if error.message.endswith(" is wrong") else error.message
        _complain(f"{_NAME}: {reason}")
        raise Stop(_NOT_UNLOCKED) from None
    except NewerVersionError as error:
        _complain(f"{_NAME}: incompatible repository version: v{error.found.lstrip('v')} != {error.newest.lstrip('v')}")
        raise Stop(_WRONG_VERSION) from None
    except (IntegrityError, ConfigurationError) as error:
        _refuse(error.message)
    except PlaitError as error:
        _end_without_repository(command, _why_it_cannot_be_opened(command.place()) or error.message)


def _end_without_repository(command: RepositoryCommand, reason: str) -> NoReturn:
    _complain(f"{_NAME}: failed to open the repository at {_shown(command)}: {reason}")
    _complain('To specify an alternative repository, please use "plakar at <location> <command>".')
    raise Stop(_NO_REPOSITORY)


def _why_it_cannot_be_opened(place: Place) -> str | None:
    """What the system says of the file that every repository of this machine has, None for others."""
    import os

    path = {"fs": f"{place.root}/CONFIG", "ptar": place.location.removeprefix("ptar://")}.get(place.kind)
    if path is None:
        return None
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return f"open {path}: {(error.strerror or str(error)).lower()}"
    return None


def _shown(command: RepositoryCommand) -> str:
    try:
        return command.place().location
    except PlaitError:
        return command.location


def _lookup(words: list[str]) -> tuple[str, list[str]]:
    """The command that words name, and the words after it."""
    two = " ".join(words[:2])
    if two in FRONT:
        return two, words[2:]
    if words[0] in FRONT:
        return words[0], words[1:]
    actions = [name.split()[1] for name in FRONT if name.startswith(words[0] + " ")]
    if actions and len(words) == 1:
        _refuse("no action specified")
    if actions and words[1].startswith("-"):
        flag = words[1].lstrip("-").partition("=")[0]
        wrong = [] if flag in _HELP_FLAGS else [f"flag provided but not defined: -{flag}"]
        lines = FRONT[f"{words[0]} {actions[0]}"].group
        _complain("\n".join([*wrong, f"Usage: {words[0]}", *(f"       {line}" for line in lines)]))
        raise Stop(_USAGE if wrong else 0)
    if actions:
        print(f"{_NAME}: usage: plakar {words[0]} [{'|'.join(actions)}]")
        raise Stop(1)
    if words[0] in ABSENT:
        _refuse(f"{words[0]} is not part of Plait: it serves plakar's hosted services, plugins or web interface")
    _complain(f"command not found: {words[0]}")
    raise Stop(1)


def _help(words: list[str]) -> int:
    from plait.cli.fronts.plakar_manual import manual

    try:
        _, line = parse(words, HELP)
    except FlagError as error:
        wrong = [] if error.wants_help else [error.message]
        flags = defaults(HELP, {}, says={})
        more = "To view the man page for a specific command, run 'plakar help SUBCOMMAND'."
        _complain("\n".join([*wrong, "Usage: help [OPTIONS]", "", "OPTIONS:", *flags, "", more]))
        return 0 if error.wants_help else _USAGE
    name = "-".join(line.texts)
    page = manual(name)
    if page is None:
        _complain(f"unknown command: {name}")
        _say(f"{_NAME}: open docs/plakar-{name}.md: file does not exist", sys.stdout)
        return 1
    print(page)
    return 0


def _usage(environment: Mapping[str, str]) -> list[str]:
    configuration = str(configuration_directory("", environment))
    home = environment.get("HOME", "")
    texts = {
        "cachedir": str(cache_directory(environment)),
        "config": configuration,
        "configdir": configuration,
        "cpu": 1,
        "datadir": f"{environment.get('XDG_DATA_HOME') or f'{home}/.local/share'}/plakar",
    }
    return [
        "Usage: plakar [OPTIONS] [at REPOSITORY] COMMAND [COMMAND_OPTIONS]...",
        "",
        "By default, the repository is $PLAKAR_REPOSITORY or $HOME/.plakar.",
        "",
        "OPTIONS:",
        *defaults(GLOBAL, {"cpu": "int"}, texts=texts, says=GLOBAL_WORDS),
        "",
        "COMMANDS:",
        *_listing(),
        "",
        "For more information on a command, use 'plakar help COMMAND'.",
    ]


def _listing() -> list[str]:
    names = {"help", *(name.split()[0] for name in FRONT)} - HIDDEN
    return [f"  {name} " for name in sorted(names)]


def _show_usage(front: FrontCommand, name: str, wrong: str) -> int:
    """Says how a command is used, after what is `wrong` with its flags, if anything. Returns the exit code."""
    first, *others = front.usage
    lead = "Usage" if first.startswith("of ") else "Usage:"
    usage = [f"{lead} {first}", *(f"       {line}" for line in others)]
    flags = defaults(front.options, {"group-by": "value", **front.types}, says=flag_words(name))
    if wrong:
        _complain(wrong)
    if front.group:
        print("\n".join(usage), flush=True)
        usage = []
    elif front.lists_options or (front.lists_options is None and front.options.options):
        flags = ["", "OPTIONS:", *flags] if front.has_heading else flags
    else:
        flags = []
    if usage or flags:
        _complain("\n".join([*usage, *flags]))
    return _USAGE if wrong else 0


def _refuse(text: str) -> NoReturn:
    """Ends the command line with an error line."""
    _complain(f"{_NAME}: {text}")
    raise Stop(1)


def _complain(text: str) -> None:
    sys.stdout.flush()
    _say(text, sys.stderr)


def _say(text: str, stream: TextIO) -> None:
    """Prints lines that may hold what others wrote: no control character in them gets through."""
    shown = "\n".join("\t".join(map(sanitized, line.split("\t"))) for line in text.split("\n"))
    stream.flush()
    stream.buffer.write(shown.encode("utf-8", "surrogateescape") + b"\n")
    stream.buffer.flush()
