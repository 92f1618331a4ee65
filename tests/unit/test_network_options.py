"""The client's certificate, and the class of service of what is sent."""

import datetime as dt
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plait.model.errors import ConfigurationError
from plait.stores.network import Network, parse_service, service_option, tls_context
from plait.stores.obscure import obscure


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate, and its key under the password `potato`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    now = dt.datetime.now(dt.UTC)
    certificate = (x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))).sign(
        key, hashes.SHA256()
    )
    folder = tmp_path_factory.mktemp("pair")
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"potato"),
    )
    (folder / "key.pem").write_bytes(locked)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_a_locked_key_opens_with_its_password(pair: tuple[str, str]) -> None:
    certificate, key = pair
    tls_context(Network(client_certificate=certificate, client_key=key, client_password=obscure("potato")))


@pytest.mark.parametrize(
    ("password", "key", "message"),
    [
        ("", None, "key is encrypted but no --client-pass provided"),
        ("other", None, "the password is wrong"),
        ("potato", "", "Both --client-cert and --client-key must be set"),
        ("potato", "/nowhere/key.pem", "/nowhere/key.pem: no such file or directory"),
    ],
)
def test_what_is_wrong_with_a_client_key(password: str, key: str | None, message: str, pair: tuple[str, str]) -> None:
    locked = obscure(password) if password else ""
    shown = pair[1] if key is None else key
    network = Network(client_certificate=pair[0], client_key=shown, client_password=locked)
    with pytest.raises(ConfigurationError, match=message):
        tls_context(network)


@pytest.mark.parametrize(("text", "service"), [("AF11", 10), ("ef", 46), ("cs7", 56), ("LE", 1), ("63", 63), ("0", 0)])
def test_classes_of_service(text: str, service: int) -> None:
    assert parse_service(text) == service


@pytest.mark.parametrize("text", ["64", "-1", "0x10", "VA", "AF14", "", "9" * 30])
def test_no_class_of_service(text: str) -> None:
    with pytest.raises(ConfigurationError, match="Invalid DSCP name"):
        parse_service(text)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_socket_takes_the_class(family: int) -> None:
    level, name, value = service_option(family, parse_service("AF21"))
    with socket.socket(family) as made:
        made.setsockopt(level, name, value)
        assert made.getsockopt(level, name) >> 2 == 18
