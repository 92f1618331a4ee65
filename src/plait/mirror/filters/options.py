"""What a person says about filtering, as data, and the reading of the files that it names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from plait.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from plait.model.values.durations import Age

    ReadLines = Callable[[str], Iterable[str]]
    """The lines of a file (`-`: of standard input), without their ends. Raises ConfigurationError."""

# What Go's strings.TrimSpace takes off; `str.strip` would take off more.
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


class RuleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of rules, in the order in which they are read; the `_from` are names of files."""

    include: Sequence[str] = ()
    include_from: Sequence[str] = ()
    exclude: Sequence[str] = ()
    exclude_from: Sequence[str] = ()
    filter: Sequence[str] = ()
    filter_from: Sequence[str] = ()


class FilterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """All of rclone's filter flags. Sizes are bytes, both bounds inclusive; None and -1 (depth) are no limit.

    `max_depth` 1 is the root's own items. `hash_filter` is `K/N` or `@/N`.
    """

    paths: RuleOptions = RuleOptions()
    metadata: RuleOptions = RuleOptions()
    files_from: Sequence[str] = ()
    files_from_raw: Sequence[str] = ()
    files_from0: Sequence[str] = ()
    exclude_if_present: Sequence[str] = ()
    ignore_case: bool = False
    min_size: int | None = None
    max_size: int | None = None
    min_age: Age | None = None
    max_age: Age | None = None
    max_depth: int = -1
    hash_filter: str = ""


def filter_options(values: Any) -> FilterOptions:
    """The options out of an object that has each flag as an attribute: `include_from`, `metadata_filter`, and so on.

    A list that holds nothing but one empty text counts as not given, as by rclone.
    """

    def given(name: str) -> Any:
        value = getattr(values, name)
        return () if value == ("",) else value

    own = {name: given(name) for name in FilterOptions.__struct_fields__ if name not in {"paths", "metadata"}}
    names = RuleOptions.__struct_fields__
    paths = RuleOptions(**{name: given(name) for name in names})
    metadata = RuleOptions(**{name: given(f"metadata_{name}") for name in names})
    return FilterOptions(paths=paths, metadata=metadata, **own)


def read_lines(name: str) -> Iterable[str]:
    """The lines of a file, or of standard input for `-`; bytes that are not UTF-8 become surrogate escapes.

    Raises ConfigurationError where the file cannot be read.
    """
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"open {name}: {(error.strerror or str(error)).lower()}") from error
    return content.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n") if content else ()


def rule_lines(lines: Iterable[str]) -> Iterable[str]:
    """The lines that say something: trimmed, without empty ones and comments (`#`, `;`)."""
    for line in lines:
        text = line.strip(SPACES)
        if text and text[0] not in "#;":
            yield text
