"""The first words on a connection to a proxy, after which the bytes of both sides pass through it.

Source: RFC 9110, section 9.3.6 (CONNECT); RFC 1928 and RFC 1929 (SOCKS5, and a name and a password for it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

    from plait.stores.proxies import Proxy

LARGEST_ANSWER: Final = 16 << 10
_SOCKS: Final = 5
_NOT_ALLOWED: Final = 2
_ADDRESS_LENGTHS: Final = {1: 4, 4: 16}


class ProxyError(ConnectionError):
    """The proxy does not lead on; `lasting` where another try would meet the same."""

    def __init__(self, reason: str, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting


def tunnel(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Has the proxy connect to a host by name. Raises OSError, ProxyError with the proxy's reason."""
    if proxy.scheme == "socks5":
        _socks(connection, proxy, host, port)
    else:
        _connect(connection, proxy, host, port)


def _connect(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    answer = b""
    # One byte at a time: what comes after the empty line belongs to the tunnel.
    while not answer.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(answer) > LARGEST_ANSWER:
            raise ProxyError("the proxy did not answer", lasting=False)
        answer += byte
    first = answer.split(b"\r\n", 1)[0].decode("latin-1")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[1].startswith("2"):
        raise ProxyError(f"the proxy refuses: {' '.join(words[1:])}", lasting=words[1:2] < ["5"])


def _socks(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    methods = b"\0" if proxy.user is None else b"\0\2"
    connection.sendall(bytes((_SOCKS, len(methods))) + methods)
    version, method = _exactly(connection, 2)
    if version != _SOCKS:
        raise ProxyError("the proxy does not speak SOCKS5")
    if method == 2 and proxy.user is not None:
        user, password = proxy.user.encode()[:255], proxy.password.encode()[:255]
        connection.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
        if _exactly(connection, 2)[1]:
            raise ProxyError("the proxy refuses the name and password")
    elif method:
        raise ProxyError("the proxy wants a name and a password")
    name = host.encode("idna")
    connection.sendall(bytes((_SOCKS, 1, 0, 3, len(name))) + name + port.to_bytes(2, "big"))
    _, refusal, _, kind = _exactly(connection, 4)
    if refusal:
        raise ProxyError(f"the proxy refuses: SOCKS5 reply {refusal}", lasting=refusal == _NOT_ALLOWED)
    length = _ADDRESS_LENGTHS.get(kind) or _exactly(connection, 1)[0]
    _exactly(connection, length + 2)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ProxyError("the proxy closed the connection", lasting=False)
        data += more
    return data
