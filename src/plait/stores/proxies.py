"""Which proxy leads to a host, by the variables that every client of HTTP knows.

Source: Go's package golang.org/x/net/http/httpproxy, whose rules rclone follows: `HTTPS_PROXY` for https, `HTTP_PROXY`
for http, both in capitals or not; `NO_PROXY` lists hosts that are reached directly, `localhost` and loopback addresses
always are.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import msgspec

from plait.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(msgspec.Struct, frozen=True):
    """A proxy: its scheme (`http`, `https`, `socks5`), where it listens, and who asks. `repr` hides the secret."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self.scheme}://{self.host}:{self.port})"

    @property
    def authorization(self) -> str | None:
        """The `Proxy-Authorization` header (RFC 7617), None where nobody is named."""
        from base64 import b64encode

        if self.user is None:
            return None
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")


def parse_proxy(text: str) -> Proxy:
    """A proxy as a variable names it: a URL, or `HOST:PORT` for one of HTTP. Raises ConfigurationError."""
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError:
        raise ConfigurationError("the address of the proxy is no URL") from None
    if url.scheme not in _PORTS or not url.hostname:
        raise ConfigurationError("the address of the proxy must be http://, https:// or socks5://HOST[:PORT]")
    user = None if url.username is None else unquote(url.username)
    scheme = "socks5" if url.scheme == "socks5h" else url.scheme
    return Proxy(scheme, url.hostname, port or _PORTS[url.scheme], user, unquote(url.password or ""))


class Proxies(msgspec.Struct, frozen=True):
    """The proxies for each scheme, and which hosts are reached without one."""

    http: Proxy | None = None
    https: Proxy | None = None
    without: tuple[str, ...] = ()
    loopback: bool = False
    """Whether a proxy is used for this machine, too."""

    def leading_to(self, host: str, port: int, *, tls: bool) -> Proxy | None:
        """The proxy for a host (a name or an address, without brackets); None where it is reached directly."""
        proxy = self.https if tls else self.http
        if proxy is None or (not self.loopback and _is_loopback(host)):
            return None
        return None if any(_matches(rule, host.lower(), port) for rule in self.without) else proxy


NO_PROXIES: Final = Proxies()


def proxies_of(environment: Mapping[str, str]) -> Proxies:
    """What the environment asks for. Raises ConfigurationError, which names the variable."""
    without = tuple(rule for word in _variable(environment, "NO_PROXY")[1].split(",") if (rule := word.strip().lower()))
    return Proxies(_proxy(environment, "HTTP_PROXY"), _proxy(environment, "HTTPS_PROXY"), without)


def always(text: str) -> Proxies:
    """The one proxy `text` for every host, as an option asks. Raises ConfigurationError."""
    proxy = parse_proxy(text)
    return Proxies(proxy, proxy, loopback=True)


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    for spelling in (name, name.lower()):
        if environment.get(spelling):
            return spelling, environment[spelling]
    return name, ""


def _proxy(environment: Mapping[str, str], name: str) -> Proxy | None:
    # A web server hands the header `Proxy` to its scripts under this name.
    if name == "HTTP_PROXY" and environment.get("REQUEST_METHOD"):
        return None
    spelling, text = _variable(environment, name)
    try:
        return parse_proxy(text) if text else None
    except ConfigurationError as error:
        raise ConfigurationError(f"{spelling}: {error.message}") from None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(rule: str, host: str, port: int) -> bool:
    """True where a word of NO_PROXY means this host."""
    if rule == "*":
        return True
    try:
        return ip_address(host) in ip_network(rule, strict=False)
    except ValueError:
        pass
    name, ending = _without_port(rule)
    if ending is not None and ending != port:
        return False
    name = name.strip("[]")
    if name.startswith("*."):
        name = name[1:]
    if name.startswith("."):
        return host.endswith(name)
    return host == name or (not _is_address(host) and host.endswith("." + name))


def _without_port(rule: str) -> tuple[str, int | None]:
    name, colon, port = rule.rpartition(":")
    if colon and port.isascii() and port.isdigit() and ("]" in name or ":" not in name):
        return name, int(port)
    return rule, None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
