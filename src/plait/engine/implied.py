"""Directories that keys imply: turns the listing of a store without directories into that of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.engine.selection import EntryFailed
from plait.model.errors import UnsafeNameError
from plait.model.items import Kind, Page, Stat

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

_DIRECTORY = Stat(Kind.DIRECTORY)
_NO_PATH = frozenset(("", ".", ".."))


def imply_directories(
    pages: Iterable[Page], prefix: str, *, any_name: bool = False, markers: bool = False
) -> Iterator[Page | EntryFailed]:
    """The pages of a tree below `prefix`, from the pages of a flat listing in the total order.

    A key that ends with "/" stands for the directory itself, unless it has content. A key that is no path (an empty
    component, `.`, `..`, a NUL) is left out and reported as `EntryFailed` in the deepest directory that it begins with.
    With `any_name`, every key is what it is: names may be empty, `.` and `..`. With `markers` as well, what stands for
    a directory is an item, too, with an empty name.
    """
    kept_empty = any_name and markers
    current = prefix
    for page in pages:
        if page.names:
            current = yield from _divide(page, current, prefix, any_name=any_name, markers=kept_empty)
        if page.error is not None:
            yield Page.failed(page.prefix[:-1], page.error)


def is_path(names: Iterable[str]) -> bool:
    """True where each of `names` (keys, relative to a safe prefix) is certainly a path inside its root; quick."""
    text = "/" + "/\n/".join(names) + "/"
    return not ("//" in text or "/./" in text or "/../" in text or "\0" in text)


def unsafe(key: str) -> UnsafeNameError:
    """The error for a key that is no path."""
    return UnsafeNameError(
        "the name cannot be a path below the destination",
        hint="an empty component, '.', '..' or a NUL byte cannot be kept by a tree; rename the object",
        key=key,
    )


def _divide(
    page: Page, current: str, root: str, *, any_name: bool, markers: bool
) -> Generator[Page | EntryFailed, None, str]:
    """Yields a flat page by directory, beginning in directory `current`; returns the one it ends in."""
    trusted = any_name or is_path(page.names)
    base, start = page.prefix, 0
    leaves: list[str] = []
    for position, name in enumerate(page.names):
        key = base + name
        cut = key.rfind("/") + 1
        if cut == len(current) and cut < len(key) and trusted and key.startswith(current):
            leaves.append(key[cut:])
            continue
        if leaves:
            yield _rows(page, start, current, leaves)
        safe = key if trusted else _safe_part(key, len(root))
        directory = safe[: safe.rfind("/") + 1]
        while not directory.startswith(current):
            current = current[: current.rfind("/", 0, -1) + 1]
        for component in directory[len(current) :].split("/")[:-1]:
            yield Page.of(current, [(component, _DIRECTORY)])
            current += component + "/"
        if safe != key or (cut == len(key) and not any_name and page.stat(position).size):
            yield EntryFailed(current[:-1], None, unsafe(key))
        named = cut < len(key) or (any_name and len(key) > len(root) and (markers or bool(page.stat(position).size)))
        kept = safe == key and named
        leaves, start = ([key[cut:]], position) if kept else ([], position + 1)
    if leaves:
        yield _rows(page, start, current, leaves)
    return current


def _safe_part(key: str, root: int) -> str:
    """The key itself where it is a path (or a directory's), else the directory that it begins with as far as it is."""
    position = root
    while position < len(key):
        end = key.find("/", position)
        component = key[position:] if end < 0 else key[position:end]
        if component in _NO_PATH or "\0" in component:
            return key[:position]
        position += len(component) + 1
    return key


def _rows(page: Page, start: int, directory: str, leaves: list[str]) -> Page:
    rows = page if len(leaves) == len(page.names) else page.slice(start, start + len(leaves))
    return Page(directory, leaves, rows.kinds, rows.sizes, rows.modified, details=rows.details, stats=rows.stats)
