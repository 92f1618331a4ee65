"""Which proxy leads where, by the variables of the environment."""

import pytest

from plait.model.errors import ConfigurationError
from plait.stores.proxies import Proxy, always, parse_proxy, proxies_of

BOTH = {"HTTP_PROXY": "http://plain:1", "https_proxy": "secure:2"}


def test_each_scheme_has_its_own() -> None:
    found = proxies_of(BOTH)
    assert found.leading_to("s3.example", 80, tls=False) == Proxy("http", "plain", 1)
    assert found.leading_to("s3.example", 443, tls=True) == Proxy("http", "secure", 2)
    assert proxies_of({}).leading_to("s3.example", 443, tls=True) is None


def test_capitals_win_and_a_servers_scripts_are_not_fooled() -> None:
    assert proxies_of({"HTTPS_PROXY": "a", "https_proxy": "b"}).https == Proxy("http", "a", 80)
    assert proxies_of({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}).http is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_reached_directly_unless_an_option_says_otherwise(host: str) -> None:
    assert proxies_of(BOTH).leading_to(host, 80, tls=False) is None
    assert always("http://p:1").leading_to(host, 80, tls=False) == Proxy("http", "p", 1)


@pytest.mark.parametrize(
    ("rules", "host", "port", "direct"),
    [
        ("*", "anything.example", 80, True),
        ("example.com", "example.com", 80, True),
        ("example.com", "s3.EXAMPLE.com", 80, True),
        ("example.com", "notexample.com", 80, False),
        (".example.com", "example.com", 80, False),
        (".example.com", "s3.example.com", 80, True),
        ("*.example.com", "s3.example.com", 80, True),
        ("example.com:8333", "example.com", 8333, True),
        ("example.com:8333", "example.com", 80, False),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.1.2.3", "10.1.2.3", 80, True),
        ("[2001:db8::1]:80", "2001:db8::1", 80, True),
        ("2001:db8::/32", "2001:db8::1", 80, True),
        (" a.example , b.example", "b.example", 80, True),
        ("2.3", "10.1.2.3", 80, False),
        ("", "example.com", 80, False),
    ],
)
def test_hosts_that_are_excepted(rules: str, host: str, port: int, direct: bool) -> None:
    found = proxies_of({**BOTH, "NO_PROXY": rules}).leading_to(host, port, tls=False)
    assert (found is None) == direct


def test_who_asks_is_told_to_the_proxy_only() -> None:
    proxy = parse_proxy("http://me:p%40ss@proxy.example")
    assert (proxy.host, proxy.port, proxy.authorization) == ("proxy.example", 80, "Basic bWU6cEBzcw==")
    assert "ss" not in repr(proxy)
    assert parse_proxy("socks5h://p").scheme == "socks5"
    assert parse_proxy("p").authorization is None


@pytest.mark.parametrize("text", ["ftp://p", "http://", "http://p:port", "socks4://p"])
def test_what_is_no_proxy_is_told_by_the_variables_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="https_proxy: the address of the proxy"):
        proxies_of({"https_proxy": text})
