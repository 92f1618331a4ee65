"""A YAML document read by the types of its fields, as Litestream's YAML library does, with its errors.

Scalars keep their text until a field says what it wants: `access-key-id: 0123` is text, `sync-interval: 5` are
nanoseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from plait.model.errors import ConfigurationError
from plait.model.values.durations import parse_go_duration
from plait.model.values.times import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

Node: TypeAlias = yaml.Node

_ROOT: Final = 'struct { Snapshot *main.SnapshotConfig "yaml:\\"snapshot\\"" }'
"""What Litestream reads a document as, first of all."""
_PROBLEMS: Final = (
    (r"expected the node content, but found .*", "did not find expected node content"),
    (r"found character .* that cannot start any token", "found character that cannot start any token"),
    (r"expected <block end>, but found .*", "did not find expected key"),
    (r"expected ('.' or '.'), but got .*", r"did not find expected \1"),
    (r"mapping values are not allowed here", "mapping values are not allowed in this context"),
    (r"sequence entries are not allowed here", "block sequence entries are not allowed in this context"),
    (r"found undefined alias (.*)", r"unknown anchor \1 referenced"),
)
"""Problems in this library's words, and in those of Litestream's."""
_NULL: Final = "tag:yaml.org,2002:null"
_INTEGER: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_TRUE: Final = frozenset(["true", "yes", "on", "y"])
_FALSE: Final = frozenset(["false", "no", "off", "n"])
_SHORT: Final[Mapping[str, str]] = {"tag:yaml.org,2002:map": "!!map", "tag:yaml.org,2002:seq": "!!seq"}


def parse_document(text: str) -> Fields:
    """The fields of the first document; an empty one has none. Raises ConfigurationError where it is no YAML."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError:
        raise ConfigurationError("yaml: control characters are not allowed") from None
    try:
        loader.check_node()
        return Fields(loader.get_node(), loader, _ROOT)
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(f"yaml: {_place(error)}{_words(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"yaml: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigurationError("yaml: exceeded max depth of 10000") from None
    finally:
        loader.dispose()


def _place(error: yaml.MarkedYAMLError) -> str:
    """The line as Litestream's library counts: from none, and where its scanner found the fault from one."""
    is_scanned = isinstance(error, yaml.scanner.ScannerError)
    for mark, more in ((error.problem_mark, int(is_scanned)), (error.context_mark, 0)):
        if mark is not None and mark.line and not isinstance(error, yaml.composer.ComposerError):
            return f"line {mark.line + more}: "
    return ""


def _words(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, in the words of Litestream's library."""
    problem = error.problem or str(error)
    if error.context == "while parsing a block collection" and problem.startswith("expected <block end>"):
        return "did not find expected '-' indicator"
    for pattern, instead in _PROBLEMS:
        found = re.fullmatch(pattern, problem)
        if found is not None:
            return found.expand(instead)
    return problem


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
            return (_whole(node) if node.tag in {_INTEGER, _FLOAT} else parse_go_duration(text)) / NANOSECONDS
        except (ValueError, OverflowError):
            raise _unfit(node, "time.Duration") from None

    def given_duration(self, name: str) -> float | None:
        """As `duration`; None where the field is absent or null."""
        return self.duration(name, 0.0) if self.has(name) else None

    def integer(self, name: str, default: int, wanted: str = "int") -> int:
        """A whole number, also in octal or hexadecimal digits; of another number what stands before its point.

        `wanted` names the type in an error.
        """
        node = self._nodes.get(name)
        if node is None:
            return default
        try:
            return _whole(node)
        except (ValueError, OverflowError):
            raise _unfit(node, wanted) from None

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


def _whole(node: Node) -> int:
    text = _scalar(node, "int").replace("_", "")
    if node.tag == _FLOAT:
        return int(float(text))
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
