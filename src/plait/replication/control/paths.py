"""Where the control socket is looked for."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SOCKET = "/var/run/litestream.sock"


def candidates(environment: Mapping[str, str]) -> list[str]:
    """The sockets of a daemon that was told none, in the order in which daemons choose and clients look."""
    found = [DEFAULT_SOCKET]
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        found.append(os.path.join(runtime, "plait", "litestream.sock"))
    return found


def socket_to_ask(environment: Mapping[str, str]) -> str:
    """The socket that a client asks who was told none: the first of the usual places where one is."""
    paths = candidates(environment)
    return next((found for found in paths if _is_socket(found)), paths[0])


def socket_to_open(environment: Mapping[str, str]) -> str:
    """Where a daemon opens its socket: the first place that it may write to; its directory is made, for the user.

    The last place where none may be written to: opening it says why.
    """
    paths = candidates(environment)
    for path in paths[:-1]:
        if os.access(os.path.dirname(path), os.W_OK):
            return path
    if len(paths) > 1:
        try:
            os.makedirs(os.path.dirname(paths[-1]), mode=0o700, exist_ok=True)
        except OSError:
            return paths[-1]
    return paths[-1]


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False
