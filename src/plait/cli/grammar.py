"""The grammar of command lines: words in, options and positional words out. Pure.

Splitting needs to know of an option only whether it takes a value, so one pass serves commands whose meaning (the form)
is decided later by the positional words. What an option's text means is the business of `plait.cli.binding`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from plait.cli.dialects import Dash
from plait.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.cli.dialects import Dialect
    from plait.model.options import Option, OptionSet


class Fault(Enum):
    """What can be wrong with an option word."""

    UNKNOWN = "unknown option"
    UNKNOWN_LETTER = "unknown letter in a cluster"
    NEEDS_VALUE = "needs a value"
    SYNTAX = "not an option"


class OptionWordError(UsageError):
    """An option word that cannot be read; each face has its own words for it.

    `spelled` is the word as typed; `letters` is what was left of a cluster, beginning with the letter at fault;
    `name` the long name at fault, where there is one.
    """

    def __init__(self, fault: Fault, spelled: str, *, name: str = "", letters: str = "", metavar: str = "") -> None:
        at_fault = f"-{letters[0]}" if letters else spelled.partition("=")[0]
        within = f" in {spelled}" if letters and spelled != at_fault else ""
        message = {
            Fault.UNKNOWN: f"unknown option {at_fault}",
            Fault.UNKNOWN_LETTER: f"unknown option {at_fault}{within}",
            Fault.NEEDS_VALUE: f"{at_fault} needs a value{': ' if metavar else ''}{metavar}",
            Fault.SYNTAX: f"{spelled} is not an option",
        }[fault]
        super().__init__(message)
        self.fault = fault
        self.spelled = spelled
        self.name = name
        self.letters = letters


class Given(msgspec.Struct, frozen=True):
    """An option as it was given: by `name` or by `letter`; `text` is None where a switch stood alone."""

    text: str | None
    name: str = ""
    letter: str = ""

    @property
    def spelled(self) -> str:
        """The option as a person knows it: `--name` or `-x`."""
        return f"--{self.name}" if self.name else f"-{self.letter}"


class Word(msgspec.Struct, frozen=True):
    """A positional word. `index` is its place in the command line; `literal` words stand after `--`."""

    text: str
    index: int
    literal: bool = False


class Line(msgspec.Struct, frozen=True):
    """A command line, split."""

    given: tuple[Given, ...]
    words: tuple[Word, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The positional words as plain text."""
        return tuple(word.text for word in self.words)


class Lexicon:
    """Which option names and letters exist, over all forms of a command, and whether they take a value.

    `further` finds names that no set has. Raises ValueError where a name or letter takes a value in one form and none
    in another.
    """

    def __init__(self, sets: Iterable[OptionSet], further: Callable[[str], Option | None] | None = None) -> None:
        self._names: dict[str, Option] = {}
        self._letters: dict[str, Option] = {}
        self._further = further
        for options in sets:
            for option in options.options:
                for name in (option.name, *option.aliases):
                    _agree(self._names, name, option)
                if option.short:
                    _agree(self._letters, option.short, option)

    def named(self, name: str) -> Option | None:
        """An option with this long name, of any form."""
        option = self._names.get(name)
        return self._further(name) if option is None and self._further is not None else option

    def lettered(self, letter: str) -> Option | None:
        """An option with this letter, of any form."""
        return self._letters.get(letter)

    def names(self) -> tuple[str, ...]:
        """All long names that help shows."""
        return tuple(name for name, option in self._names.items() if not option.hidden)


def split(arguments: Sequence[str], lexicon: Lexicon, dialect: Dialect) -> Line:
    """Splits `arguments` into options and words. Raises `OptionWordError`."""
    given: list[Given] = []
    words: list[Word] = []
    index = 0
    while index < len(arguments):
        word = arguments[index]
        if word == "--":
            words += [Word(text, index + 1 + i, literal=True) for i, text in enumerate(arguments[index + 1 :])]
            break
        if not _is_option(word):
            words.append(Word(word, index))
            if not dialect.anywhere:
                words += [Word(text, index + 1 + i) for i, text in enumerate(arguments[index + 1 :])]
                break
            index += 1
            continue
        rest = arguments[index + 1] if index + 1 < len(arguments) else None
        found, took_next = _read(word, rest, lexicon, dialect)
        given += found
        index += 2 if took_next else 1
    return Line(tuple(given), tuple(words))


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "", cutoff: float = 0.7) -> str | None:
    """A hint that names what is close to `word` among `known`, or None."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=2, cutoff=cutoff)
    return f"did you mean {' or '.join(prefix + name for name in close)}?" if close else None


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-"


def _read(word: str, rest: str | None, lexicon: Lexicon, dialect: Dialect) -> tuple[list[Given], bool]:
    """The options in one word, and whether the next word was taken as a value."""
    two = word.startswith("--")
    body = word[2:] if two else word[1:]
    if body[0] in "-=":
        raise OptionWordError(Fault.SYNTAX, word)
    name = body.partition("=")[0]
    if two or dialect.dash is Dash.NAME:
        return _read_name(word, body, rest, lexicon)
    if dialect.dash is Dash.NAME_OR_CLUSTER and len(name) > 1 and lexicon.named(name) is not None:
        return _read_name(word, body, rest, lexicon)
    return _read_cluster(word, body, rest, lexicon)


def _read_name(word: str, body: str, rest: str | None, lexicon: Lexicon) -> tuple[list[Given], bool]:
    name, equals, text = body.partition("=")
    option = lexicon.named(name)
    if option is None:
        raise OptionWordError(Fault.UNKNOWN, word, name=name)
    if equals:
        return [Given(text, name=name)], False
    if option.type.is_switch:
        return [Given(None, name=name)], False
    if rest is None:
        raise OptionWordError(Fault.NEEDS_VALUE, word, name=name, metavar=option.type.metavar)
    return [Given(rest, name=name)], True


def _read_cluster(word: str, body: str, rest: str | None, lexicon: Lexicon) -> tuple[list[Given], bool]:
    given: list[Given] = []
    for place, letter in enumerate(body):
        option = lexicon.lettered(letter)
        after = body[place + 1 :]
        if option is None:
            raise OptionWordError(Fault.UNKNOWN_LETTER, word, letters=body[place:])
        if after.startswith("="):
            return [*given, Given(after[1:], letter=letter)], False
        if option.type.is_switch:
            given.append(Given(None, letter=letter))
            continue
        if after:
            return [*given, Given(after, letter=letter)], False
        if rest is None:
            raise OptionWordError(Fault.NEEDS_VALUE, word, letters=letter, metavar=option.type.metavar)
        return [*given, Given(rest, letter=letter)], True
    return given, False


def _agree(table: dict[str, Option], name: str, option: Option) -> None:
    other = table.setdefault(name, option)
    if other.type.is_switch is not option.type.is_switch:
        raise ValueError(f"option {name!r} takes a value in one form and none in another")
