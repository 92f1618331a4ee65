"""New names: what each transform makes, what is refused, and that encodings can be undone."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plait.mirror.encodings import Encoding
from plait.mirror.transforms import parse_transforms
from plait.model.errors import ConfigurationError, NoRetryError


@pytest.mark.parametrize(
    ("transform", "name", "new"),
    [
        ("uppercase", "a.txt", "A.TXT"),
        ("file,prefix=x-", "a", "x-a"),
        ("suffix_keep_extension=-1", "a.tar.gz", "a-1.tar.gz"),
        ("replace=a:bb", "aha", "bbhbb"),
        ("truncate_bytes=3", "a\u00e9\u00e9", "a\u00e9"),
        ("base64encode", "caf\u00e9?", "Y2Fmw6k_"),
        ("base64decode", "Y2Fmw6k_", "caf\u00e9?"),
        ("url", "a b&\u00e9~", "a+b%26%C3%A9~"),
        ("regex=([a-z]+)-(?P<n>[0-9]+)/${n}_$1$$", "ab-12", "12_ab$"),
        ("ISO-8859-1", "\u20ac\u00e9", "_\u00e9"),
        ("charmap=koi8-r", "\u0436\u00e9", "\u0436_"),
        ("encoder=Win", "a:b?", "a\uff1ab\uff1f"),
        ("command=/bin/basename", "x.y", "x.y"),
        ("dir,prefix=x-", "a", "a"),
    ],
)
def test_what_a_transform_makes(transform: str, name: str, new: str) -> None:
    transforms = parse_transforms([transform])
    assert transforms is not None
    assert transforms(name, False) == new


def test_transforms_of_a_path() -> None:
    transforms = parse_transforms(["dir,prefix=d", "file,suffix=f", "all,uppercase", ""])
    assert transforms is not None
    assert transforms.path("a/b/c") == "DA/DB/CF"
    assert parse_transforms([""]) is None


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        ("foo", 'invalid choice "foo" from: none, nfc'),
        ("prefix", "value is required for prefix"),
        ("prefix=a=b", "too many values"),
        ("=x", "key cannot be blank"),
        ("replace=a", "wrong number of values"),
        ("truncate=x", "invalid syntax"),
        ("charmap=foo", 'invalid choice "foo"'),
        ("encoder=foo", 'bad encoding "foo"'),
        ("regex=a", "regex syntax error"),
    ],
)
def test_what_is_no_transform(transform: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="Failed to parse transform flags: ") as caught:
        parse_transforms([transform])
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("transform", "name"),
    [
        ("trimprefix=a", "a"),
        ("prefix=x/", "a"),
        ("replace=a:..", "a"),
        ("truncate_keep_extension=2", "a.jpg"),
        ("base64decode", "%"),
        ("command=/bin/false", "a"),
        ("command=/nowhere", "a"),
    ],
)
def test_a_name_that_cannot_be(transform: str, name: str) -> None:
    transforms = parse_transforms([transform])
    assert transforms is not None
    with pytest.raises(NoRetryError, match="Failed to transform"):
        transforms(name, False)


NAMES = st.text(
    st.sampled_from("a.~ \t\n<>:?*|\"'\\/\u201b\u2400\uff0e\u2420\uff5e\uff1a\u2409\x7f"), min_size=1, max_size=6
)
FLAGS = (
    "Slash",
    "LtGt",
    "Win",
    "Ctl",
    "Del",
    "Dot",
    "LeftSpace,RightSpace",
    "LeftPeriod,RightPeriod",
    "LeftTilde,Ctl,Dot",
)


@given(NAMES, st.sampled_from(FLAGS))
@example("\uff0e", "LeftTilde,Ctl,Dot")
@example("\uff0e\uff0e", "Dot")
def test_encodings_can_be_undone(name: str, flags: str) -> None:
    encoding = Encoding(flags)
    assert encoding.decode(encoding.encode(name)) == name
