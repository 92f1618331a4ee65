"""A YAML document read by the types of its fields, as Litestream's YAML library does, with its errors.

Scalars keep their text until a field says what it wants: `access-key-id: 0123` is text, `sync-interval: 5` are
nanoseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from plait.model.errors import ConfigurationError
from plait.model.values.durations import parse_go_duration
from plait.model.values.times import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

Node: TypeAlias = yaml.Node

_NULL: Final = "tag:yaml.org,2002:null"
_INTEGER: Final = "tag:yaml.org,2002:int"
_TRUE: Final = frozenset(["true", "yes", "on", "y"])
_FALSE: Final = frozenset(["false", "no", "off", "n"])
_SHORT: Final[Mapping[str, str]] = {"tag:yaml.org,2002:map": "!!map", "tag:yaml.org,2002:seq": "!!seq"}


def parse_document(text: str) -> Fields:
    """The fields of a document; an empty one has none. Raises ConfigurationError where it is no YAML."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return Fields(node, loader, "main.Config")
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark is not None else ""
        raise ConfigurationError(f"yaml: {line}{error.problem or error}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"yaml: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


class Fields:
    """The fields of a mapping. A field that is absent or null has its default."""

    def __init__(self, node: Node | None, loader: yaml.SafeLoader, wanted: str) -> None:
        """`wanted` names the type in an error. Raises ConfigurationError for what is no mapping."""
        self._loader = loader
        self._nodes: dict[str, Node] = {}
        if node is None or node.tag == _NULL:
            return
        if not isinstance(node, yaml.MappingNode):
            raise _unfit(node, wanted)
        loader.flatten_mapping(node)
        for key, value in node.value:
            if value.tag != _NULL:
                self._nodes[str(key.value)] = value

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._nodes

    def fields(self, name: str, wanted: str) -> Fields:
        """A mapping below this one."""
        return Fields(self._nodes.get(name), self._loader, wanted)

    def list(self, name: str, wanted: str) -> list[Fields]:
        """A sequence of mappings."""
        node = self._nodes.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise _unfit(node, f"[]*{wanted}")
        return [Fields(item, self._loader, wanted) for item in node.value]

    def text(self, name: str, default: str = "") -> str:
        """A scalar, as it stands."""
        node = self._nodes.get(name)
        return default if node is None else _scalar(node, "string")

    def duration(self, name: str, default: float) -> float:
        """Seconds of a duration in Go's spelling; a bare number is of nanoseconds."""
        node = self._nodes.get(name)
        if node is None:
            return default
        text = _scalar(node, "time.Duration")
        try:
            return (int(text) if node.tag == _INTEGER else parse_go_duration(text)) / NANOSECONDS
        except ValueError:
            raise _unfit(node, "time.Duration") from None

    def given_duration(self, name: str) -> float | None:
        """As `duration`; None where the field is absent or null."""
        return self.duration(name, 0.0) if self.has(name) else None

    def integer(self, name: str, default: int) -> int:
        """A whole number, also in octal or hexadecimal digits."""
        node = self._nodes.get(name)
        if node is None:
            return default
        try:
            return _integer(_scalar(node, "int"))
        except ValueError:
            raise _unfit(node, "int") from None

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false in any of YAML's words."""
        node = self._nodes.get(name)
        if node is None:
            return default
        text = _scalar(node, "bool").lower()
        if text not in _TRUE | _FALSE:
            raise _unfit(node, "bool")
        return text in _TRUE


def _scalar(node: Node, wanted: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _unfit(node, wanted)
    return str(node.value)


def _integer(text: str) -> int:
    text = text.replace("_", "")
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits.startswith("0") and digits.isdigit():
        return int(text, 8)
    return int(text, 0)


def _unfit(node: Node, wanted: str) -> ConfigurationError:
    tag = _SHORT.get(node.tag, "!!" + node.tag.rpartition(":")[2])
    value = f" `{str(node.value)[:10]}`" if isinstance(node, yaml.ScalarNode) else ""
    fault = f"cannot unmarshal {tag}{value} into {wanted}"
    if node.start_mark is None:
        # It was no YAML, and has no lines.
        return ConfigurationError(fault)
    return ConfigurationError(f"yaml: unmarshal errors:\n  line {node.start_mark.line + 1}: {fault}")
