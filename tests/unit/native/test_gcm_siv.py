"""Encrypted streams, by both implementations, against the numbers of the two RFCs."""

from types import ModuleType

import pytest

from plait import native
from plait.native import pure

WRAPPED = 40
RECORD = 65536


# What `plait.native` offers is the extension's only where the processor can.
@pytest.fixture(params=[pure, native], ids=["pure", "native"])
def chosen(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def test_wrapped_key_of_rfc_3394(chosen: ModuleType) -> None:
    """Section 4.6."""
    key = bytes(range(32))
    secret = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    stream = chosen.seal_stream(key, secret, b"", RECORD)
    assert stream.hex().upper() == "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    assert chosen.open_stream(key, stream, RECORD) == b""


@pytest.mark.parametrize(
    ("key", "nonce", "plain", "sealed"),
    [
        ("01" + 31 * "00", "03" + 11 * "00", "0100000000000000", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
        # Appendix C.3: the counter wraps around within its 32 bits.
        (
            32 * "00",
            12 * "00",
            "000000000000000000000000000000004db923dc793ee6497c76dcc03a98e108",
            "f3f80f2cf0cb2dd9c5984fcda908456cc537703b5ba70324a6793a7bf218d3eaffffffff000000000000000000000000",
        ),
        (
            32 * "00",
            12 * "00",
            "eb3640277c7ffd1303c7a542d02d3e4c0000000000000000",
            "18ce4f0b8cb4d0cac65fea8f79257b20888e53e72299e56dffffffff000000000000000000000000",
        ),
    ],
)
def test_records_of_rfc_8452(chosen: ModuleType, key: str, nonce: str, plain: str, sealed: str) -> None:
    """Appendix C."""
    secret = bytes.fromhex(key + nonce)
    stream = chosen.seal_stream(bytes(32), secret, bytes.fromhex(plain), RECORD)
    assert stream[WRAPPED:].hex() == nonce + sealed
    assert chosen.open_stream(bytes(32), stream, RECORD).hex() == plain


def test_what_cannot_be_opened_says_why(chosen: ModuleType) -> None:
    key, plain = bytes(range(32)), bytes(1000)
    stream = chosen.seal_stream(key, bytes(32 + 12 * 4), plain, 300)
    for altered, why in (
        (stream[:39], "cut short: 39 bytes"),
        (bytes(40) + stream[40:], "the key of an encrypted stream was altered"),
        (stream[:60] + b"\xff" + stream[61:], "a record of an encrypted stream was altered"),
        (stream[:-1], "a record of an encrypted stream was altered"),
        (stream[: 40 + 328 + 28], "the last record of an encrypted stream is cut short"),
    ):
        with pytest.raises(ValueError, match=why):
            chosen.open_stream(key, altered, 300)
    with pytest.raises(ValueError, match="another repository's"):
        chosen.open_stream(bytes(32), stream, 300)


def test_lengths_that_cannot_be(chosen: ModuleType) -> None:
    for key, secret, record in ((31, 44, 10), (32, 43, 10), (32, 44, 9), (32, 56, 10), (32, 44, 0), (32, 44, -1)):
        with pytest.raises(ValueError, match="has to"):
            chosen.seal_stream(bytes(key), bytes(secret), bytes(10), record)
    for key, record in ((31, 10), (32, 0), (32, -1)):
        with pytest.raises(ValueError, match="has to"):
            chosen.open_stream(bytes(key), bytes(100), record)
