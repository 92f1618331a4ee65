"""The hashes that Plait computes itself, against what rclone 1.75.2 prints of the same contents."""

import hashlib
from typing import Final

import pytest

from plait.model.errors import NotSupportedError
from plait.stores import hashes
from plait.stores.digests.whirlpool import Whirlpool
from plait.stores.hashes import COMPUTABLE, new_digest

CONTENTS: Final = (
    b"",
    b"hello",
    (
        b"the quick brown fox jumps over the lazy dog, again and again and again; and once more, for good measure: "
        b"160 bytes are needed and then some, which this text has. So."
    ),
    bytes(range(256)) * (16 * 300) + b"end",
    bytes(4096 * 3),
)
EXPECTED: Final = {
    "whirlpool": (
        "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a73e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3",
        "0a25f55d7308eca6b9567a7ed3bd1b46327f0f1ffdc804dd8bb5af40e88d78b88df0d002a89e2fdbd5876c523f1b67bc44e9f87047598e7548298ea1c81cfd73",
        "85002fb0dd045c1650420833b2f1671c2fd6eda5f134eade957822858e6984cbebcb39f250d56e88444b75a2076532a80fcb6d70da4fec9b0e6231d4a7c67024",
        "740b6beba53d3953073c024233529135bf71ecec964acd327f0e61fe68864f2d49ea01b5121da1f78abe9a11e8797ca4438868e99851f9f6f147d959c30f2e06",
        "cec67964695fd9f49b01fb288ad7ac448bfb013e5009685b24da78515ba10ad9875f999947917ee331897db4bccfc2af7e14341a8b85b3fd220563235d27f0ab",
    ),
    "crc32": (
        "00000000",
        "3610a686",
        "baa29ef1",
        "be3c3f36",
        "8a258aec",
    ),
    "blake3": (
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f",
        "4603ba6504f6c9df9d8af65a52824e089691fe9aa1515ed17555c0775a8b2075",
        "b3f882ce35f7804a1e5d0949fb12642c9d83c08cacbc6da4b0dc86290f56c1d6",
        "819ad8f20ee2578f84eeb28b4aa852458c066911cce810767021030961e43e60",
    ),
    "xxh3": (
        "2d06800538d394c2",
        "9555e8555c62dcfd",
        "f3768d762c5124be",
        "f522dacbf09ceba7",
        "d9edc36564dfd673",
    ),
    "xxh128": (
        "99aa06d3014798d86001c324468d497f",
        "b5e9c1ad071b3e7fc779cfaa5e523818",
        "03f9895b86741134e10d2dd29a2d7c00",
        "ffb2223ee20faff3f522dacbf09ceba7",
        "135036eeecc1c9d4d9edc36564dfd673",
    ),
    "dropbox": (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50",
        "2ddfd50eaf93f3ba2d9d649002f6eedb440eeaf592f5f549173915dca544db5f",
        "6c424046e346c4a2fb542f4f794f2060b89d971a949b2fa9058998be5bec8bcb",
        "d4e687d2d906b341f3d09d4d60ec4e46a6ea696e9025a1430de55e9e92656156",
    ),
    "hidrive": (
        "0000000000000000000000000000000000000000",
        "44c6e36e32a5029692f2f32e7844d8f52832db8a",
        "06595f700cee751ec14c32889cea874b33203a09",
        "a4d9eee414cee6c5697b740e4f07d7d9fd33616d",
        "0000000000000000000000000000000000000000",
    ),
    "mailru": (
        "0000000000000000000000000000000000000000",
        "68656c6c6f000000000000000000000000000000",
        "b7bc7e920ff293a5b0955ee1d831893ea90b573e",
        "b1d0312f2ecf65b144fc172cfc88a725e236fa94",
        "462d1a07c04c6a2fd525c54e85bddaa5da550dd5",
    ),
    "quickxor": (
        "0000000000000000000000000000000000000000",
        "6828031bd8f00600000000000500000000000000",
        "c4ddb4719f0a0ee93a28de7baa82a229e109384e",
        "65700319000000000000000003c0120000000000",
        "0000000000000000000000000030000000000000",
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("block", [1 << 20, 4097, 100])
def test_hashes_are_rclones(name: str, block: int) -> None:
    for content, expected in zip(CONTENTS, EXPECTED[name], strict=True):
        if name == "whirlpool" and len(content) > 50_000:
            continue
        digest = new_digest(name)
        for start in range(0, len(content), block):
            digest.update(content[start : start + block])
        assert digest.hexdigest() == expected
        # Asking changes nothing.
        assert digest.hexdigest() == expected


def test_whirlpool_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "algorithms_available", {"md5"})
    assert isinstance(hashes.new_digest("whirlpool"), Whirlpool)


@pytest.mark.parametrize("size", [31, 32, 33, 63, 64, 65])
def test_whirlpool_pads_at_the_ends_of_blocks(size: int) -> None:
    whole, parts = Whirlpool(), Whirlpool()
    whole.update(b"x" * size)
    for _ in range(size):
        parts.update(b"x")
    assert whole.hexdigest() == parts.hexdigest()


def test_every_name_has_a_digest_of_its_width() -> None:
    for name in COMPUTABLE:
        assert bytes.fromhex(new_digest(name).hexdigest())


def test_a_name_that_is_none() -> None:
    with pytest.raises(NotSupportedError, match="tiger"):
        new_digest("tiger")
