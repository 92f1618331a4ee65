"""A listing drawn as a tree, as `rclone tree` draws it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from plait.model.items import order_bytes
from plait.model.values.layouts import show_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.mirror.verbs.entries import Entry

_COLUMN: Final = "│   "
_PIECES: Final = re.compile("[0-9]+|[^0-9]")
_UNITS: Final = (("E", 60), ("P", 50), ("T", 40), ("G", 30), ("M", 20), ("K", 10))


class TreeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a tree is drawn: the flags of `rclone tree` by their names, `units` for `--human-readable`.

    `sort` is name, version, size, mtime or ctime, "" for names, none for unsorted. `level` 0 is all levels.
    """

    every: bool = False
    directories_only: bool = False
    full_path: bool = False
    indent: bool = True
    level: int = 0
    sizes: bool = False
    units: bool = False
    protections: bool = False
    quote: bool = False
    times: bool = False
    sort: str = ""
    reverse: bool = False
    directories_first: bool = False
    color: Callable[[Entry, str], str] | None = None


class Node:
    """An entry and what is below it."""

    def __init__(self, entry: Entry | None, depth: int) -> None:
        self.entry = entry
        self.depth = depth
        self.nodes: list[Node] = []

    @property
    def is_directory(self) -> bool:
        """True for the root, too."""
        return self.entry is None or self.entry.is_directory


class Tree:
    """Grows from entries, and draws itself; counts what it shows."""

    def __init__(self, entries: Iterable[Entry], options: TreeOptions) -> None:
        self._options = options
        self.directories = 0
        self.files = 0
        self._root = Node(None, 0)
        below: dict[str, Node] = {"": self._root}
        for entry in sorted(entries, key=lambda entry: order_bytes(entry.path)):
            parent = below.get(entry.path.rpartition("/")[0])
            if parent is None or not self._shows(entry, parent):
                continue
            node = Node(entry, parent.depth + 1)
            if entry.is_directory:
                self.directories += 1
                below[entry.path] = node
            elif options.directories_only:
                continue
            else:
                self.files += 1
            parent.nodes.append(node)
        self._sort(self._root)

    def _shows(self, entry: Entry, parent: Node) -> bool:
        level = self._options.level
        return (self._options.every or not entry.name.startswith(".")) and not 0 < level <= parent.depth

    def lines(self) -> Iterator[str]:
        """The lines of the drawing."""
        yield from self._drawn(self._root, "", "")

    def report(self) -> str:
        """What stands below the drawing."""
        files = "" if self._options.directories_only else f", {self.files} files"
        # The original counts no directories where it has counted no file.
        directories = self.directories if self.files else 0
        return f"{directories} directories{files}"

    def _sort(self, node: Node) -> None:
        options = self._options
        if options.sort != "none":
            # The original's choice where several orders are asked for.
            first = options.directories_first and options.sort not in {"mtime", "ctime"}
            key = _directories_first if first else _ORDERS[options.sort]
            node.nodes.sort(key=key)
            if options.reverse:
                node.nodes.reverse()
        for child in node.nodes:
            self._sort(child)

    def _drawn(self, node: Node, lead: str, indent: str) -> Iterator[str]:
        yield lead + self._properties(node) + self._name(node)
        last = len(node.nodes) - 1
        for position, child in enumerate(node.nodes):
            if not self._options.indent:
                yield from self._drawn(child, "", "")
            elif position == last:
                yield from self._drawn(child, indent + "└── ", indent + "    ")
            else:
                yield from self._drawn(child, indent + "├── ", indent + _COLUMN)

    def _name(self, node: Node) -> str:
        entry = node.entry
        path = "/" if entry is None else "/" + entry.path
        name = path if entry is None or self._options.full_path else entry.name
        if self._options.quote:
            name = f'"{name}"'
        if self._options.color is not None and entry is not None:
            name = self._options.color(entry, name)
        return name

    def _properties(self, node: Node) -> str:
        options, entry = self._options, node.entry
        parts: list[str] = []
        if options.protections and not node.is_directory:
            parts.append("-rw-rw-rw-")
        if options.sizes or options.units:
            size, known = (_size_below(node, options.level)) if node.is_directory else (_size(entry), True)
            if options.units:
                parts.append(f"{_show_units(size):>4}" if known else "????")
            else:
                parts.append(f"{size:11d}" if known else "?" * 11)
        if options.times and entry is not None and not node.is_directory:
            parts.append(_show_time(entry.modified or 0))
        return f"[{' '.join(parts)}]  " if parts else ""


def _size(entry: Entry | None) -> int:
    return 0 if entry is None else entry.size


def _size_below(node: Node, level: int) -> tuple[int, bool]:
    """The bytes of what is shown below a directory, and whether anything is known of them."""
    size, cut = 0, 0 < level <= node.depth
    for child in node.nodes:
        if child.is_directory:
            more, known = _size_below(child, level)
            size += more
            cut |= not known
        else:
            size += _size(child.entry)
    return size, not cut or size > 0


def _show_units(size: int) -> str:
    for unit, power in _UNITS:
        if size > 1 << power:
            value = size / (1 << power)
            return f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"
    return str(size)


def _show_time(moment: int) -> str:
    this_year = time.localtime().tm_year == time.localtime(moment // 10**9).tm_year
    return show_layout(moment, "Jan 02 15:04" if this_year else "Jan 02  2006")


def _name_order(node: Node) -> Any:
    return order_bytes(node.entry.name) if node.entry is not None else b""


def _version_order(node: Node) -> Any:
    """Numbers by their value, before other characters; of equal ones that with fewer zeros before it."""
    name = "" if node.entry is None else node.entry.name
    pieces = _PIECES.findall(name)
    values = tuple((0, len(p.lstrip("0")), p.lstrip("0")) if p.isdigit() else (1, 0, p) for p in pieces)
    return values, tuple(len(piece) for piece in pieces)


def _time_order(node: Node) -> Any:
    return 0 if node.entry is None else node.entry.modified or 0


def _directories_first(node: Node) -> Any:
    return not node.is_directory


_ORDERS: Final[dict[str, Callable[[Node], Any]]] = {
    "": _name_order,
    "name": _name_order,
    "version": _version_order,
    "size": lambda node: _size(node.entry),
    "mtime": _time_order,
    # No store tells when an item's attributes changed: all are equal, as in the original.
    "ctime": lambda _: 0,
}
