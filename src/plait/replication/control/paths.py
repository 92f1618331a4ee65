"""Where the control socket is looked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from plait.replication.configuration.settings import DEFAULT_SOCKET

if TYPE_CHECKING:
    from collections.abc import Mapping


def candidates(environment: Mapping[str, str]) -> list[str]:
    """The sockets of a daemon that was told none, in the order in which daemons choose and clients look."""
    found = [DEFAULT_SOCKET]
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        found.append(os.path.join(runtime, "plait", "litestream.sock"))  # noqa: PTH118
    return found


def socket_to_open(environment: Mapping[str, str]) -> str:
    """Where a daemon opens its socket: the first place that it may write to; its directory is made, for the user."""
    paths = candidates(environment)
    for path in paths[:-1]:
        if os.access(os.path.dirname(path), os.W_OK):  # noqa: PTH120
            return path
    if len(paths) > 1:
        os.makedirs(os.path.dirname(paths[-1]), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
    return paths[-1]
