"""Commands and their forms, as data: what a strand registers, and what parsing, help and completion read.

A form is one way to use a command (`SOURCE DEST`). Which form is meant is decided by the positional words; each form
has its own options, and the same option may stand in several.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from plait.cli.grammar import Lexicon
from plait.model.errors import UsageError
from plait.model.options import OptionSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plait.cli.grammar import Line
    from plait.model.options import Values


class WordsError(UsageError):
    """Words that a verb cannot read; rclone answers with the verb's usage."""


class Example(msgspec.Struct, frozen=True):
    """A command line and what it does."""

    line: str
    says: str


class Form(msgspec.Struct, frozen=True):
    """One way to use a command.

    `words` is its synopsis after the options (`SOURCE DEST`), `takes` how many words that are, at least and at most.
    `run` is the dotted name (`module:function`) of `(Invocation) -> int`, loaded when it is called. `purpose` is prose
    for help, paragraphs separated by an empty line. `completes` says what each word is, for shells, as
    `ValueType.completes` does; the last one repeats.
    """

    name: str
    words: str
    takes: tuple[int, int]
    run: str
    options: OptionSet = msgspec.field(default_factory=lambda: OptionSet(()))
    purpose: str = ""
    examples: tuple[Example, ...] = ()
    completes: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """The form that is meant, and the parts that its words play (`source`, `peer` …).

    `words` are those that are left for the form, None for all of them.
    """

    form: str
    parts: Mapping[str, str] = msgspec.field(default_factory=dict)
    words: tuple[str, ...] | None = None


class Situation(msgspec.Struct, frozen=True):
    """What a decision may look at.

    The words, the repository named by `at`, and, for hints only, which directories exist. `values()` gives the values
    of the command's first form, for decisions that must open a location.
    """

    line: Line
    at: str | None
    is_directory: Callable[[str], bool]
    environment: Mapping[str, str]
    values: Callable[[], Values]


class Verb(msgspec.Struct, frozen=True):
    """A command as the table of verbs has it: nothing of it is loaded before it is used.

    `forms` are dotted names of `Form`; `decide` is the dotted name of `(Situation) -> Choice`, which raises UsageError
    where no form is meant; without it there is one form.
    """

    summary: str
    forms: tuple[str, ...]
    decide: str = ""


class Command(msgspec.Struct, frozen=True):
    """A verb, loaded."""

    name: str
    summary: str
    forms: tuple[Form, ...]
    decide: Callable[[Situation], Choice] | None

    @classmethod
    def load(cls, name: str, verb: Verb) -> Command:
        """Loads what the table names."""
        forms = tuple(load(form) for form in verb.forms)
        return cls(name, verb.summary, forms, load(verb.decide) if verb.decide else None)

    def form(self, name: str) -> Form:
        """The form of this name. Raises KeyError."""
        return {form.name: form for form in self.forms}[name]

    def forms_with(self, name: str) -> tuple[Form, ...]:
        """The forms that take the option of this long name."""
        return tuple(form for form in self.forms if form.options.named(name) is not None)

    def lexicon(self) -> Lexicon:
        """The options of all forms."""
        return Lexicon(form.options for form in self.forms)

    def synopses(self, program: str = "plait") -> tuple[str, ...]:
        """One line of usage a form."""
        return tuple(f"{program} {self.name} {form.words}".rstrip() for form in self.forms)


class Invocation(msgspec.Struct, frozen=True):
    """A command line, understood: what a form's `run` gets.

    `face` is `plait` or the name of a front. `arguments` is the command line as it was typed, for records.
    """

    command: str
    form: Form
    words: tuple[str, ...]
    values: Values
    parts: Mapping[str, str]
    face: str
    environment: Mapping[str, str]
    arguments: tuple[str, ...]


def load(dotted: str) -> Any:
    """What `module:name` names."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
