"""Paths as Litestream takes them."""

from __future__ import annotations

import os


def expand_path(path: str) -> str:
    """A path as Litestream takes it: `~`, `sqlite://` and `sqlite3://` resolved, absolute by the working directory."""
    path = path.removeprefix("sqlite3://") if path.startswith("sqlite3://") else path.removeprefix("sqlite://")
    if path == "~" or path.startswith("~/"):
        path = _home() + path[1:]
    return os.path.abspath(path)


def _home() -> str:
    """The home directory of the user, by the list of users as Litestream has it, not by `HOME`."""
    from pwd import getpwuid

    try:
        return getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")
