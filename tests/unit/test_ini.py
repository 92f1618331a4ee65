"""The INI dialect of rclone.conf."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import ConfigurationError
from plait.stores.ini import Document

TEXT = """# head
[ a ]
type = memory
k1=`quoted "x`y`
k2 = \"\"\"tri"ple\"\"\"
"key with = eq" = 5
`bk:t` = 6
pct = %(type)s-%(other)s-%(nope)s
col: on
- = auto1
- = auto2
dup = 1
dup = 2
empty =
sp   =   a b
k;c = x ; no comment
"q" = single
one = `
[a]
more = 1
[a.sub]
own = x
[DEFAULT]
other = default
"""


def test_a_file_is_read_as_goconfig_reads_it() -> None:
    resolved = Document(TEXT).resolved()
    a = {
        "type": "memory",
        "k1": 'quoted "x`y',
        "k2": 'tri"ple',
        "key with = eq": "5",
        "bk:t": "6",
        "pct": "memory-default-",
        "col": "on",
        "#1": "auto1",
        "#2": "auto2",
        "dup": "2",
        "empty": "",
        "sp": "a b",
        "k;c": "x ; no comment",
        "q": "single",
        "one": "`",
        "more": "1",
    }
    assert resolved == {"a": a, "a.sub": {**a, "own": "x"}, "DEFAULT": {"other": "default"}}
    assert Document(TEXT).sections()["a.sub"] == {"own": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\n= 5", "could not parse line: = 5"),
        ("[a]\nnokey", "could not parse line: nokey"),
        ("[a\ntype = x", "could not parse line: [a"),
        ('[a]\n"x = 1', 'could not parse line: "x = 1'),
        ("[]\ntype = x", "empty section name not allowed"),
    ],
)
def test_lines_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Document(text)
    assert caught.value.message == message


def test_values_that_refer_to_each_other_in_a_circle() -> None:
    with pytest.raises(ConfigurationError, match="circle"):
        Document("[DEFAULT]\na = %(b)s\nb = %(a)s\n[x]\nk = %(a)s\n").resolved()


def test_a_byte_order_mark_and_carriage_returns_do_not_count() -> None:
    assert Document("\ufeff[a]\r\ntype = x\r\n").resolved() == {"a": {"type": "x"}}


@pytest.mark.parametrize("text", ["", "\n", TEXT, "[a]\r\n\r\n# x\r\n", "[a]\n\n\n"])
def test_what_is_not_changed_stays_as_it_was(text: str) -> None:
    assert Document(text).text() == text


def test_keys_are_set_in_their_place_or_at_the_end_of_their_section() -> None:
    document = Document("# head\n[a]\nx=1\n\n# of b\n[b]\ny=1\ny=2")
    document.set("a", "x", "3")
    document.set("a", "z", "4")
    document.set("b", "y", "5")
    document.set("c", "new", "6")
    assert document.text() == "# head\n[a]\nx = 3\nz = 4\n\n# of b\n[b]\ny=1\ny = 5\n\n[c]\nnew = 6\n"


def test_deleting_leaves_the_comments_of_others() -> None:
    text = "# head\n[a]\n# in a\nx=1\ny=1\n# of b\n[b]\nx=2\n"
    document = Document(text)
    assert document.delete("a", "x")
    assert document.text() == "# head\n[a]\n# in a\ny=1\n# of b\n[b]\nx=2\n"
    assert not document.delete("a", "x")
    document = Document(text)
    assert document.delete("a")
    assert document.text() == "# head\n# of b\n[b]\nx=2\n"
    assert document.delete("b")
    assert document.sections() == {}
    assert not document.delete("b")


@pytest.mark.parametrize(("key", "value"), [("", "x"), ("a\nb", "x"), ("`", "x"), ("k", "a\nb"), ("k", "%(type)s")])
def test_what_the_file_cannot_hold_is_refused(key: str, value: str) -> None:
    with pytest.raises(ConfigurationError):
        Document().set("a", key, value)


printable = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12)


@given(
    st.dictionaries(
        st.text('ab =:#;[]"-_', min_size=1, max_size=5).filter(lambda key: key != "-"), printable, max_size=4
    )
)
def test_what_is_set_is_read_back(values: dict[str, str]) -> None:
    document = Document()
    for key, value in values.items():
        document.set("a", key, value)
    assert Document(document.text()).sections().get("a", {}) == values
