"""`mount`: snapshots as a file system, or as pages over HTTP."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from plait.cli.commands.repository.listing import open_path, select_now
from plait.cli.commands.repository.server import address, refuse_as_go, shown_host
from plait.cli.output.syncing import shown_name
from plait.cli.repository_options import query
from plait.model.errors import AlreadyExistsError, DirectoryNotFoundError, ExitCode, StoreError, from_os_error

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand
    from plait.repository.browsing import Browser

_PAGES: Final = "http://"
_POLL_SECONDS: Final = 0.2


def mount(command: RepositoryCommand) -> int:
    """Shows snapshots until it is interrupted."""
    where = command.values.to
    browser = _browser(command)
    if where.startswith(_PAGES):
        _serve_pages(command, browser, where)
    elif where:
        _refuse(command, where)
        _mount(command, browser, where)
    else:
        made = os.path.join(os.getcwd(), str(uuid4()))
        os.mkdir(made, 0o700)
        try:
            _mount(command, browser, made)
        finally:
            with suppress(OSError):
                os.rmdir(made)
    if command.is_front and command.cancellation.cancelled():
        command.output.plain("plakar: received interrupt signal, stopping gracefully...", error=True)
    return ExitCode.DONE


def _browser(command: RepositoryCommand) -> Browser:
    from plait.repository.browsing import Browser

    words = command.invocation.words
    if len(words) == 1:
        snapshot, path = open_path(command, words[0])
        snapshot.entry(path)
        return Browser(command.repository, tuple, (snapshot, path))
    asked = query(command.values)
    return Browser(command.repository, lambda: select_now(command, asked))


def _refuse(command: RepositoryCommand, directory: str) -> None:
    """Raises DirectoryNotFoundError, AlreadyExistsError for a directory that something is mounted at."""
    from plait.repository.mounting.mounting import is_mount_point

    try:
        taken = is_mount_point(directory)
    except FileNotFoundError:
        front = "no such file or directory"
        raise DirectoryNotFoundError(front if command.is_front else f"there is no {directory}") from None
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            left = f"{directory} is still mounted by a program that was killed"
            raise StoreError(left, hint=f"end that first: umount {directory}") from None
        raise from_os_error(error, directory) from None
    if taken:
        raise AlreadyExistsError(f"{directory} already looks like a mountpoint; refusing to mount over it")


def _mount(command: RepositoryCommand, browser: Browser, directory: str) -> None:
    from plait.repository.mounting.mounting import serve

    name = shown_name(command.place(), front=command.is_front)
    output = command.output
    serve(
        browser,
        directory,
        others=command.values.allow_others,
        told=lambda path, reason: output.error(f"{path}: {reason}"),
        mounted=lambda: output.info(f"mounted repository {name} at {directory}"),
        cancelled=command.cancellation.cancelled,
    )


def _serve_pages(command: RepositoryCommand, browser: Browser, where: str) -> None:
    from plait.repository.mounting.serving import PageServer

    named = where.removeprefix(_PAGES).rstrip("/")
    if command.is_front:
        refuse_as_go(named, lambda: command.output.info(f"HTTP serving at {_PAGES}{named}"))
    try:
        server = PageServer(address(named), browser)
    except OSError as error:
        raise from_os_error(error, f"listen {named}") from None
    with server:
        host, port = server.server_address[:2]
        shown = named if command.is_front else f"{shown_host(str(host))}:{port}"
        command.output.info(f"HTTP serving at {_PAGES}{shown}")
        Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="server", daemon=True).start()
        while not command.cancellation.cancelled():
            time.sleep(_POLL_SECONDS)
        server.shutdown()
