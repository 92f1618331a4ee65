"""The options that say how the network is used, and what is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.mirror.option_types import FILE, SWITCH, TEXT
from plait.model.options import Option, OptionSet, Repeat, Section, ValueType

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.model.options import Values
    from plait.stores.network import Network, Trace

DUMPS = ("headers", "bodies", "requests", "responses", "auth", "filters", "mapper")
_NEVER_DUMPED = ("goroutines", "openfiles", "curl", "errors", "trace")
_DUMP_ORDER = ("headers", "bodies", "requests", "responses", "auth", "filters", "goroutines", "openfiles", "mapper")
_TRAFFIC = frozenset(DUMPS) - {"filters", "mapper"}


def _dumps(text: str) -> tuple[str, ...]:
    """Names separated by commas, in any case."""
    names = tuple(name for word in text.split(",") if (name := word.strip().lower()))
    for name in names:
        if name in _NEVER_DUMPED:
            raise ValueError(f"{name} cannot be shown: there is no such thing here")
        if name not in DUMPS:
            every = ", ".join((*_DUMP_ORDER, "curl", "errors", "trace"))
            raise ValueError(f'invalid choice "{name}" from: {every}')
    return names


def _header(text: str) -> tuple[str, str]:
    from plait.stores.network import parse_header

    return parse_header(text)


DUMP = ValueType("WHAT", _dumps, ",".join)
HEADER = ValueType("HEADER", _header, ": ".join)


def _value(name: str, kind: ValueType, default: Any, text: str) -> Option:
    return Option(name, kind, default, text, Section.NETWORK, rclone=True)


def _many(name: str, kind: ValueType, text: str) -> Option:
    return Option(name, kind, (), text, Section.NETWORK, repeat=Repeat.APPEND, rclone=True)


OPTIONS = OptionSet(
    (
        _many("header", HEADER, "Send this header, `Name: value`, with every request"),
        _many("header-upload", HEADER, "Store this header with what is uploaded"),
        _many("header-download", HEADER, "Send this header with every download"),
        _value("user-agent", TEXT, "", "Call the program this in requests"),
        _value("bind", TEXT, "", "Connect from this local address"),
        _value("http-proxy", TEXT, "", "Use this proxy, whatever the environment says"),
        _many("ca-cert", FILE, "Trust the certificate authorities in FILE, not the system's"),
        _value("client-cert", FILE, "", "Show the certificate in FILE to servers"),
        _value("client-key", FILE, "", "The key of --client-cert"),
        _value("dscp", TEXT, "", "Send packets in this class of service: a name such as AF21, or a number"),
        _value("no-check-certificate", SWITCH, False, "Trust every server, and whoever stands between"),
        _value("disable-http-keep-alives", SWITCH, False, "Use each connection once"),
        _value("dump-headers", SWITCH, False, "The same as --dump headers"),
        _value("dump-bodies", SWITCH, False, "The same as --dump bodies"),
    )
)

SECRET_OPTIONS = OptionSet((_value("client-pass", TEXT, "", "The password of --client-key, obscured"),))
"""What only rclone's face takes: a secret on a command line can be read by everyone on the machine."""


def dumped(values: Values) -> frozenset[str]:
    """What is to be shown, by all the options that say so."""
    names = set(values.dump) if values.options.named("dump") is not None else set()
    names |= {"headers"} if values.dump_headers else set()
    return frozenset(names | ({"bodies"} if values.dump_bodies else set()))


def network_of(values: Values, show: Callable[[str], None]) -> Network:
    """The settings for stores; `show` takes each message about a request. Raises ConfigurationError."""
    from plait.stores.network import USER_AGENT, Network, bound_address, parse_service
    from plait.stores.proxies import always

    return Network(
        headers=values.header,
        upload_headers=values.header_upload,
        download_headers=values.header_download,
        user_agent=values.user_agent or USER_AGENT,
        proxies=always(values.http_proxy) if values.http_proxy else None,
        bind=bound_address(values.bind) if values.bind else "",
        certificates=values.ca_cert,
        client_certificate=values.client_cert,
        client_key=values.client_key,
        client_password=values.client_pass if values.options.named("client-pass") is not None else "",
        service=parse_service(values.dscp) if values.dscp else 0,
        verify=not values.no_check_certificate,
        keep_alive=not values.disable_http_keep_alives,
        trace=_trace(dumped(values), show),
    )


def _trace(names: frozenset[str], show: Callable[[str], None]) -> Trace | None:
    from plait.stores.network import Trace

    if not names & _TRAFFIC:
        return None
    return Trace(
        show,
        requests=bool(names & {"requests", "bodies"}),
        responses=bool(names & {"responses", "bodies"}),
        secrets="auth" in names,
    )
