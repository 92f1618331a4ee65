"""YAML documents as the original reads and writes them: scalars are text, keys sorted, four blanks a level."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""More than any configuration; a larger file is somebody's mistake."""

_MISTAKABLE: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null", "timestamp"))
"""What text must be quoted for, so that no reader takes it for something else."""
_NULL: Final = frozenset({"~", "null", "Null", "NULL"})
_MISTAKABLE_TEXT: Final = re.compile(r"[yYnN]|0o[0-7]+")


class DocumentError(ValueError):
    """The text is no YAML document of the kind that is meant."""


class Moment(str):
    """A moment as YAML writes it, which needs no quotes."""

    __slots__ = ()


class _Loader(yaml.BaseLoader):
    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        is_null = node.style is None and node.value in _NULL
        return "" if is_null else str(super().construct_scalar(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        first: dict[str, int] = {}
        for key, _ in node.value:
            if key.value in first:
                raise yaml.constructor.ConstructorError(
                    problem=f'mapping key "{key.value}" already defined at line {first[key.value]}',
                    problem_mark=key.start_mark,
                )
            if isinstance(key, yaml.ScalarNode):
                first[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    tag = dumper.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    style = "|" if "\n" in text else '"' if tag in _MISTAKABLE or _MISTAKABLE_TEXT.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _represent_moment(dumper: _Dumper, moment: Moment) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", str(moment))


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Moment, _represent_moment)


def parse(text: str) -> Any:
    """A document, every scalar as the text that stands there, null as no text; None where there is none.

    Raises DocumentError, also where a key stands twice in a map.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (it makes nothing but text, lists and dicts)
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark is not None else ""
        raise DocumentError(f"{where}{error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(" ".join(str(error).split())) from None


def emit(document: Any) -> str:
    """A document as text; dicts keep the order they have."""
    return yaml.dump(
        document, Dumper=_Dumper, default_flow_style=False, sort_keys=False, indent=4, width=2**31, allow_unicode=True
    )


def read(path: Path) -> str | None:
    """The text of a file, None where there is none. Raises OSError, DocumentError where it is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        return None
    if len(data) > SIZE_LIMIT:
        raise DocumentError("the file is too large to be a configuration")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(str(error)) from None


def write(path: Path, text: str) -> None:
    """Replaces a file by a new one, readable by its owner only; the directory is made where it is missing.

    Raises OSError; then the old file is as it was.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix="config.", suffix=".yml", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink()
        raise
