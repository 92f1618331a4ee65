"""What stands between a command and the person: errors become lines, signals and closed pipes exit codes."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from plait.model.errors import ExitCode, PlaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLOSED_PIPE = 141
"""The exit code of a process that SIGPIPE ended (128 + 13), which is what a shell expects of `plait ls | head`."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A disk that is full is no defect: output that is redirected to a file, or what is set aside in a temporary one."""


def guarded(face: str, arguments: Sequence[str]) -> int:
    """Runs `arguments` on a face and returns the exit code."""
    _occupy_standard_streams()
    return guard(lambda: _run(face)(arguments), debug=wants_debug(arguments))


def guard(command: Callable[[], int], *, debug: bool = False) -> int:
    """Runs a command and returns the exit code; with `debug` errors come with their tracebacks."""
    try:
        code = command()
        sys.stdout.flush()
    except PlaitError as error:
        if debug:
            _traceback()
        say_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return CLOSED_PIPE
    except Exception as error:  # noqa: BLE001  (the last line of defence: a person sees a line, not a traceback)
        if debug:
            _traceback()
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _forget_output()
            say_lines("error", f"failed to write {error.filename or 'the output'}: {os.strerror(error.errno).lower()}")
            return ExitCode.FAILED
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        say_lines("error", f"this is a defect of Plait: {reason}")
        if not debug:
            say_lines("hint", "with --debug it shows where it happened; please report it")
        return ExitCode.FAILED
    return code


def wants_debug(arguments: Sequence[str]) -> bool:
    """True where `--debug` stands among the words: it must be known even where they cannot be parsed."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return bool({"--debug", "-debug", "--debug=true"} & set(before)) or os.environ.get("PLAIT_DEBUG") in {"1", "true"}


def say_error(error: PlaitError, errors: int = 1) -> None:
    """One line for the message, one for the hint. Of several errors this one decided."""
    about = f"{error.key}: " if error.key and error.key not in error.message else ""
    count = f"{errors} errors, the last one: " if errors > 1 else ""
    say_lines("error", count + about + error.message)
    if error.hint:
        say_lines("hint", error.hint)


def say_lines(kind: str, text: str) -> None:
    """`plait: KIND: TEXT` on standard error; further lines of the text stand below the first."""
    lead = f"plait: {kind}: "
    try:
        print(lead + printable(text).replace("\n", "\n" + " " * len(lead)), file=sys.stderr, flush=True)
    except OSError:
        # Standard error is closed: there is nobody to tell.
        return


def printable(text: str) -> str:
    r"""`text` for a terminal: undecodable bytes as `\xNN`, control characters but newlines as in Python's repr."""
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in shown)


def _run(face: str) -> Callable[[Sequence[str]], int]:
    if face == "rclone":
        from plait.cli.fronts.rclone import run as run_rclone

        return lambda arguments: run_rclone(arguments, os.environ)
    if face == "plakar":
        from plait.cli.fronts.plakar import run as run_plakar

        return lambda arguments: run_plakar(arguments, os.environ)
    if face == "litestream":
        from plait.cli.fronts.litestream import run as run_litestream

        return lambda arguments: run_litestream(arguments, os.environ)
    from plait.cli.face import run

    return lambda arguments: run(arguments, os.environ)


def _traceback() -> None:
    import traceback

    traceback.print_exc()


def _occupy_standard_streams() -> None:
    """Points closed standard descriptors at nothing: a file opened later must not take their place."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "r" if descriptor == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115  (the stream stays for as long as the process)


def _forget_output() -> None:
    """Points standard output at nothing, so that the interpreter's own flush at exit finds no broken pipe."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
