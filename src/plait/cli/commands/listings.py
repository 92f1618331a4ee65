"""`lsf`, `lsl`, `lsd`, `lsjson` and `tree`: listings in rclone's forms."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from plait.cli.forms import WordsError
from plait.cli.output.found import asks_for_records, entry_line
from plait.cli.tasks import Work, only, with_values, working
from plait.mirror.names import inside
from plait.mirror.verbs.entries import Entries, Entry, Wanted, as_json, in_one_directory
from plait.mirror.verbs.task import AtDepth, Chosen
from plait.model.errors import StoreError
from plait.model.items import Item, Kind
from plait.model.values.json_text import go_json
from plait.model.values.layouts import show_layout
from plait.model.values.sizes import show_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plait.cli.forms import Invocation

SECONDS = "2006-01-02 15:04:05"
LIST_JSON = "error in ListJSON: "


def lsf(invocation: Invocation) -> int:
    """Prints the parts of each item that `--format` asks for."""
    from plait.mirror.verbs.formats import LineFormat

    if "M" in invocation.values.format:
        invocation = with_values(invocation, metadata=True)
    values = invocation.values
    with working(invocation) as work:
        chosen = _chosen(work, recursive=values.recursive)
        records = asks_for_records(invocation)

        def run() -> None:
            separator = "," if values.csv and not values.was_given("separator") else values.separator
            show = LineFormat(
                values.format,
                separator=separator,
                csv=values.csv,
                slash=values.dir_slash,
                absolute=values.absolute,
                time_format=values.time_format,
                hash_name=values.hash,
                precision=chosen.store.features.time_precision,
            )
            wanted = Wanted(
                files=not values.dirs_only,
                directories=not values.files_only,
                times=records or "t" in values.format,
                types="m" in values.format,
                tiers="T" in values.format,
                metadata="M" in values.format,
                hashes=(values.hash,) if "h" in values.format else (),
                default_time=values.default_time,
            )
            for entry in _entries(work, chosen, wanted, recursive=values.recursive):
                if records:
                    _print(entry_line(entry))
                    continue
                # The size that a file system gives a directory says nothing of what is in it.
                _print(show(msgspec.structs.replace(entry, size=-1) if entry.is_directory else entry))

        return work.attempt(run, lead=LIST_JSON)


def ls(invocation: Invocation) -> int:
    """Prints size and path of each file, as `rclone ls` does."""
    with working(invocation) as work:
        chosen = work.task.chosen(only(work.locations()))
        human = invocation.values.human_readable

        def run() -> None:
            for item in work.task.items(chosen):
                if item.kind is Kind.FILE:
                    size = -1 if item.size is None else item.size
                    _print(f"{_size(size, 9, human=human)} {inside(item.key)}")

        return work.attempt(run)


def lsl(invocation: Invocation) -> int:
    """Prints size, time and path of each file."""
    with working(invocation) as work:
        chosen = work.task.chosen(only(work.locations()))
        human = invocation.values.human_readable
        records = asks_for_records(invocation)

        def run() -> None:
            wanted = Wanted(directories=False, types=False, default_time=invocation.values.default_time)
            for entry in Entries(work.task, chosen.opened, wanted).of(work.task.items(chosen)):
                if records:
                    _print(entry_line(entry))
                    continue
                time = show_layout(entry.modified or 0, f"{SECONDS}.000000000")
                _print(f"{_size(entry.size, 9, human=human)} {time} {entry.path}")

        return work.attempt(run)


def lsd(invocation: Invocation) -> int:
    """Prints the directories of a location, or all below it."""
    values = invocation.values
    with working(invocation) as work:
        chosen = _chosen(work, recursive=values.recursive)
        records = asks_for_records(invocation)

        def run() -> None:
            wanted = Wanted(files=False, types=False, default_time=values.default_time)
            for entry in _entries(work, chosen, wanted, recursive=values.recursive):
                if records:
                    _print(entry_line(entry))
                    continue
                size = _size(entry.size, 12, human=values.human_readable)
                count = "      -1" if values.human_readable else "       -1"
                _print(f"{size} {show_layout(entry.modified or 0, SECONDS)} {count} {entry.path}")

        return work.attempt(run)


def lsjson(invocation: Invocation) -> int:
    """Prints a JSON array of items, or (`--stat`) what the location itself is."""
    values = invocation.values
    with working(invocation) as work:
        if values.stat:
            return _stat(work)
        chosen = _chosen(work, recursive=values.recursive)

        def run() -> None:
            print("[")
            wanted = _wanted_json(work, chosen)
            precision = chosen.store.features.time_precision
            first = True
            for entry in _entries(work, chosen, wanted, recursive=values.recursive):
                text = go_json(as_json(entry, precision, times=not values.no_modtime))
                sys.stdout.write(text if first else ",\n" + text)
                first = False
            if not first:
                print()
            print("]")

        return work.attempt(run, lead=LIST_JSON)


def _wanted_json(work: Work, chosen: Chosen) -> Wanted:
    values = work.invocation.values
    if values.encrypted:
        raise StoreError('the remote needs to be of type "crypt"')
    return Wanted(
        files=not values.dirs_only,
        directories=not values.files_only,
        times=not values.no_modtime,
        types=not values.no_mimetype,
        tiers=True,
        metadata=bool(values.metadata),
        hashes=_hashes(work, chosen) if getattr(values, "hash", False) or values.hash_type else (),
        default_time=values.default_time,
    )


def _hashes(work: Work, chosen: Chosen) -> tuple[str, ...]:
    from plait.stores.hashes import hash_name

    asked = work.invocation.values.hash_type
    if not asked:
        return chosen.store.features.hashes
    names = {text: hash_name(text) for text in asked}
    for text, name in names.items():
        if name is None:
            raise StoreError(f'unknown hash type "{text}"')
    return tuple(name for name in names.values() if name is not None)


def _stat(work: Work) -> int:
    opened = work.task.either(only(work.locations()))

    def run() -> None:
        chosen = Chosen(opened, work.task.filters)
        wanted = _wanted_json(work, chosen)
        key = opened.file or ""
        if not key:
            # A location that is not there is an error, although nothing is listed.
            next(iter(opened.store.list()), None)
        entry: Entry | None = None
        if key and wanted.files:
            entry = Entries(work.task, opened, wanted).entry(Item(key, opened.store.stat(key)))
        elif not key and wanted.directories:
            from plait.mirror.verbs.touching import now

            entry = Entry(path="", size=-1, is_directory=True, modified=now(), content_type="inode/directory")
        times = not work.invocation.values.no_modtime
        fields = None if entry is None else as_json(entry, opened.store.features.time_precision, times=times)
        print(go_json(fields, indent="\t"))

    return work.attempt(run)


def tree(invocation: Invocation) -> int:
    """Draws a location as a tree."""
    from plait.mirror.verbs.trees import Tree, TreeOptions

    values = invocation.values
    with working(invocation) as work:
        level = values.level or max(values.max_depth, 0)
        chosen = work.task.chosen(only(work.locations()))
        if level:
            chosen = Chosen(chosen.opened, AtDepth(chosen.selection, level))
        options = TreeOptions(
            every=values.all,
            directories_only=values.dirs_only,
            full_path=values.full_path,
            indent=not values.noindent,
            level=level,
            sizes=getattr(values, "size", False),
            units=values.human_readable,
            protections=values.protections,
            quote=values.quote,
            times=values.modtime,
            sort=_order(work),
            reverse=values.sort_reverse,
            directories_first=values.dirsfirst,
        )
        write, close = _output(values.output)
        records = asks_for_records(invocation)

        def run() -> None:
            times = values.modtime or options.sort == "mtime"
            wanted = Wanted(times=times or records, types=False, default_time=values.default_time)
            items = work.task.items(chosen, twice=False)
            if records:
                for entry in Entries(work.task, chosen.opened, wanted).of(items):
                    write(entry_line(entry))
                return
            drawing = Tree(Entries(work.task, chosen.opened, wanted).of(items), options)
            for line in drawing.lines():
                write(line)
            if not values.noreport:
                write("\n" + drawing.report())

        try:
            return work.attempt(run)
        finally:
            close()


def _order(work: Work) -> str:
    """The order that the flags ask for; of several the one that the original prefers."""
    values = work.invocation.values
    if values.unsorted:
        return "none"
    asked_for = {
        "mtime": values.sort_modtime,
        "ctime": values.sort_ctime,
        "version": getattr(values, "version", False),
    }
    for order, asked in asked_for.items():
        if asked or values.sort == order:
            return order
    return str(values.sort) if values.sort in {"name", "size"} else ""


def _output(path: str) -> tuple[Callable[[str], None], Callable[[], None]]:
    if not path:
        return _print, sys.stdout.flush
    try:
        file = open(path, "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  (closed by the caller)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise WordsError(f"failed to create output file: open {path}: {reason}") from None

    def write(line: str) -> None:
        file.write(line + "\n")

    return write, file.close


def _chosen(work: Work, *, recursive: bool) -> Chosen:
    return work.task.chosen(only(work.locations()), recursive=recursive)


def _entries(work: Work, chosen: Chosen, wanted: Wanted, *, recursive: bool) -> Iterator[Entry]:
    items: Iterable[Item] = work.task.items(chosen)
    if not recursive and chosen.selection.max_depth == 1:
        items = in_one_directory(work.task.level(chosen))
    shown = (item for item in items if item.kind in {Kind.FILE, Kind.DIRECTORY})
    return Entries(work.task, chosen.opened, wanted).of(shown)


def _size(size: int, width: int, *, human: bool) -> str:
    if not human:
        return f"{size:>{width}}"
    return f"{'-1' if size < 0 else show_size(size):>9}"


def _print(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
