"""The flags of the litestream front's commands, as data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from plait.mirror.option_types import INTEGER, SWITCH, TEXT
from plait.model.options import Option, OptionSet, Section, ValueType
from plait.replication.control.paths import DEFAULT_SOCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL_LEVELS: Final = -1
_GREATEST_LEVEL: Final = 9


def _level(text: str) -> int:
    if text == "all":
        return ALL_LEVELS
    if re.fullmatch(r"[+-]?[0-9]+", text) is None:
        raise ValueError('invalid level: must be 0-9 or "all"')
    if not 0 <= int(text) <= _GREATEST_LEVEL:
        raise ValueError(f"level must be between 0 and {_GREATEST_LEVEL}")
    return int(text)


def _txid(text: str) -> int:
    if re.fullmatch("[0-9a-fA-F]{16}", text) is None:
        raise ValueError("invalid txid format")
    return int(text, 16)


def _duration(text: str) -> float:
    from plait.model.values.durations import parse_go_duration
    from plait.model.values.times import NANOSECONDS

    try:
        return parse_go_duration(text) / NANOSECONDS
    except ValueError:
        raise ValueError("parse error") from None


LEVEL: Final = ValueType("LEVEL", _level)
TXID: Final = ValueType("TXID", _txid)
DURATION: Final = ValueType("DURATION", _duration)


def _flag(name: str, kind: ValueType, default: Any) -> Option:
    # What help says of them stands in the usage texts.
    return Option(name, kind, default=default, help=name, section=Section.DATABASE)


_JSON: Final = _flag("json", SWITCH, default=False)
_SOCKET: Final = _flag("socket", TEXT, DEFAULT_SOCKET)
_CONFIG: Final = (_flag("config", TEXT, ""), _flag("no-expand-env", SWITCH, default=False))
_DRY_RUN: Final = _flag("dry-run", SWITCH, default=False)


def _asking(timeout: int, *more: Option) -> OptionSet:
    return OptionSet((_SOCKET, _flag("timeout", INTEGER, timeout), _JSON, *more))


OPTIONS: Final[Mapping[str, OptionSet]] = {
    "databases": OptionSet((*_CONFIG, _JSON)),
    "info": _asking(10),
    "list": _asking(10),
    "ltx": OptionSet((*_CONFIG, _JSON, _flag("level", LEVEL, 0))),
    "register": _asking(30, _flag("replica", TEXT, "")),
    "replicate": OptionSet(
        (
            *_CONFIG,
            _flag("exec", TEXT, ""),
            _flag("once", SWITCH, default=False),
            _flag("force-snapshot", SWITCH, default=False),
            _flag("enforce-retention", SWITCH, default=False),
            _flag("log-level", TEXT, ""),
            _flag("restore-if-db-not-exists", SWITCH, default=False),
        )
    ),
    "reset": OptionSet((*_CONFIG, _DRY_RUN)),
    "restore": OptionSet(
        (
            *_CONFIG,
            _JSON,
            _DRY_RUN,
            _flag("o", TEXT, ""),
            _flag("txid", TXID, None),
            _flag("timestamp", TEXT, ""),
            _flag("if-db-not-exists", SWITCH, default=False),
            _flag("if-replica-exists", SWITCH, default=False),
            _flag("force", SWITCH, default=False),
            _flag("f", SWITCH, default=False),
            _flag("follow-interval", DURATION, 1.0),
            _flag("parallelism", INTEGER, 8),
            _flag("integrity-check", TEXT, "none"),
        )
    ),
    "start": _asking(30),
    "status": OptionSet((*_CONFIG, _JSON)),
    "stop": _asking(30),
    "sync": _asking(30, _flag("wait", SWITCH, default=False)),
    "unregister": _asking(30, _DRY_RUN),
    "version": OptionSet((_flag("verbose", SWITCH, default=False),)),
}
