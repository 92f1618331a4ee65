"""How rclone's help and error lines name the types of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plait.mirror import backend_options as backend
from plait.mirror import option_types as types
from plait.model.options import Repeat

if TYPE_CHECKING:
    from plait.model.options import Option, ValueType

_HELP_NAMES: Final[dict[ValueType, str]] = {
    types.SWITCH: "",
    types.COUNT: "count",
    types.INTEGER: "int",
    types.NUMBER: "float",
    types.SIZE: "SizeSuffix",
    types.DURATION: "Duration",
    types.INTERVAL: "Duration",
    types.AGE: "Duration",
    types.BANDWIDTH: "BwTimetable",
    types.COMMAND: "SpaceSepList",
    backend.KEPT_SIZE: "SizeSuffix",
    backend.KEPT_INTEGER: "int",
    backend.KEPT_DURATION: "Duration",
    backend.ENCODING: "Encoding",
    backend.TRISTATE: "Tristate",
    backend.MOMENT: "Time",
    backend.DRIVE_BITS: "Bits",
    backend.SDK_BITS: "Bits",
}
_GO_NAMES: Final[dict[ValueType, str]] = {
    types.SWITCH: "bool",
    types.INTEGER: "int",
    types.NUMBER: "float64",
    types.SIZE: "fs.SizeSuffix",
    types.INTERVAL: "time.Duration",
    types.AGE: "fs.Duration",
    types.BANDWIDTH: "fs.BwTimetable",
    backend.KEPT_SIZE: "fs.SizeSuffix",
    backend.KEPT_INTEGER: "int",
    backend.KEPT_DURATION: "fs.Duration",
    backend.ENCODING: "encoder.MultiEncoder",
    backend.TRISTATE: "fs.Tristate",
    backend.MOMENT: "fs.Time",
}
_PACKAGE: Final = "github.com/rclone/rclone"
_GO_NAMES_BY_OPTION: Final = {
    "max-delete": "int64",
    "log-file-max-age": "fs.Duration",
    "default-time": "fs.Time",
    "cutoff-mode": f"fs.Enum[{_PACKAGE}/fs.cutoffModeChoices]",
    **dict.fromkeys(("log-level", "stats-log-level"), f"fs.Enum[{_PACKAGE}/fs.logLevelChoices]"),
    "color": f"fs.Enum[{_PACKAGE}/fs.terminalColorModeChoices]",
    "log-format": f"fs.Bits[{_PACKAGE}/fs/log.logFormatChoices]",
    "dump": f"fs.Bits[{_PACKAGE}/fs.dumpChoices]",
    "local-time-type": f"fs.Enum[{_PACKAGE}/backend/local.timeTypeChoices]",
    "s3-sdk-log-mode": f"fs.Bits[{_PACKAGE}/backend/s3.sdkLogModeChoices]",
    **dict.fromkeys(backend.DRIVE_BIT_OPTIONS, f"fs.Bits[{_PACKAGE}/backend/drive.rwChoices]"),
}
_PARSED_BY_PFLAG: Final = frozenset(
    {
        "create-empty-src-dirs",
        "delete-empty-src-dirs",
        "delete-after",
        "delete-before",
        "delete-during",
        "download",
        "one-way",
        "json",
        "help",
        "quiet",
        "version",
    }
)
"""Switches that rclone declares with pflag itself; its words for a bad value are shorter there."""


def help_name(option: Option) -> str:
    """What stands after the flag in help: `int`, `stringArray`, `` for a switch."""
    if option.repeat is Repeat.APPEND:
        return "stringArray"
    if option.type.choices:
        return "|".join(option.type.choices)
    return _HELP_NAMES.get(option.type, "string")


def default_text(option: Option) -> str:
    """What help says of the default, "" where it is nothing worth saying."""
    default = option.default
    if default in ("", (), None, False) or (default == 0 and option.type is not types.DURATION):
        return "off" if option.type is types.SIZE and default is None else ""
    text = option.type.show(default)
    return f'"{text}"' if help_name(option) == "string" else text


def bad_value(option: Option, text: str, reason: str) -> str:
    """The words for a value that a flag does not take."""
    flag = f"-{option.short}, --{option.name}" if option.short else f"--{option.name}"
    name = None if option.name in _PARSED_BY_PFLAG else _GO_NAMES_BY_OPTION.get(option.name, _GO_NAMES.get(option.type))
    if option.type is types.SWITCH:
        reason = f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax"
    if option.name == "default-time":
        reason = f"strconv.ParseFloat: parsing {quoted(text)}: invalid syntax"
    if option.type is types.NUMBER:
        reason = f"strconv.ParseFloat: {reason}"
    if option.type in {types.DURATION, types.AGE, backend.KEPT_DURATION}:
        reason = f'parsing time {quoted(text)} as "2006-01-02": cannot parse {quoted(text)} as "2006"'
    parsing = f"parsing {quoted(text)} as {name} failed: " if name else ""
    return f"invalid argument {quoted(text)} for {quoted(flag)} flag: {parsing}{reason}"


def quoted(text: str) -> str:
    """`text` as Go's `%q` writes it."""
    import json

    return json.dumps(text, ensure_ascii=False)
