"""The dialect of YAML in which the original reads and writes documents; `documents` is the way to it."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from plait.repository.configured.documents import DocumentError, Moment

_MISTAKABLE: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null", "timestamp"))
"""What text must be quoted for, so that no reader takes it for something else."""
_NULL: Final = frozenset({"~", "null", "Null", "NULL"})
_MISTAKABLE_TEXT: Final = re.compile(r"[yYnN]|0o[0-7]+")


class _Loader(yaml.BaseLoader):
    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        is_null = node.style is None and node.value in _NULL
        return "" if is_null else str(super().construct_scalar(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  (the base's signature)
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
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  (the base's signature)
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (the base's signature)
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    tag = dumper.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it untyped
    style = "|" if "\n" in text else '"' if tag in _MISTAKABLE or _MISTAKABLE_TEXT.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _represent_moment(dumper: _Dumper, moment: Moment) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", str(moment))


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Moment, _represent_moment)


def load(text: str) -> Any:
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


def dump(document: Any) -> str:
    """A document as text; dicts keep the order they have."""
    return yaml.dump(
        document, Dumper=_Dumper, default_flow_style=False, sort_keys=False, indent=4, width=2**31, allow_unicode=True
    )
