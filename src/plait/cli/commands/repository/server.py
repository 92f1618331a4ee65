"""`server`: a repository served over HTTP."""

from __future__ import annotations

import time
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING

from plait.cli.passphrases import from_key_file
from plait.cli.repositories import RefusedError
from plait.model.errors import ConfigurationError, NotSupportedError, from_os_error
from plait.repository.configured.secrets import from_shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.cli.repositories import RepositoryCommand

_LOOPBACK = "localhost"
_POLL = 0.2
_GREATEST_PORT = 65535
VARIABLE = "PLAIT_SERVER_TOKEN"


def server(command: RepositoryCommand) -> int:
    """Serves until it is told to stop."""
    from plait.repository.files import StoredFiles
    from plait.repository.wire.server import WireServer

    values = command.values
    place = command.place()
    if place.archive is not None:
        raise NotSupportedError("an archive cannot be served", hint="sync it to a repository")
    files = StoredFiles(place.store)
    files.configuration()
    if bool(values.cert) != bool(values.key):
        raise RefusedError("a certificate needs its key: give both -cert and -key")
    certificate = (values.cert, values.key) if values.cert else None
    token = _token(command)
    if command.is_front:
        refuse_as_go(values.listen, lambda: command.output.info(f"listening on http://{values.listen}"))
    try:
        wire = WireServer(
            address(values.listen), files, may_delete=values.allow_delete, certificate=certificate, token=token
        )
    except OSError as error:
        raise from_os_error(error, f"listen {values.listen}") from None
    with wire:
        host, port = wire.server_address[:2]
        command.output.info(f"listening on {'https' if certificate else 'http'}://{shown_host(str(host))}:{port}")
        if not token and not command.is_front and not ip_address(str(host)).is_loopback:
            command.output.warn("no token is asked for: whoever reaches this address can add to the repository")
        Thread(target=wire.serve_forever, args=(_POLL,), name="server", daemon=True).start()
        while not command.cancellation.cancelled():
            time.sleep(_POLL)
        wire.shutdown()
    command.cancellation.raise_if_cancelled()
    return 0


def _token(command: RepositoryCommand) -> str:
    """What clients have to give, "" for nothing. Raises ConfigurationError for a token that no request can carry."""
    values = command.values
    if values.token_file and values.token_cmd:
        raise RefusedError("--token-file and --token-cmd both give a token: name one of them")
    if values.token_file:
        token = from_key_file(values.token_file)
    elif values.token_cmd:
        token = from_shell(values.token_cmd)
    elif VARIABLE in command.environment:
        token = command.environment[VARIABLE]
    else:
        return ""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError("a token is one word of printable ASCII")
    return token


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises ConfigurationError."""
    host, colon, port = text.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and len(port) <= len(str(_GREATEST_PORT))
    if not colon or not is_port or int(port) > _GREATEST_PORT:
        raise ConfigurationError(f"listen {text}: an address is HOST:PORT")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  (`:PORT` asks for it, as with the original)


def refuse_as_go(text: str, said_before: Callable[[], None]) -> None:
    """Raises the error of the original for an address that is none, after what it says all the same."""
    _, colon, port = text.rpartition(":")
    reason = ""
    if not colon:
        reason = f"address {text}: missing port in address"
    elif not port.isdecimal():
        reason = f"lookup tcp/{port}: unknown port"
    if reason:
        said_before()
        raise ConfigurationError(f"listen tcp: {reason}")


def shown_host(host: str) -> str:
    """A host as URLs have it."""
    return _LOOPBACK if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
