"""Help of the rclone front, in the shape that rclone's has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.cli.fronts.rclone_more import HIDDEN
from plait.cli.fronts.rclone_types import default_text, help_name
from plait.cli.fronts.rclone_verbs import GROUPS, HELP, VERBS, VERSION, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plait.model.options import Option

FOOTER: Final = """\
Use "rclone [command] --help" for more information about a command.
Use "rclone help flags" for to see the global flags."""


def overview() -> str:
    """What `rclone help` prints."""
    summaries = {name: verb.summary for name, verb in VERBS.items() if " " not in name and name not in HIDDEN}
    summaries |= {"config": "Show and change the configuration.", "help": "Show help for commands and flags."}
    width = max(map(len, summaries)) + 2
    lines = ["Usage:", "  rclone [flags]", "  rclone [command]", "", "Available commands:"]
    lines += [f"  {name:<{width}}{summaries[name]}" for name in sorted(summaries)]
    return "\n".join([*lines, "", FOOTER])


def config_help() -> str:
    """What `rclone config` prints: the verbs below it."""
    found = {name.partition(" ")[2]: verb.summary for name, verb in VERBS.items() if name.startswith("config ")}
    width = max(map(len, found)) + 2
    lines = ["Usage:", "  rclone config [command]", "", "Available commands:"]
    lines += [f"  {name:<{width}}{found[name]}" for name in sorted(found)]
    return "\n".join([*lines, "", 'Use "rclone config [command] --help" for more information about a command.'])


def root_help() -> str:
    """What `rclone --help` prints."""
    return f"Plait in the place of rclone: the same verbs, flags, output and exit codes.\n\n{overview()}"


def verb_usage(name: str) -> str:
    """The usage of a verb, as it is printed after an error."""
    verb = VERBS[name]
    words = f"{verb.words} " if verb.words else ""
    lines = [
        "Usage:",
        f"  rclone {name} {words}[flags]",
        "",
        "Flags:",
        *_flags((*verb.own.options, HELP), name.rpartition(" ")[2]),
        "",
    ]
    for group in verb.groups:
        found = flags_of(group)
        if found:
            lines += [f"{GROUPS[group]} (flag group {group}):", *_flags(found), ""]
    return "\n".join([*lines, FOOTER])


def verb_help(name: str) -> str:
    """What `rclone VERB --help` prints."""
    return f"{VERBS[name].summary}\n\n{verb_usage(name)}"


def root_usage() -> str:
    """The usage that follows an error before any verb."""
    flags = "\n".join(_flags((HELP, VERSION), "rclone"))
    return f"{overview().removesuffix(FOOTER)}Flags:\n{flags}\n\n{FOOTER}"


def flags_help(words: Sequence[str] = ()) -> str:
    """What `rclone help flags` prints: the global flags, or those that hold a word.

    `--group NAMES` asks for these groups only, `--name` looks for the word in names only.
    """
    groups, by_name, word = _asked(words)
    lines: list[str] = []
    for group, heading in GROUPS.items():
        if groups and group.lower() not in groups:
            continue
        found = [
            option for option in flags_of(group) if word in f"{option.name} {'' if by_name else option.help}".lower()
        ]
        if found:
            lines += [f"{heading} (flag group {group}):", *_flags(found), ""]
    return "\n".join(lines).removesuffix("\n")


def _asked(words: Sequence[str]) -> tuple[frozenset[str], bool, str]:
    """The groups, whether names only, and the word to look for."""
    groups: list[str] = []
    by_name, rest, left = False, list[str](), list(words)
    while left:
        word = left.pop(0)
        if word == "--group" and left:
            groups += left.pop(0).lower().split(",")
        elif word.startswith("--group="):
            groups += word.partition("=")[2].lower().split(",")
        elif word == "--name":
            by_name = True
        else:
            rest.append(word)
    return frozenset(groups), by_name, " ".join(rest).lower()


def _flags(found: Iterable[Option], verb: str = "") -> list[str]:
    options = sorted(found, key=lambda option: option.name)
    heads = [f"--{option.name} {help_name(option)}".rstrip() for option in options]
    width = max(map(len, heads), default=0)
    return [_flag(option, head, width, verb) for option, head in zip(options, heads, strict=True)]


def _flag(option: Option, head: str, width: int, verb: str) -> str:
    text = f"help for {verb}" if option is HELP and verb else option.help
    default = default_text(option)
    short = f"-{option.short}, " if option.short else "    "
    return f"  {short}{head:<{width}}   {text}{f' (default {default})' if default else ''}"
