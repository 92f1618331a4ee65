"""The options of the commands about databases and their replicas, on Plait's own face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.mirror.option_types import INTEGER, SWITCH, TEXT, choice
from plait.model.options import Option, OptionSet, Section, ValueType

if TYPE_CHECKING:
    from plait.model.values.durations import Age

_GREATEST_LEVEL: Final = 9
ALL_LEVELS: Final = -1


def _seconds(text: str) -> float:
    """A number of seconds, or a duration with its unit."""
    from plait.model.values.durations import parse_duration
    from plait.model.values.times import NANOSECONDS

    try:
        found = parse_duration(text)
    except ValueError:
        raise ValueError("not a time span: use seconds, or 500ms, 90s, 1h30m") from None
    if found is None or found < 0:
        raise ValueError("not a time span: use seconds, or 500ms, 90s, 1h30m")
    return found / NANOSECONDS


def _txid(text: str) -> int:
    import re

    if re.fullmatch("[0-9a-fA-F]{1,16}", text) is None:
        raise ValueError("not a transaction: use its hexadecimal digits, at most 16")
    return int(text, 16)


def _show_txid(value: int) -> str:
    return f"{value:016x}"


def _moment(text: str) -> Age | None:
    from plait.model.values.durations import parse_age

    return parse_age(text)


def _level(text: str) -> int:
    if text == "all":
        return ALL_LEVELS
    if not (text.isascii() and text.isdecimal()) or int(text) > _GREATEST_LEVEL:
        raise ValueError("not a level: use 0 to 9, or all")
    return int(text)


SECONDS: Final = ValueType("SECONDS", _seconds, lambda value: f"{value:g}")
TXID: Final = ValueType("TXID", _txid, _show_txid)
MOMENT: Final = ValueType("TIME", _moment)
LEVEL: Final = ValueType("LEVEL", _level, lambda value: "all" if value == ALL_LEVELS else str(value))
PATH: Final = ValueType("PATH", str, completes="file")


def _option(name: str, kind: ValueType, default: Any, says: str, short: str = "", key: str = "") -> Option:
    return Option(name, kind, default=default, help=says, section=Section.DATABASE, short=short, key=key)


def _switch(name: str, says: str) -> Option:
    return _option(name, SWITCH, default=False, says=says)


JSON: Final = Option("json", SWITCH, default=False, help="Print JSON", section=Section.OUTPUT)
SOCKET: Final = _option("socket", PATH, "", "Ask the daemon at this socket, not the one at the usual places")
DRY_RUN: Final = Option(
    "dry-run", SWITCH, default=False, help="Show what would be done, and do nothing", section=Section.MAIN, short="n"
)
CONFIGURATION: Final = OptionSet(
    (
        _option("config", PATH, "", "Read the databases from this file in the format of litestream.yml"),
        _switch("no-expand-env", "Do not replace variables such as $HOME in the configuration"),
    )
)
ASKING: Final = OptionSet((SOCKET, _option("timeout", SECONDS, 30.0, "Wait for the daemon no longer than this"), JSON))
LISTING: Final = OptionSet((SOCKET, _option("timeout", SECONDS, 10.0, "Wait for the daemon no longer than this"), JSON))
SYNC: Final = ASKING | OptionSet((_switch("wait", "Wait until the replica has everything that was committed"),))
REGISTER: Final = ASKING | OptionSet((_option("replica", TEXT, "", "Replicate to this URL"),))
UNREGISTER: Final = ASKING | OptionSet((DRY_RUN,))
REPLICATE: Final = CONFIGURATION | OptionSet(
    (
        _option("exec", TEXT, "", "Run COMMAND beside the daemon, and end with it"),
        _switch("once", "Replicate what is there once, and end"),
        _switch("force-snapshot", "With --once: write a snapshot of each database"),
        _switch("enforce-retention", "With --once: delete what is no longer to be kept"),
        _switch("restore-if-db-not-exists", "Restore a database that is not there before replicating it"),
        _option("socket", PATH, "", "Open the control socket here, not at the first usual place that can be written"),
        _switch("no-socket", "Open no control socket"),
        _option("metrics", TEXT, "", "Serve metrics for Prometheus at HOST:PORT"),
        Option(
            "log-level",
            choice("LEVEL", "trace", "debug", "info", "warn", "error"),
            default="",
            help="Log from this level on",
            section=Section.OUTPUT,
        ),
        Option(
            "log-format",
            choice("FORMAT", "text", "json", "pretty"),
            default="",
            help="Write the log in this format",
            section=Section.OUTPUT,
        ),
    )
)
CHECK_MODE: Final = Option(
    "integrity-check",
    choice("MODE", "none", "quick", "full"),
    default="none",
    help="Let SQLite check the restored database before it gets its name",
    section=Section.DATABASE,
)
RESTORE: Final = OptionSet(
    (
        Option("output", PATH, default="", help="Restore to PATH", section=Section.MAIN, short="o"),
        _option("txid", TXID, None, "Restore the state after this transaction"),
        _option("timestamp", MOMENT, None, "Restore the state at this time, or this long ago"),
        Option("force", SWITCH, default=False, help="Replace a database that is there", section=Section.MAIN),
        _switch("if-db-not-exists", "Do nothing where the database is there already"),
        _switch("if-replica-exists", "Do nothing where nothing is there to be restored"),
        _switch("follow", "Go on applying what comes; the database is for reading only"),
        _option("follow-interval", SECONDS, 1.0, "Look for new transactions this often"),
        _option("parallelism", INTEGER, 8, "Fetch so many files or parts of files at once"),
        CHECK_MODE,
        DRY_RUN,
        JSON,
    )
)
VERIFY: Final = OptionSet(
    (
        _switch("verify", "Prove that the restored database equals the live one, page by page"),
        SOCKET,
    )
)
LTX: Final = OptionSet((_option("level", LEVEL, ALL_LEVELS, "List this level only"), JSON))
CHECK: Final = OptionSet(
    (
        Option(
            "integrity-check",
            choice("MODE", "none", "quick", "full"),
            default="quick",
            help="Let SQLite check a database that is restored for it; none restores none",
            section=Section.DATABASE,
        ),
        JSON,
    )
)
