"""`cat`, `rcat` and `copyurl`."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from plait.cli.tasks import Work, only, working
from plait.mirror.single import parent_and_name
from plait.mirror.verbs.contents import cat as cat_files
from plait.mirror.verbs.contents import range_of, write_stream
from plait.mirror.verbs.task import Told
from plait.mirror.verbs.touching import now
from plait.mirror.verbs.urls import Naming, copy_url, copy_urls, print_url, read_table
from plait.model.errors import ConfigurationError, ExitCode, StoreError
from plait.model.values.quoting import quote

if TYPE_CHECKING:
    from plait.cli.forms import Invocation
    from plait.stores.location import Location
    from plait.stores.registry import Opened


def cat(invocation: Invocation) -> int:
    """Writes the content of files to standard output."""
    values = invocation.values
    wanted = range_of(head=values.head, tail=values.tail, offset=values.offset, count=values.count)
    with working(invocation) as work:
        chosen = work.task.chosen(only(work.locations()))
        output = None if values.discard else sys.stdout.buffer
        separator = values.separator.encode("utf-8", "surrogateescape")
        poured: list[int] = []
        code = work.attempt(lambda: poured.append(cat_files(work.task, chosen, wanted, output, separator)))
        nothing = invocation.face == "rclone" and values.error_on_no_transfer and not any(poured)
        return ExitCode.NO_TRANSFER if code == ExitCode.DONE and nothing else code


def rcat(invocation: Invocation) -> int:
    """Stores what comes on standard input."""
    if sys.stdin is None or stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode):
        raise ConfigurationError("nothing to read from standard input (stdin).")
    size = getattr(invocation.values, "size", -1)
    with working(invocation) as work:
        opened, name = directory_and_name(work, only(work.locations()))
        known = None if size < 0 else size

        def run() -> None:
            try:
                write_stream(work.task, opened.store, name, sys.stdin.buffer, known, now())
            except StoreError as error:
                way = "rcat" if known is None else "put"
                work.task.fail(error, f"Post request {way} error: {error.message}", name)
                raise Told(error) from None

        return work.attempt(run)


def copyurl(invocation: Invocation) -> int:
    """Stores what a URL gives."""
    values, words = invocation.values, invocation.words
    naming = Naming(automatic=values.auto_filename, header=values.header_filename, no_clobber=values.no_clobber)
    with working(invocation, measures=True) as work:
        if values.urls:
            return work.attempt(lambda: _copy_table(work, naming), retries=True)
        if values.stdout or words[1:] == ("-",):
            return work.attempt(lambda: print_url(work.task, words[0], sys.stdout.buffer), retries=True)
        if len(words) < 2:
            return work.attempt(_needs_two, retries=True)
        place = work.session.location(words[1])
        if naming.automatic:
            opened, name = work.task.directory(place), ""
        else:
            opened, name = directory_and_name(work, place)

        def run() -> None:
            found = copy_url(work.task, opened.store, name, words[0], naming)
            if values.print_filename:
                print(found)

        return work.attempt(run, retries=True)


def _copy_table(work: Work, naming: Naming) -> None:
    values, words = work.invocation.values, work.invocation.words
    if values.stdout:
        raise StoreError("can't use --stdout with --urls")
    if values.print_filename:
        raise StoreError("can't use --print-filename with --urls")
    if len(words) < 2:
        _needs_two()
    opened = work.task.directory(work.session.location(words[1]))
    copy_urls(work.task, opened.store, read_table(words[0]), naming)


def _needs_two() -> None:
    raise StoreError("need 2 arguments if not using --stdout")


def directory_and_name(work: Work, place: Location) -> tuple[Opened, str]:
    """The directory that a location lies in, opened, and the location's last part.

    Raises ConfigurationError where the location can name no file.
    """
    opened, name = directory_or_root(work, place)
    if not name:
        raise ConfigurationError(f"{quote(place.path)} is a directory")
    return opened, name


def directory_or_root(work: Work, place: Location) -> tuple[Opened, str]:
    """The same; a location that ends with a slash, or is a store's root, is the directory itself, its last part ""."""
    above, name = parent_and_name(place)
    return work.task.directory(work.session.described(above)), name
