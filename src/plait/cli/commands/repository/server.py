"""`server`: a repository served over HTTP."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING

from plait.cli.repositories import RefusedError
from plait.model.errors import ConfigurationError, NotSupportedError, from_os_error

if TYPE_CHECKING:
    from plait.cli.repositories import RepositoryCommand

_LOOPBACK = "localhost"
_POLL = 0.2


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
    try:
        wire = WireServer(address(values.listen), files, may_delete=values.allow_delete, certificate=certificate)
    except OSError as error:
        raise from_os_error(error, f"listen {values.listen}") from None
    with wire:
        host, port = wire.server_address[:2]
        command.output.info(f"listening on {'https' if certificate else 'http'}://{shown_host(str(host))}:{port}")
        Thread(target=wire.serve_forever, args=(_POLL,), name="server", daemon=True).start()
        while not command.cancellation.cancelled():
            time.sleep(_POLL)
        wire.shutdown()
    command.cancellation.raise_if_cancelled()
    return 0


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises ConfigurationError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigurationError(f"listen {text}: an address is HOST:PORT")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  (`:PORT` asks for it, as with the original)


def shown_host(host: str) -> str:
    """A host as URLs have it."""
    return _LOOPBACK if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
