"""The streaming merge against a model that holds both trees in memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.engine.listing import EntryFailed
from plait.engine.merge import merge
from plait.engine.names import NFC, NFC_FOLDED, Names
from plait.engine.steps import Duplicate, Leave, ListingFailed, New, Pair, Same, Step
from plait.model.errors import PermissionDeniedError
from plait.model.items import UNKNOWN_TIME, Item, Kind, Page, Stat, order_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plait.engine.cursor import Open

File: TypeAlias = tuple[int, int | None]
Tree: TypeAlias = "dict[str, File | Tree]"
Key: TypeAlias = tuple[str | None, str | None]

NAMES = st.sampled_from(
    [
        *("a", "a-b", "a.b", "a0", "b", "A", "B", "k", "K", "\u212a", ";", "\u037e", "x"),
        # Twins: composed, decomposed; singletons whose normal form stands before and after them; undecodable bytes.
        *("\u00e9", "e\u0301", "E\u0301", "\u00c9", "\u00c5", "\u212b", "\u8c48", "\uf900", "\u0130", "i", "\udcff"),
        *("\uffee", "\U0001f600", "\udc80\u00e9", "a\u0323\u0307", "a\u0307\u0323", "\u03a3", "\u03c3"),
    ]
)
FILES = st.tuples(st.integers(0, 2), st.none() | st.integers(0, 2))
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=6),
    lambda inner: st.dictionaries(NAMES, FILES | inner, max_size=6),
    max_leaves=25,
)
RULES = st.sampled_from([None, NFC, NFC_FOLDED, Names(unicode=False, fold=True)])


def entries(tree: Tree) -> list[tuple[str, str, File | Tree]]:
    """(order key, name, entry), in listing order. One name is a file or a directory, as in a store with directories."""
    named = [(name + "/" if isinstance(entry, dict) else name, name, entry) for name, entry in tree.items()]
    return sorted(named, key=lambda entry: order_bytes(entry[0]))


class Broken:
    """Where a listing fails: directories that cannot be listed, entries that cannot be read."""

    def __init__(self, directories: frozenset[str] = frozenset(), names: frozenset[str] = frozenset()) -> None:
        self.directories = directories
        self.names = names


def opened(tree: Tree, width: int, *, asks: bool, broken: Broken | None = None) -> Open:
    """A listing of the tree in pages of `width` items, from a store that asks before it enters a directory or not."""
    faults = broken or Broken()

    def pages(prefix: str, descend: Callable[[str], bool]) -> Iterator[Page | EntryFailed]:
        inner: Tree = tree
        for component in prefix.split("/")[:-1]:
            found = inner[component]
            assert isinstance(found, dict)
            inner = found
        return below(inner, prefix, descend)

    def below(inner: Tree, prefix: str, descend: Callable[[str], bool]) -> Iterator[Page | EntryFailed]:
        if prefix[:-1] in faults.directories and prefix:
            yield Page.failed(prefix[:-1], PermissionDeniedError("no"))
            return
        page: list[tuple[str, Stat]] = []
        # What could not be read has no kind: it stands where a file would.
        unread = {name: (0, 0) for name in inner if prefix + name in faults.names}
        for _, name, entry in entries(inner | unread):
            if prefix + name in faults.names:
                if page:
                    yield Page.of(prefix, page)
                    page = []
                yield EntryFailed(prefix[:-1], name, PermissionDeniedError("no"))
            elif isinstance(entry, dict):
                page.append((name, Stat(Kind.DIRECTORY)))
                yield Page.of(prefix, page)
                page = []
                if not asks or descend(prefix + name):
                    yield from below(entry, prefix + name + "/", descend)
            else:
                page.append((name, Stat(Kind.FILE, entry[0], entry[1])))
                if len(page) == width:
                    yield Page.of(prefix, page)
                    page = []
        if page:
            yield Page.of(prefix, page)

    return pages


class Model:
    """What the merge must yield: pairs, and what it must call a duplicate."""

    def __init__(self, names: Names | None) -> None:
        self.names = names
        self.pairs: Counter[Key] = Counter()
        self.duplicates: Counter[str] = Counter()

    def table(self, tree: Tree | None, prefix: str | None) -> dict[str, tuple[str, File | Tree]]:
        table: dict[str, tuple[str, File | Tree]] = {}
        for order, name, entry in entries(tree or {}):
            normal = self.names.normal(order) if self.names else order
            key = (prefix or "") + name
            if normal in table:
                self.duplicates[key] += 1
            else:
                table[normal] = (key, entry)
        return table

    def walk(self, source: Tree | None, destination: Tree | None, prefixes: Key = ("", "")) -> None:
        left, right = self.table(source, prefixes[0]), self.table(destination, prefixes[1])
        for normal in left.keys() | right.keys():
            mine, others = left.get(normal), right.get(normal)
            keys = (mine and mine[0], others and others[0])
            self.pairs[keys] += 1
            if normal.endswith("/"):
                trees = [side[1] if side and isinstance(side[1], dict) else None for side in (mine, others)]
                self.walk(trees[0], trees[1], (f"{keys[0]}/", f"{keys[1]}/"))


def key_of(item: Item | None) -> str | None:
    return None if item is None else item.key


def parent(key: str | None) -> str | None:
    return None if key is None else key.rpartition("/")[0]


def pairs_in(step: Step) -> list[Pair]:
    if isinstance(step, Same):
        return [Pair(a, b) for a, b in zip(step.source.items(), step.destination.items(), strict=True)]
    if isinstance(step, New):
        return [Pair(item, None) for item in step.files.items()]
    return [step] if isinstance(step, Pair) else []


def read(steps: Iterator[Step]) -> tuple[Counter[Key], Counter[str]]:
    """The pairs and duplicates among the steps; checks that they nest like the tree."""
    pairs: Counter[Key] = Counter()
    duplicates: Counter[str] = Counter()
    stack: list[Key] = [("", "")]
    opened_pairs: list[Pair] = []
    for step in steps:
        for pair in pairs_in(step):
            keys = (key_of(pair.source), key_of(pair.destination))
            pairs[keys] += 1
            for key, directory in zip(keys, stack[-1], strict=True):
                assert key is None or parent(key) == directory
            item = pair.source or pair.destination
            assert item is not None
            if item.is_directory:
                stack.append(keys)
                opened_pairs.append(pair)
        if isinstance(step, Same):
            assert [a.stat for a in step.source.items()] == [b.stat for b in step.destination.items()]
            assert not step.source.kinds.strip(b"\0")
            assert UNKNOWN_TIME not in memoryview(step.source.modified).cast("q")
        elif isinstance(step, New):
            assert not step.files.kinds.strip(b"\0")
            assert len(step.files) > 1
        elif isinstance(step, Leave):
            stack.pop()
            assert step.pair == opened_pairs.pop()
        elif isinstance(step, Duplicate):
            duplicates[step.item.key] += 1
    assert stack == [("", "")]
    return pairs, duplicates


@given(
    source=TREES,
    destination=TREES,
    names=RULES,
    width=st.integers(1, 4),
    runs=st.tuples(st.booleans(), st.booleans()),
    asks=st.booleans(),
)
def test_merge_yields_what_the_model_yields(
    source: Tree, destination: Tree, names: Names | None, width: int, runs: tuple[bool, bool], *, asks: bool
) -> None:
    model = Model(names)
    model.walk(source, destination)
    listings = opened(source, width, asks=asks), opened(destination, 3, asks=not asks)
    steps = merge(*listings, names=names, runs=runs[0], new_runs=runs[1])
    assert read(steps) == (model.pairs, model.duplicates)


def test_new_files_of_a_directory_come_as_one_run() -> None:
    source: Tree = {"a": (1, 1), "b": (2, 2), "d": {"x": (1, 1), "y": (1, 1)}, "e": (1, 1), "f": (1, 1), "z": (1, 1)}
    destination: Tree = {"c": (1, 1), "e": (1, 1)}
    steps = merge(opened(source, 9, asks=True), opened(destination, 9, asks=True), new_runs=True)
    runs = [step.files for step in steps if isinstance(step, New)]
    assert [(run.prefix, run.names) for run in runs] == [("", ["a", "b"]), ("d/", ["x", "y"]), ("", ["f", "z"])]


@given(tree=TREES, names=RULES, width=st.integers(1, 4))
def test_a_tree_and_itself_differ_in_nothing(tree: Tree, names: Names | None, width: int) -> None:
    steps = list(merge(opened(tree, width, asks=True), opened(tree, 2, asks=False), names=names, runs=True))
    assert all(pair.source == pair.destination for step in steps for pair in pairs_in(step))
    known = [pair for step in steps if isinstance(step, Pair) for pair in [step]]
    files = [pair.source for pair in known if pair.source is not None and not pair.source.is_directory]
    if names is None:
        assert all(item.modified is None for item in files)


@given(source=TREES, destination=TREES, asks=st.booleans(), data=st.data())
def test_what_one_side_could_not_list_is_not_taken_for_absent(
    source: Tree, destination: Tree, *, asks: bool, data: st.DataObject
) -> None:
    model = Model(None)
    model.walk(source, None)
    keys = sorted((keys[0] or "" for keys in model.pairs), key=order_bytes)
    some = st.frozensets(st.sampled_from(keys), max_size=2) if keys else st.just(frozenset())
    broken = Broken(data.draw(some), data.draw(some))
    steps = list(merge(opened(source, 2, asks=asks, broken=broken), opened(destination, 2, asks=asks)))
    failed = {step.directory for step in steps if isinstance(step, ListingFailed)}
    for step in steps:
        if isinstance(step, Pair) and step.source is None and step.destination is not None:
            parts = step.destination.key.split("/")
            assert not {"/".join(parts[:length]) for length in range(1, len(parts) + 1)} & broken.names
            assert not {"/".join(parts[:length]) for length in range(1, len(parts))} & failed & broken.directories
        if isinstance(step, Leave) and step.pair.source is not None:
            inside = step.pair.source.key
            assert step.complete is not any((directory + "/").startswith(inside + "/") for directory in failed)


def test_the_twin_of_an_entry_that_could_not_be_read_is_left_alone() -> None:
    source: Tree = {"a": (1, 1), "e\u0301": (1, 1)}
    destination: Tree = {"\u00e9": {"x": (1, 1)}, "gone": (1, 1)}
    broken = Broken(names=frozenset({"e\u0301"}))
    steps = merge(opened(source, 9, asks=True, broken=broken), opened(destination, 9, asks=True), names=NFC)
    assert read(steps)[0] == {("a", None): 1, (None, "gone"): 1}


def test_nothing_below_a_directory_that_failed_is_offered_for_deletion() -> None:
    source: Tree = {"d": {"x": (1, 1)}, "e": (1, 1)}
    destination: Tree = {"d": {"old": (1, 1), "sub": {"deep": (1, 1)}, "x": (1, 1)}, "gone": (1, 1)}
    steps = list(
        merge(opened(source, 9, asks=True, broken=Broken(frozenset({"d"}))), opened(destination, 9, asks=True))
    )
    only_destination = [s.destination.key for s in steps if isinstance(s, Pair) and not s.source and s.destination]
    assert only_destination == ["gone"]
    assert [
        (step.pair.source and step.pair.source.key, step.complete) for step in steps if isinstance(step, Leave)
    ] == [("d", False)]
    assert [step.directory for step in steps if isinstance(step, ListingFailed)] == ["d"]


@pytest.mark.parametrize("names", [None, NFC, NFC_FOLDED])
def test_a_name_that_a_store_lists_twice_is_used_once(names: Names | None) -> None:
    def twice(_prefix: str, _descend: Callable[[str], bool]) -> Iterator[Page | EntryFailed]:
        yield Page.of("", [(name, Stat(Kind.FILE, 1, 1)) for name in ("a", "b", "b", "c")])

    single = opened({"a": (1, 1), "b": (1, 1)}, 9, asks=True)
    assert read(merge(single, twice, names=names)) == ({("a", "a"): 1, ("b", "b"): 1, (None, "c"): 1}, {"b": 1})
    assert read(merge(twice, single, names=names)) == ({("a", "a"): 1, ("b", "b"): 1, ("c", None): 1}, {"b": 1})
    nothing = opened({}, 9, asks=True)
    alone = read(merge(twice, nothing, names=names, new_runs=True))
    assert alone == ({("a", None): 1, ("b", None): 1, ("c", None): 1}, {"b": 1})
