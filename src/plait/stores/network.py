"""How stores use the network, whatever they speak: headers, proxies, trust, and what is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ConfigurationError
from plait.stores.proxies import Proxies

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    Headers = Sequence[tuple[str, str]]

USER_AGENT: Final = "plait"


class Trace(msgspec.Struct, frozen=True):
    """What is shown of each request and answer, and to whom: `show` takes the text of one message.

    `headers` are shown wherever anything is; `secrets` shows also what proves who asks.
    """

    show: Callable[[str], None]
    requests: bool = False
    responses: bool = False
    secrets: bool = False


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The settings.

    `headers` go with every request, `upload_headers` with what is stored, `download_headers` with what is read.
    `proxies` None: by the environment. `bind`: the local address to connect from. `certificates`: files of
    authorities that are trusted instead of the system's. `client_certificate`, `client_key`: files in PEM; the key may
    stand in the certificate's. `verify` False trusts every server. `keep_alive` False: a connection for each request.
    """

    headers: Headers = ()
    upload_headers: Headers = ()
    download_headers: Headers = ()
    user_agent: str = USER_AGENT
    proxies: Proxies | None = None
    bind: str = ""
    certificates: Sequence[str] = ()
    client_certificate: str = ""
    client_key: str = ""
    verify: bool = True
    keep_alive: bool = True
    trace: Trace | None = None

    def __repr__(self) -> str:
        return "Network(…)"


def parse_header(text: str) -> tuple[str, str]:
    """A header as an option gives it, `Name: value`. Raises ValueError."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(
            f"failed to parse {text!r} as an HTTP header. Expecting a string like: 'Cache-Control: no-store'"
        )
    return name.strip(), value.strip()


def tls_context(network: Network) -> ssl.SSLContext:
    """What is trusted, and what this side shows. Raises ConfigurationError for files that are no certificates."""
    import ssl

    context = ssl.create_default_context()
    try:
        if network.certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for path in network.certificates:
                context.load_verify_locations(path)
        if network.client_certificate:
            context.load_cert_chain(network.client_certificate, network.client_key or None)
    except (OSError, ssl.SSLError) as error:
        words = error.strerror or str(error)
        raise ConfigurationError(f"failed to load a certificate: {words}") from None
    if not network.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
