"""The litestream front: the original's commands, flags, words and exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from plait.cli.forms import load
from plait.cli.fronts.go_flags import HELP_WORDS, FlagError, parse
from plait.cli.fronts.litestream_options import OPTIONS
from plait.model.errors import PlaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plait.model.options import Values

_HELP: Final = ("help", "-h", "-help", "--help")
_HERE: Final = "plait.cli.fronts.litestream_"
_RUN: Final[Mapping[str, str]] = {
    "databases": _HERE + "local:databases",
    "info": _HERE + "control:info",
    "list": _HERE + "control:list_databases",
    "ltx": _HERE + "local:ltx",
    "register": _HERE + "control:register",
    "replicate": _HERE + "replicate:replicate",
    "reset": _HERE + "local:reset",
    "restore": _HERE + "restore:restore",
    "start": _HERE + "control:start",
    "status": _HERE + "local:status",
    "stop": _HERE + "control:stop",
    "sync": _HERE + "control:sync",
    "unregister": _HERE + "control:unregister",
    "version": _HERE + "local:version",
}


class FrontError(Exception):
    """A command line that ends with an error, in the original's words; `hint` is what to try."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Line:
    """A command line, understood: the flags' values, the words behind them, and the environment."""

    def __init__(self, values: Values, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.values = values
        self.words = words
        self.environment = environment

    def one(self, missing: str, hint: str) -> str:
        """The only word. Raises FrontError where there is none, or more than one."""
        if not self.words:
            raise FrontError(missing, hint)
        self.most(1)
        return self.words[0]

    def most(self, count: int) -> None:
        """Raises FrontError for more words."""
        if len(self.words) > count:
            raise FrontError("too many arguments")


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command line as litestream does; what goes wrong is said here. Every failure is 1."""
    from plait.cli.fronts.litestream_usage import overview, usage

    name = arguments[0] if arguments else ""
    if name in _HELP or not name or name.startswith("-"):
        sys.stdout.write(overview())
        return 0 if name in _HELP else 1
    if name == "wal":
        print("Warning: 'wal' command is deprecated, please use 'ltx' instead", file=sys.stderr)
        name = "ltx"
    if name not in _RUN:
        return _fail(f"litestream {name}: unknown command")
    try:
        values, line = parse(arguments[1:], OPTIONS[name])
    except FlagError as error:
        if error.wants_help:
            sys.stdout.write(usage(name))
            # Help with a value, as in -help=true, is left to package flag, whose error is not said.
            return 0 if HELP_WORDS.intersection(arguments) else 1
        print(error.message, file=sys.stderr)
        sys.stdout.write(usage(name))
        sys.stdout.flush()
        return _fail(error.message)
    return said(lambda: int(load(_RUN[name])(Line(values, line.texts, environment))))


def said(command: Callable[[], int]) -> int:
    """Runs a command, and says what goes wrong as litestream does; the exit code."""
    try:
        return command()
    except FrontError as error:
        return _fail(error.message, error.hint)
    except PlaitError as error:
        return _fail(error.message)


def _fail(message: str, hint: str = "") -> int:
    sys.stdout.flush()
    print(f"Error: {message}", file=sys.stderr)
    if hint:
        print(f"Try: {hint}", file=sys.stderr)
    return 1
