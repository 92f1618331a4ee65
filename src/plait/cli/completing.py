"""What a shell may offer at the cursor, from the same declarations as help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from plait.cli.dialects import PLAIT
from plait.cli.forms import Command
from plait.cli.fronts.rclone_verbs import VERBS as RCLONE_VERBS
from plait.cli.grammar import Fault, Lexicon, OptionWordError, split
from plait.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.cli.grammar import Word
    from plait.model.options import Option, OptionSet

SHELLS: Final = ("bash", "zsh", "fish")
FILE: Final = "file"
DIRECTORY: Final = "directory"
REMOTE: Final = "remote"


@dataclass(frozen=True, slots=True)
class Offer:
    """Words with a description each, and whether the shell's own files or directories go with them."""

    words: tuple[tuple[str, str], ...] = ()
    paths: str = ""


def complete(words: Sequence[str], remotes: Callable[[], Iterable[str]]) -> Offer:
    """What fits the last of `words` (those after the program's name, up to the cursor; the last may be empty).

    `remotes()` gives the names of the configured remotes.
    """
    *before, current = words or [""]
    if before[:1] == ["rclone"]:
        return _of_front(before[1:], current, remotes)
    verb, rest = _verb(before)
    if verb is None:
        return _fitting(current, _verbs_after(tuple(rest)))
    command = Command.load(verb, VERBS[verb])
    offer = _of_options([form.options for form in command.forms], rest, current, remotes)
    if offer is not None:
        return offer
    position = len(_positional(rest, command))
    kinds = {_kind(form.completes, position) for form in command.forms} - {""}
    more = _verbs_after((verb,)) if not rest else []
    offers = [_of_kind(kind, current, remotes) for kind in sorted(kinds)]
    listed = tuple(word for one in offers for word in one.words)
    paths = next((one.paths for one in offers if one.paths), "")
    return Offer(_fitting(current, more).words + listed, paths)


def _of_front(before: Sequence[str], current: str, remotes: Callable[[], Iterable[str]]) -> Offer:
    verb = next((word for word in before if not word.startswith("-")), None)
    if verb not in RCLONE_VERBS:
        return _fitting(current, [(name, front.summary) for name, front in RCLONE_VERBS.items()])
    offer = _of_options([RCLONE_VERBS[verb].options], before[before.index(verb) + 1 :], current, remotes)
    return _of_kind(REMOTE, current, remotes) if offer is None else offer


def _verb(before: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The verb among the words before the cursor, and what follows it."""
    words = before[2:] if before[:1] == ["at"] else before
    for count in (2, 1):
        name = " ".join(words[:count])
        if len(words) >= count and name in VERBS:
            return name, words[count:]
    return None, words


def _verbs_after(before: tuple[str, ...]) -> list[tuple[str, str]]:
    """The next word of commands that begin with the words before."""
    found: dict[str, str] = {}
    for name, verb in VERBS.items():
        words = name.split()
        if len(words) > len(before) and tuple(words[: len(before)]) == before:
            found.setdefault(words[len(before)], verb.summary if len(words) == len(before) + 1 else "")
    if not before:
        found["rclone"] = "Play rclone"
    return list(found.items())


def _of_options(
    sets: Sequence[OptionSet], before: Sequence[str], current: str, remotes: Callable[[], Iterable[str]]
) -> Offer | None:
    """What fits where an option or its value stands; None where a word does."""
    if "--" in before:
        return None
    lexicon = Lexicon(sets)
    awaited = _awaited(before, lexicon)
    if awaited is not None:
        return _of_value(awaited, current, remotes)
    if not current.startswith("-"):
        return None
    name, equals, text = current.lstrip("-").partition("=")
    option = lexicon.named(name)
    if equals and option is not None:
        lead = current[: -len(text)] if text else current
        offer = _of_value(option, text, remotes)
        return replace(offer, words=tuple((lead + word, says) for word, says in offer.words))
    shown = {one.name: one for options in sets for one in options.options if not one.hidden}
    return _fitting(current, [(f"--{name}", one.help) for name, one in shown.items()])


def _awaited(before: Sequence[str], lexicon: Lexicon) -> Option | None:
    """The option whose value the cursor stands on."""
    try:
        split(before, lexicon, PLAIT)
    except OptionWordError as error:
        if error.fault is Fault.NEEDS_VALUE:
            return lexicon.named(error.name) if error.name else lexicon.lettered(error.letters[0])
    return None


def _of_value(option: Option, current: str, remotes: Callable[[], Iterable[str]]) -> Offer:
    if option.type.choices:
        return _fitting(current, [(choice, "") for choice in option.type.choices])
    if option.type.is_switch:
        return _fitting(current, [("true", ""), ("false", "")])
    return _of_kind(option.type.completes, current, remotes)


def _of_kind(kind: str, current: str, remotes: Callable[[], Iterable[str]]) -> Offer:
    match kind:
        case "remote":
            return replace(_fitting(current, [(f"{name}:", "remote") for name in remotes()]), paths=FILE)
        case "file" | "directory":
            return Offer(paths=kind)
        case "shell":
            return _fitting(current, [(shell, "") for shell in SHELLS])
        case "command":
            return _fitting(current, _verbs_after(()))
    return Offer()


def _positional(before: Sequence[str], command: Command) -> tuple[Word, ...]:
    try:
        return split(before, command.lexicon(), PLAIT).words
    except OptionWordError:
        return ()


def _kind(completes: tuple[str, ...], position: int) -> str:
    return completes[min(position, len(completes) - 1)] if completes else ""


def _fitting(current: str, words: Iterable[tuple[str, str]]) -> Offer:
    return Offer(tuple((word, says) for word, says in words if word.startswith(current)))
