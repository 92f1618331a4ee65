"""The commands of the plakar front, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from plait.cli import repository_options as options
from plait.cli import snapshot_options, upkeep_options
from plait.cli.repositories import COMMANDS
from plait.mirror.option_types import INTEGER, SWITCH, TEXT
from plait.model.options import Option, OptionSet, Section


class Needs(Enum):
    """What a command needs of the repository before its own words are read."""

    REPOSITORY = "opened and unlocked"
    LOCATION = "known by its location"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class FrontCommand:
    """A command: the function that runs it, its flags, and how many words it takes.

    `usage` are the lines of its usage, without the word `Usage`; `few` and `many` what is said of too few words or too
    many. `types` names the type of a flag where Go would name another than its value has here.
    `lists_options`: whether the usage has a list of its flags, None: where there are any; `has_heading`: below a title.
    `group`: the usage of the actions of which this is one; its own usage goes to standard output then.
    """

    function: str
    options: OptionSet
    usage: tuple[str, ...]
    needs: Needs = Needs.REPOSITORY
    takes: tuple[int, int] = (0, 0)
    few: str = "at least one parameter is required"
    many: str = "too many arguments"
    types: dict[str, str] = field(default_factory=dict)
    lists_options: bool | None = None
    has_heading: bool = True
    group: tuple[str, ...] = ()


def _global(name: str, kind: object, default: object, says: str) -> Option:
    return Option(name, kind, default=default, help=says, section=Section.GLOBAL)  # type: ignore[arg-type]  # a row of the table names it


GLOBAL: Final = OptionSet(
    (
        options.KEY_FILE,
        options.CONFIGURATION_DIRECTORY,
        options.CACHE_DIRECTORY,
        options.JSON,
        options.QUIET,
        options.SILENT,
        _global("concurrency", INTEGER, -1, "Limit the number of concurrent operations"),
        _global("config", TEXT, "", "Configuration directory (deprecated, use -configdir instead)"),
        _global("cpu", INTEGER, None, "Limit the number of usable cores"),
        _global("datadir", TEXT, "", "Data directory"),
        _global("disable-security-check", SWITCH, False, "Disable update check"),
        _global("enable-security-check", SWITCH, False, "Enable update check"),
        _global("stdio", SWITCH, False, "Use stdio user interface"),
        _global("time", SWITCH, False, "Display command execution time"),
        _global("trace", TEXT, "", "Display trace logs, comma-separated (all, trace, repository, snapshot, server)"),
        _global("profile-cpu", TEXT, "", "Profile CPU usage"),
        _global("profile-mem", TEXT, "", "Profile MEM usage"),
    )
)
HELP: Final = OptionSet((_global("style", TEXT, "auto", "Style to use"),))
_MANY: Final = 10_000
_ENTRY_ACTIONS: Final = (
    ("add", "<name> <location> [<option>=<value>]..."),
    ("check", "<name>"),
    ("import", "[-config <location>] [-overwrite] [-rclone] [<section>...]"),
    ("ping", "<name>"),
    ("rm", "<name>"),
    ("set", "<name> [<option>=<value>...]"),
    ("show", "[<name>...]"),
    ("unset", "<name> <option>..."),
)
_ENTRY_OPTIONS: Final = {"import": options.IMPORT, "show": options.SHOW}
_ACTION_USAGE: Final = {
    "add": "<name> <location> [<key>=<value>...]",
    "import": "[OPTIONS] <section>...",
    "set": "<name> <key>=<value>...",
    "unset": "<name> <key>...",
}
"""How an action by itself is used, where that is said differently."""


def _entry_commands(word: str) -> dict[str, FrontCommand]:
    group = tuple(f"{word} {action} {words}" for action, words in _ENTRY_ACTIONS)
    return {
        f"{word} {action}": FrontCommand(
            "plait.cli.commands.repository.places:entries",
            _ENTRY_OPTIONS.get(action, OptionSet(())),
            (f"plakar {word} {action} {_ACTION_USAGE.get(action, words)}",),
            Needs.NOTHING,
            (0, _MANY),
            group=group,
        )
        for action, words in _ENTRY_ACTIONS
    }


_POLICY_USAGE: Final = {**_ACTION_USAGE, "add": "<name> [<key>=<value>...]"}
_POLICY_ACTIONS: Final = (
    ("add", "<name> [<key>=<value>]..."),
    ("rm", "<name>"),
    ("set", "<name> [<option>=<value>...]"),
    ("show", "[<name>...]"),
    ("unset", "<name> <option>..."),
)


def _policy_commands() -> dict[str, FrontCommand]:
    group = tuple(f"policy {action} {words}" for action, words in _POLICY_ACTIONS)
    return {
        f"policy {action}": FrontCommand(
            COMMANDS["policy"],
            options.SHOW_POLICY if action == "show" else OptionSet(()),
            (f"plakar policy {action} {_POLICY_USAGE.get(action, words)}",),
            Needs.NOTHING,
            (0, _MANY),
            group=group,
        )
        for action, words in _POLICY_ACTIONS
    }


_DIAG: Final = "plait.cli.commands.repository.diag:"
_DIAG_PARTS: Final = "plait.cli.commands.repository.diag_parts:"
_LOOKED_AT: Final = (
    ("snapshot", _DIAG + "snapshot", "snapshot SNAPSHOT"),
    ("object", _DIAG + "content", "object OBJECT"),
    ("vfs", _DIAG + "vfs", "vfs SNAPSHOT[:PATH]"),
    ("xattr", _DIAG + "xattr", "xattr SNAPSHOT[:PATH]"),
    ("contenttype", _DIAG + "contenttype", "contenttype SNAPSHOT[:PATH]"),
    ("chunks", _DIAG + "chunks", "chunks SNAPSHOT:PATH"),
    ("search", _DIAG + "search", "search snapshot[:path] mimes"),
    ("dirpack", _DIAG_PARTS + "dirpack", "dirpack SNAPSHOT[:PATH]"),
    ("blobsearch", _DIAG_PARTS + "blobsearch", "blobsearch OBJECT"),
    ("blob", _DIAG + "refused", "blob type mac"),
    ("chunkmap", _DIAG + "refused", "chunkmap [--html FILE] SNAPSHOT:PATH SNAPSHOT:PATH [...]"),
)
"""What takes words: its name, its function and what is said where there is none."""
_CALLED: Final = {"object": "objects", "blobsearch": "packfile"}
"""What the original calls a command in its usage, where that is not its name."""
_DIAG_USAGE: Final = (
    "diag",
    "diag snapshot SNAPSHOT",
    "diag state [STATE]...",
    "diag search snapshot[:path] mime",
    "diag packfile [PACKFILE]...",
    "diag object [OBJECT]",
    "diag vfs SNAPSHOT[:PATH]",
    "diag xattr SNAPSHOT[:PATH]",
    "diag contenttype SNAPSHOT[:PATH]",
    "diag locks",
)


def _diag_commands() -> dict[str, FrontCommand]:
    """The commands that look at parts of a repository. They are in no listing, as with the original."""
    nothing = OptionSet(())
    found = {"diag": FrontCommand(_DIAG + "repository", nothing, _DIAG_USAGE, takes=(0, _MANY))}
    for word, function, takes in _LOOKED_AT:
        called = f"diag {_CALLED.get(word, word)}"
        found[f"diag {word}"] = FrontCommand(
            function, nothing, (f"of {called}:",), takes=(1, _MANY), few=f"usage: {called} {takes}"
        )
    for word in ("locks", "state", "packfile"):
        found[f"diag {word}"] = FrontCommand(_DIAG + word, nothing, (f"of diag {word}:",), takes=(0, _MANY))
    return found


FRONT: Final[dict[str, FrontCommand]] = {
    "backup": FrontCommand(
        COMMANDS["backup"],
        options.BACKUP | OptionSet((options.FRONT_SOURCE_OPTION,)),
        ("backup [OPTIONS] path", "backup [OPTIONS] @LOCATION"),
        takes=(0, _MANY),
    ),
    "archive": FrontCommand(
        COMMANDS["archive"],
        options.ARCHIVE,
        ("archive [OPTIONS] [SNAPSHOT[:PATH]]",),
        takes=(1, _MANY),
        few="need at least one snapshot ID to pull",
    ),
    "cat": FrontCommand(COMMANDS["cat"], options.CAT, ("cat [OPTIONS] [SNAPSHOT[:PATH]]...",), takes=(1, _MANY)),
    "check": FrontCommand(
        COMMANDS["check"],
        options.CHECK | upkeep_options.CHECK | options.LOCATION,
        ("check [OPTIONS] [SNAPSHOT[:PATH]]...",),
        takes=(0, _MANY),
    ),
    "create": FrontCommand(
        COMMANDS["create"],
        options.CREATE,
        ("plakar [at /path/to/repository] create [OPTIONS]", "plakar [at @REPOSITORY] create [OPTIONS]"),
        Needs.LOCATION,
        many="plakar: too many parameters",
    ),
    "diff": FrontCommand(
        COMMANDS["diff"],
        options.DIFF,
        ("diff [OPTIONS] SNAPSHOT:PATH SNAPSHOT[:PATH]",),
        takes=(1, 2),
        few="needs at least a snapshot ID and/or snapshot file to diff",
        many="needs at least a snapshot ID and/or snapshot file to diff",
    ),
    "digest": FrontCommand(
        COMMANDS["digest"], options.DIGEST, ("digest [OPTIONS] [SNAPSHOT[:PATH]]...",), takes=(1, _MANY)
    ),
    "dup": FrontCommand(
        COMMANDS["dup"], OptionSet(()), ("dup [OPTIONS] [SNAPSHOT[:PATH]]...",), takes=(1, _MANY), lists_options=True
    ),
    "info": FrontCommand(
        COMMANDS["info"], options.INFO, ("info [-errors] [SNAPSHOT]",), takes=(0, 1), lists_options=False
    ),
    "locate": FrontCommand(
        COMMANDS["locate"], options.LOCATE | options.LOCATION, ("locate [OPTIONS] PATTERN...",), takes=(0, _MANY)
    ),
    "ls": FrontCommand(
        COMMANDS["ls"], options.LS | options.LOCATION, ("ls [OPTIONS] [SNAPSHOT[:PATH]]",), takes=(0, 1)
    ),
    "maintenance": FrontCommand(
        COMMANDS["maintenance"], upkeep_options.MAINTENANCE, ("maintenance",), takes=(0, _MANY)
    ),
    "repair": FrontCommand(COMMANDS["repair"], options.APPLY | upkeep_options.REPAIR, ("repair",), takes=(0, _MANY)),
    "prune": FrontCommand(
        COMMANDS["prune"],
        options.APPLY | upkeep_options.PRUNE | options.LOCATION,
        ("prune [OPTIONS] SNAPSHOT...",),
        takes=(0, _MANY),
    ),
    "mount": FrontCommand(
        COMMANDS["mount"],
        snapshot_options.MOUNT | options.LOCATION,
        ("mount [-to PATH] [snapshotID]",),
        takes=(0, _MANY),
        lists_options=False,
    ),
    "ptar": FrontCommand(
        COMMANDS["ptar"],
        snapshot_options.FRONT_PTAR,
        ("plakar ptar [OPTIONS] -o out.ptar [@location | path]...",),
        Needs.LOCATION,
        (0, _MANY),
        types={"k": "value", "kloset": "value"},
    ),
    "restore": FrontCommand(
        COMMANDS["restore"],
        options.RESTORE | OptionSet((options.TARGET, options.FRONT_SOURCE_OPTION)),
        ("restore [OPTIONS] [SNAPSHOT[:PATH]]...",),
        takes=(0, _MANY),
    ),
    "rm": FrontCommand(
        COMMANDS["rm"], options.APPLY | options.FILTERS, ("rm [OPTIONS] SNAPSHOT...",), takes=(0, _MANY)
    ),
    "server": FrontCommand(COMMANDS["server"], options.SERVER, ("server [OPTIONS]",), Needs.LOCATION),
    "sync": FrontCommand(
        COMMANDS["sync"],
        options.SYNC | options.LOCATION,
        ("sync [SNAPSHOT] to REPOSITORY", "sync [SNAPSHOT] from REPOSITORY", "sync [SNAPSHOT] with REPOSITORY"),
        takes=(2, 3),
        few="usage: sync [SNAPSHOT] to|from|with REPOSITORY",
        has_heading=False,
    ),
    "version": FrontCommand(
        "plait.cli.commands.repository.info:front_version", OptionSet(()), ("version",), Needs.NOTHING
    ),
    **_diag_commands(),
    **_policy_commands(),
    **_entry_commands("store"),
    **_entry_commands("source"),
    **_entry_commands("destination"),
}
HIDDEN: Final = frozenset({"diag"})
"""Commands that are in no listing."""
ABSENT: Final = (
    "cached",
    "login",
    "logout",
    "pkg",
    "service",
    "token",
    "ui",
)
"""Commands of the original that the front does not have."""
