"""The options of the repository's commands, each declared once for Plait's own face and for the plakar front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.mirror.option_types import BANDWIDTH, FILE, INTEGER, SWITCH, TEXT, choice
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plait.model.options import Values
    from plait.repository.selection import Query


def _moment(text: str) -> int | None:
    import time

    from plait.model.errors import UsageError
    from plait.repository.moments import parse_moment

    try:
        return parse_moment(text, time.time_ns())
    except UsageError as error:
        raise ValueError(error.message) from None


def _grouping(text: str) -> str:
    from plait.model.errors import UsageError
    from plait.repository.selection import Grouping

    try:
        grouping = Grouping.named(text)
    except UsageError as error:
        raise ValueError(error.message) from None
    return "" if grouping is None else grouping.value


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError("a setting is KEY=VALUE")
    return key, value


def _plain_setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    return key, value if equals else "true"


def _show_moment(moment: int | None) -> str:
    from plait.model.values.times import show_rfc3339

    return "" if moment is None else show_rfc3339(moment)


MOMENT: Final = ValueType("TIME", _moment, _show_moment)
"""A date, or a duration before now; None where it is empty."""
GROUPING: Final = ValueType("KEY", _grouping)
SETTING: Final = ValueType("KEY=VALUE", _setting)
DIRECTORY: Final = ValueType("DIR", str, completes="directory")


def _text(name: str, help_text: str, *, default: str = "") -> Option:
    return Option(name, TEXT, default=default, help=help_text, section=Section.SNAPSHOT)


def _texts(name: str, help_text: str) -> Option:
    return Option(name, TEXT, default=(), help=help_text, section=Section.SNAPSHOT, repeat=Repeat.APPEND)


def _switch(name: str, help_text: str, section: Section = Section.MAIN) -> Option:
    return Option(name, SWITCH, default=False, help=help_text, section=section)


JSON: Final = _switch("json", "Print JSON, one object a line", Section.OUTPUT)
QUIET: Final = _switch("quiet", "Print errors and results only", Section.OUTPUT)
SILENT: Final = _switch("silent", "Print nothing but errors", Section.OUTPUT)
KEY_FILE: Final = Option(
    "keyfile", FILE, default="", help="Read the passphrase of the repository from FILE", section=Section.CONFIGURATION
)
CONFIGURATION_DIRECTORY: Final = Option(
    "configdir",
    DIRECTORY,
    default="",
    help="Read stores.yml and its kin in DIR instead of plakar's own directory",
    section=Section.CONFIGURATION,
)
CACHE_DIRECTORY: Final = Option(
    "cachedir", DIRECTORY, default="", help="Keep the index of repositories in DIR", section=Section.CONFIGURATION
)
REPOSITORY: Final = OptionSet((KEY_FILE, CONFIGURATION_DIRECTORY, CACHE_DIRECTORY, JSON, QUIET, SILENT))
"""What every command takes that opens a repository."""

FILTERS: Final = OptionSet(
    (
        Option("before", MOMENT, default=None, help="Take snapshots of TIME and older", section=Section.SNAPSHOT),
        Option("since", MOMENT, default=None, help="Take snapshots of TIME and newer", section=Section.SNAPSHOT),
        _text("name", "Take snapshots of this name"),
        _text("category", "Take snapshots of this category"),
        _text("environment", "Take snapshots of this environment"),
        _text("perimeter", "Take snapshots of this perimeter"),
        _text("job", "Take snapshots of this job"),
        _text("dataset", "Take snapshots of this dataset"),
        _texts("tag", "Take snapshots with all of these tags (repeat or comma-separated); !TAG: without it"),
        _texts("root", "Take snapshots of any of these directories (repeat or comma-separated)"),
        _texts("type", "Take snapshots of any of these types of source, such as fs (repeat or comma-separated)"),
        _texts("origin", "Take snapshots of any of these hosts (repeat or comma-separated)"),
        _texts("data-class", "Take snapshots of any of these data classes (repeat or comma-separated)"),
        _switch("latest", "Take the newest of these snapshots only", Section.SNAPSHOT),
        Option(
            "group-by",
            GROUPING,
            default="",
            help="Apply the periods to each group: name, category, environment, perimeter, job, dataset, data-class, "
            "tag, origin, type or root",
            section=Section.SNAPSHOT,
        ),
    )
)
"""The location flags that narrow."""

UNITS: Final = ("minute", "hour", "day", "week", "month", "year")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _count(name: str, help_text: str) -> Option:
    return Option(name, INTEGER, default=0, help=help_text, section=Section.SNAPSHOT)


def _periods() -> tuple[Option, ...]:
    kept = [_count(f"{unit}s", f"Take snapshots of the last N {unit}s") for unit in UNITS]
    kept += [_count(f"{day}s", f"Take snapshots of the last N {day.capitalize()}s") for day in WEEKDAYS]
    capped = [_count(f"per-{unit}", f"Take at most N snapshots a {unit}") for unit in UNITS]
    capped += [_count(f"per-{day}", f"Take at most N snapshots a {day.capitalize()}") for day in WEEKDAYS]
    return (*kept, *capped)


PERIODS: Final = OptionSet(_periods())
"""The location flags that keep so much of each period."""
LOCATION: Final = FILTERS | PERIODS


def named_snapshots(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a command that removes snapshots: the beginnings of their identifiers.

    An empty one is a variable that was not set. It is the beginning of every identifier, and means none.
    """
    return tuple(filter(None, words))


def query(values: Values, *, prefixes: tuple[str, ...] = ()) -> Query:
    """What the location flags ask for."""
    from plait.repository.retention import Allowance
    from plait.repository.selection import Grouping, Query, split_list, split_tags

    tags, ignored = split_tags(values.tag)
    periods = {}
    if values.options.named("days") is not None:
        for unit in (*UNITS, *WEEKDAYS):
            allowance = Allowance(getattr(values, f"{unit}s"), getattr(values, f"per_{unit}"))
            if allowance:
                periods[unit] = allowance
    return Query(
        prefixes=prefixes,
        before=values.before,
        since=values.since,
        name=values.name,
        category=values.category,
        environment=values.environment,
        perimeter=values.perimeter,
        job=values.job,
        dataset=values.dataset,
        tags=tags,
        ignored_tags=ignored,
        types=split_list(values.type),
        origins=split_list(values.origin),
        roots=split_list(values.root),
        data_classes=split_list(values.data_class),
        latest=values.latest,
        group_by=Grouping.named(values.group_by),
        periods=periods,
    )


PLAINTEXT: Final = _switch("plaintext", "Do not encrypt the repository")
CREATE: Final = OptionSet(
    (
        PLAINTEXT,
        _switch("no-compression", "Do not compress what is stored"),
        Option("hashing", TEXT, default="BLAKE3", help="Name contents by BLAKE3 or SHA256", section=Section.MAIN),
        _switch("weak-passphrase", "Take a passphrase that is easy to guess"),
    )
)
SOURCE_OPTION: Final = Option(
    "option",
    SETTING,
    default=(),
    help="Set an option of the place, as its entry could",
    section=Section.MAIN,
    repeat=Repeat.APPEND,
)
FRONT_SOURCE_OPTION: Final = Option(
    "o",
    ValueType("KEY=VALUE", _plain_setting),
    default=(),
    help="Specify extra options of the place",
    section=Section.MAIN,
    repeat=Repeat.APPEND,
)
"""The same as plakar names it."""
PACKFILES: Final = Option(
    "packfiles",
    TEXT,
    default="",
    help="A directory, or `memory`: taken as plakar takes it, and of no effect, for packfiles are built in memory",
    section=Section.PERFORMANCE,
)
CACHE: Final = Option(
    "cache",
    TEXT,
    default="vfs",
    help="With `no`, read every file again instead of comparing with the last snapshot",
    section=Section.PERFORMANCE,
)
PROGRESS: Final = Option(
    "progress",
    SWITCH,
    default=False,
    help="Show how far it is, on standard error, even where that is no terminal",
    section=Section.OUTPUT,
    short="P",
)
SQLITE: Final = Option(
    "sqlite",
    choice("image|file", "image", "file"),
    default="image",
    help="Save SQLite databases in use as a consistent image, without their logs, or as the files that they are",
    section=Section.MAIN,
)
BACKUP: Final = OptionSet(
    (
        Option(
            "tag",
            TEXT,
            default=(),
            help="Give the snapshot these tags, comma-separated",
            section=Section.SNAPSHOT,
            repeat=Repeat.APPEND,
        ),
        _text("name", "Name the snapshot", default="default"),
        _text("category", "Set the snapshot's category"),
        _text("environment", "Set the snapshot's environment"),
        _text("perimeter", "Set the snapshot's perimeter"),
        _text("job", "Set the snapshot's job"),
        Option("force-timestamp", MOMENT, default=None, help="Date the snapshot so", section=Section.SNAPSHOT),
        Option(
            "ignore",
            TEXT,
            default=(),
            help="Leave out what matches PATTERN, as in .gitignore; repeat for more",
            section=Section.FILTER,
            repeat=Repeat.APPEND,
        ),
        Option(
            "ignore-file",
            FILE,
            default=(),
            help="Read patterns to leave out from FILE, one a line",
            section=Section.FILTER,
            repeat=Repeat.APPEND,
        ),
        _switch("check", "Check the snapshot once it is made"),
        _switch("dry-run", "Show what would be saved, and save nothing"),
        _switch("no-xattr", "Leave out extended attributes", Section.METADATA),
        _switch("no-progress", "Do not count beforehand for the progress display", Section.OUTPUT),
        PACKFILES,
        CACHE,
    )
)
DELETED: Final = Option(
    "deleted",
    choice("restore|keep", "restore", "keep"),
    default="restore",
    help="Bring back snapshots that were removed there, or keep them removed",
    section=Section.SNAPSHOT,
)
KEEP_POLICY: Final = Option(
    "keep-policy",
    TEXT,
    default="",
    help="Leave out what this policy would not keep there, among what is there already",
    section=Section.SNAPSHOT,
)
SYNC_OF_PLAN: Final = OptionSet(
    (
        _switch("verify", "Read back what was copied"),
        _switch("dry-run", "Show which snapshots would be copied and how much the peer would grow; change nothing"),
        Option(
            "peer-passphrase-cmd",
            TEXT,
            default="",
            help="Take the passphrase of the peer from what this shell command prints",
            section=Section.CONFIGURATION,
        ),
        Option(
            "bwlimit",
            BANDWIDTH,
            default=None,
            help="Limit the bandwidth from and to the peer: RATE, UP:DOWN or a timetable",
            section=Section.NETWORK,
        ),
        PACKFILES,
        CACHE,
    )
)
"""How a sync is done, whatever it copies."""
SYNC: Final = OptionSet((DELETED, KEEP_POLICY)) | SYNC_OF_PLAN
SERVER: Final = OptionSet(
    (
        Option(
            "listen",
            TEXT,
            default="localhost:9876",
            help="Serve at this address, HOST:PORT",
            section=Section.MAIN,
        ),
        _switch("allow-delete", "Grant requests to delete, which maintenance and the removal of locks need"),
        Option("cert", FILE, default="", help="Serve HTTPS with this chain of certificates", section=Section.MAIN),
        Option("key", FILE, default="", help="The private key of --cert", section=Section.MAIN),
        Option(
            "token-file",
            FILE,
            default="",
            help="Answer only who gives the token in FILE, as auth_token of their entry",
            section=Section.CONFIGURATION,
        ),
        Option(
            "token-cmd",
            TEXT,
            default="",
            help="The same with the token that this shell command prints",
            section=Section.CONFIGURATION,
        ),
    )
)
RESTORE: Final = OptionSet(
    (
        _switch("skip-permissions", "Leave owners and modes as files get them", Section.METADATA),
        _text("name", "Take the newest snapshot of this name"),
        _text("category", "Take the newest snapshot of this category"),
        _text("environment", "Take the newest snapshot of this environment"),
        _text("perimeter", "Take the newest snapshot of this perimeter"),
        _text("job", "Take the newest snapshot of this job"),
        _text("tag", "Take the newest snapshot with this tag"),
    )
)
TARGET: Final = Option(
    "to", TEXT, default="", help="Restore into DIR, or the place that @NAME is", section=Section.MAIN
)
TARGET_DIRECTORY: Final = Option(
    "output",
    TEXT,
    default="",
    help="Restore into DIR, or the place that @NAME is",
    section=Section.MAIN,
    short="o",
    aliases=("to",),
)
LS: Final = OptionSet(
    (
        _switch("uuid", "Show whole identifiers"),
        _switch("recursive", "List what is below directories too"),
        _switch("tags", "Show the tags of snapshots"),
    )
)
CHECK: Final = OptionSet(
    (
        _switch("fast", "Look only whether everything is there, not whether it is whole"),
        _switch("no-verify", "Do not verify signatures"),
    )
)
CAT: Final = OptionSet(
    (
        _switch("decompress", "Decompress files that gzip compressed"),
        _switch("highlight", "Colour source code"),
    )
)
DIFF: Final = OptionSet(
    (
        _switch("highlight", "Colour the differences"),
        _switch("recursive", "Compare what is below directories too"),
    )
)
DIGEST: Final = OptionSet(
    (Option("hashing", TEXT, default="SHA256", help="Print digests by this algorithm", section=Section.MAIN),)
)
ARCHIVE: Final = OptionSet(
    (
        _text("format", "Make a tar, a tarball (with gzip) or a zip; else as the name of FILE ends", default="tarball"),
        _text("output", "Write FILE; - is standard output, default plakar-TIME.tar.gz or the like"),
        _switch("rebase", "Begin names at PATH instead of at the root"),
    )
)
LOCATE: Final = OptionSet((_text("snapshot", "Look in this snapshot only"),))
INFO: Final = OptionSet((_switch("errors", "Show the errors that the backup recorded"),))
APPLY: Final = OptionSet((_switch("apply", "Do it; without, it is only shown"),))
IMPORT: Final = OptionSet(
    (
        Option("config", TEXT, default="", help="Read FILE or URL instead of standard input", section=Section.MAIN),
        _switch("overwrite", "Replace entries that exist"),
        _switch("rclone", "Take the sections of an rclone.conf"),
    )
)
SHOW_SECRETS: Final = _switch("secrets", "Show secrets instead of ********")
SHOW: Final = OptionSet(
    (_switch("json", "Print JSON"), _switch("ini", "Print INI"), _switch("yaml", "Print YAML (default)"), SHOW_SECRETS)
)
SHOW_POLICY: Final = OptionSet((_switch("json", "Print JSON"), _switch("yaml", "Print YAML (default)")))
