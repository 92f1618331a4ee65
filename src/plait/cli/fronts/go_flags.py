"""Command lines of programs that use Go's package flag: its errors, its usage texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.cli.binding import BadValueError, bind
from plait.cli.dialects import GO
from plait.cli.grammar import Fault, Lexicon, OptionWordError, split
from plait.model.options import Repeat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plait.cli.grammar import Line
    from plait.model.options import Option, OptionSet, Values

HELP_WORDS = frozenset({"-h", "-help", "--h", "--help"})


class FlagError(Exception):
    """A flag that cannot be read, in Go's words; `wants_help` where help was asked for instead."""

    def __init__(self, message: str, *, wants_help: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.wants_help = wants_help


def parse(arguments: Sequence[str], options: OptionSet) -> tuple[Values, Line]:
    """The values of the flags, and what follows them. Raises FlagError."""
    try:
        line = split(arguments, Lexicon((options,)), GO)
        return bind(options, line.given), line
    except OptionWordError as error:
        raise _word_error(error) from None
    except BadValueError as error:
        what = "boolean value" if error.option.type.is_switch else "value"
        flag = "" if error.option.type.is_switch else "flag "
        reason = error.reason if not _is_number(error.option) and not error.option.type.is_switch else "parse error"
        if _is_number(error.option) and error.text.lstrip("+-").isdecimal():
            reason = "value out of range"
        raise FlagError(f'invalid {what} "{error.text}" for {flag}-{error.option.name}: {reason}') from None


def defaults(
    options: OptionSet,
    types: Mapping[str, str],
    *,
    texts: Mapping[str, Any] | None = None,
    says: Mapping[str, str] | None = None,
) -> list[str]:
    """The lines of `PrintDefaults`: by name.

    `types` names the type of a flag, `texts` its default and `says` what it is for where they differ from its
    declaration.
    """
    texts = texts or {}
    says = says or {}
    lines = []
    for option in sorted(options.options, key=lambda one: one.name):
        if option.hidden:
            continue
        kind = types.get(option.name, _type_name(option))
        lines.append(f"  -{option.name} {kind}".rstrip())
        default = _default(option, texts)
        purpose = says.get(option.name) or option.help[:1].lower() + option.help[1:]
        lines.append(f"    \t{purpose}{default}")
    return lines


def _default(option: Option, texts: Mapping[str, Any]) -> str:
    value = texts.get(option.name, option.default)
    if isinstance(value, str) and value:
        return f' (default "{value}")'
    if isinstance(value, int) and not isinstance(value, bool) and value:
        return f" (default {value})"
    return ""


def _type_name(option: Option) -> str:
    if option.type.is_switch:
        return ""
    if _is_number(option):
        return "int"
    return "value" if option.repeat is Repeat.APPEND or not isinstance(option.default, str) else "string"


def _is_number(option: Option) -> bool:
    return option.type.metavar == "N"


def _word_error(error: OptionWordError) -> FlagError:
    word = error.spelled
    match error.fault:
        case Fault.NEEDS_VALUE:
            return FlagError(f"flag needs an argument: -{error.name}")
        case Fault.SYNTAX:
            return FlagError(f"bad flag syntax: {word}")
        case _:
            if word.partition("=")[0] in HELP_WORDS:
                return FlagError("help requested", wants_help=True)
            return FlagError(f"flag provided but not defined: -{word.lstrip('-').partition('=')[0]}")
