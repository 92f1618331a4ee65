"""How stores use the network, whatever they speak: headers, proxies, trust, and what is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plait.model.errors import ConfigurationError
from plait.model.values.quoting import quote
from plait.stores.proxies import Proxies

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    Headers = Sequence[tuple[str, str]]

USER_AGENT: Final = "plait"
_ECN_BITS: Final = 2
"""The class of service shares its byte with these (RFC 3168, section 5)."""
SERVICES: Final = {
    "BE": 0,
    "DF": 0,
    "LE": 1,
    "EF": 46,
    **{f"CS{number}": number * 8 for number in range(8)},
    **{f"AF{group}{drop}": group * 8 + drop * 2 for group in range(1, 5) for drop in range(1, 4)},
}
"""Classes of service by name (RFC 4594, section 1.5; RFC 8622)."""


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
    authorities that are trusted instead of the system's. `client_certificate`, `client_key`: files in PEM, the key
    perhaps encrypted with `client_password`, obscured. `service`: the class of service of the packets that are sent
    (the six bits of RFC 2474). `verify` False trusts every server. `keep_alive` False: a connection for each request.
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
    client_password: str = ""
    service: int = 0
    verify: bool = True
    keep_alive: bool = True
    trace: Trace | None = None

    def __repr__(self) -> str:
        return "Network(…)"


def parse_service(text: str) -> int:
    """A class of service: one of `SERVICES` or a number of six bits. Raises ConfigurationError."""
    if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS and int(text) < _SERVICES:
        return int(text)
    found = SERVICES.get(text.upper())
    if found is None:
        raise ConfigurationError(f"--dscp: Invalid DSCP name: {text}")
    return found


_SERVICES: Final = 64
_MOST_DIGITS: Final = 20


def bound_address(text: str) -> str:
    """The local address that a name or an address means. Raises ConfigurationError."""
    import socket

    try:
        found = socket.getaddrinfo(text, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"--bind: Failed to parse {quote(text)} as IP address: {why}") from None
    return str(found[0][4][0])


def parse_header(text: str) -> tuple[str, str]:
    """A header as an option gives it, `Name: value`. Raises ValueError."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(
            f"failed to parse {quote(text)} as an HTTP header. Expecting a string like: 'Cache-Control: no-store'"
        )
    return name.strip(), value.strip()


def service_option(family: int, service: int) -> tuple[int, int, int]:
    """The option of a socket, for `setsockopt`, by which its packets are of a class of service."""
    import socket

    level, name = socket.IPPROTO_IP, socket.IP_TOS
    if family == socket.AF_INET6:
        level, name = socket.IPPROTO_IPV6, socket.IPV6_TCLASS
    return level, name, service << _ECN_BITS


def tls_context(network: Network) -> ssl.SSLContext:
    """What is trusted, and what this side shows. Raises ConfigurationError for files that are no certificates."""
    import ssl

    context = ssl.create_default_context()
    try:
        if network.certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for path in network.certificates:
                context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        words = error.strerror or str(error)
        raise ConfigurationError(f"failed to load a certificate: {words}") from None
    if network.client_certificate or network.client_key:
        _show_certificate(context, network)
    if not network.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _show_certificate(context: ssl.SSLContext, network: Network) -> None:
    """Has the context show the client's certificate. Raises ConfigurationError."""
    import ssl

    if not (network.client_certificate and network.client_key):
        raise ConfigurationError("Both --client-cert and --client-key must be set")
    asked: list[bool] = []
    revealed = _revealed(network.client_password)

    def password() -> str:
        asked.append(True)
        return revealed

    try:
        for path in (network.client_certificate, network.client_key):
            with open(path, "rb"):
                pass
        context.load_cert_chain(network.client_certificate, network.client_key, password)
    except ssl.SSLError as error:
        if asked:
            why = "the password is wrong" if network.client_password else _LOCKED
        else:
            why = error.reason.replace("_", " ").lower() if error.reason else str(error)
        raise ConfigurationError(f"{_NO_PAIR}: {why}") from None
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{_NO_PAIR}: {error.filename}: {words}") from None


def _revealed(text: str) -> str:
    from plait.stores.obscure import reveal

    try:
        return reveal(text) if text else ""
    except ConfigurationError as error:
        raise ConfigurationError(f"{_NO_PAIR}: reveal key password: {error.message}") from None


_NO_PAIR: Final = "Failed to load --client-cert/--client-key pair"
_LOCKED: Final = "key is encrypted but no --client-pass provided"
