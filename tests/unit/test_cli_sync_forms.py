"""Which form of `plait sync` is meant: one case for every sentence of the rules."""

import pytest

from plait.cli.dialects import PLAIT
from plait.cli.forms import Choice, Situation
from plait.cli.grammar import Lexicon, split
from plait.cli.sync_forms import decide_sync, missing_snapshot_hint
from plait.model.errors import UsageError
from plait.model.options import Values

DIRECTORIES = {"photos", "cafe"}
NOTHING = Lexicon(())


def no_values() -> Values:
    raise AssertionError("the forms of sync are decided by words alone")


def decide(words: str, at: str | None = None) -> Choice:
    line = split(words.split(), NOTHING, PLAIT)
    return decide_sync(Situation(line, at, DIRECTORIES.__contains__, {}, no_values))


def refusal(words: str, at: str | None = None) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        decide(words, at)
    return caught.value.message, caught.value.hint or ""


@pytest.mark.parametrize(
    ("words", "at", "form", "parts"),
    [
        # 1. `at REPO` before the verb: the repository form, only.
        ("to @p", "@r", "repository", {"direction": "to", "peer": "@p", "at": "@r"}),
        ("ab12 from @p", "@r", "repository", {"snapshot": "ab12", "direction": "from", "peer": "@p", "at": "@r"}),
        # 2. One word: DATABASE.
        ("app.db", None, "database", {"database": "app.db"}),
        ("./a:b.db", None, "database", {"database": "./a:b.db"}),
        ("-- to", None, "database", {"database": "to"}),
        # 3. Two words.
        ("to B", None, "repository", {"direction": "to", "peer": "B"}),
        ("from /srv/r", None, "repository", {"direction": "from", "peer": "/srv/r"}),
        ("with @p", None, "repository", {"direction": "with", "peer": "@p"}),
        ("to -- to", None, "repository", {"direction": "to", "peer": "to"}),
        ("A B", None, "mirror", {"source": "A", "destination": "B"}),
        ("TO B", None, "mirror", {"source": "TO", "destination": "B"}),
        ("A ./to", None, "mirror", {"source": "A", "destination": "./to"}),
        ("@r: B", None, "mirror", {"source": "@r:", "destination": "B"}),
        ("@r:ab12:/docs B", None, "mirror", {"source": "@r:ab12:/docs", "destination": "B"}),
        ("A ./@r", None, "mirror", {"source": "A", "destination": "./@r"}),
        ("-- to B", None, "mirror", {"source": "to", "destination": "B"}),
        ("A -- with", None, "mirror", {"source": "A", "destination": "with"}),
        # 4. Three words.
        ("cafe to ./b", None, "repository", {"snapshot": "cafe", "direction": "to", "peer": "./b"}),
        ("ab with @p", None, "repository", {"snapshot": "ab", "direction": "with", "peer": "@p"}),
        ("ab to -- to", None, "repository", {"snapshot": "ab", "direction": "to", "peer": "to"}),
        ("ab to s3://host.example/bucket", None, "repository", None),
        ("ab to s3://localhost:9000/bucket", None, "repository", None),
    ],
)
def test_form(words: str, at: str | None, form: str, parts: dict[str, str] | None) -> None:
    choice = decide(words, at)
    assert choice.form == form
    assert parts is None or dict(choice.parts) == parts


THREE_FORMS = "usage: plait sync SOURCE DEST\n"
NAME_THE_PEER = "name the peer, or write ./"


@pytest.mark.parametrize(
    ("words", "at", "message", "hint"),
    [
        # 1. With `at`, only the repository form.
        (
            "A B",
            "@r",
            "at @r: sync needs a direction and a peer",
            "usage: plait at @r sync [SNAPSHOT] to|from|with PEER",
        ),
        ("app.db", "@r", "at @r: sync needs a direction", "usage: plait at @r sync"),
        ("", "@r", "at @r: sync needs a direction", "usage: plait at @r sync"),
        ("ab to @p x", "@r", "at @r: sync needs a direction", "usage: plait at @r sync"),
        ("-- to B", "@r", "at @r: sync needs a direction", "usage: plait at @r sync"),
        ("to from", "@r", "sync to from names no peer", NAME_THE_PEER + "from"),
        ("from to B", "@r", "sync from to names no peer", NAME_THE_PEER + "to"),
        ("xyz to @p", "@r", "xyz is no snapshot ID", "up to 64 hexadecimal"),
        # 2. A directory or `remote:` as the only word.
        ("photos", None, "sync needs a destination", "plait sync photos DEST"),
        ("some/", None, "sync needs a destination", "plait sync some/ DEST"),
        (".", None, "sync needs a destination", "plait sync . DEST"),
        ("remote:", None, "sync needs a destination", "plait sync remote: DEST"),
        ("remote:path", None, "sync needs a destination", "plait sync remote:path DEST"),
        ("s3://bucket/x", None, "sync needs a destination", "plait sync s3://bucket/x DEST"),
        # A direction word alone, or two of them.
        ("to", None, "sync to names no peer", THREE_FORMS),
        ("with", None, "sync with names no peer", THREE_FORMS),
        ("to from", None, "sync to from names no peer", NAME_THE_PEER + "from"),
        ("to to", None, "sync to to names no peer", NAME_THE_PEER + "to"),
        ("to from B", None, "sync to from names no peer", NAME_THE_PEER + "from"),
        ("ab to with", None, "sync to with names no peer", NAME_THE_PEER + "with"),
        # 3. The second of two words is a direction.
        ("A to", None, "sync A to names no peer", NAME_THE_PEER + "to for a directory"),
        # 4. The first of three words is no snapshot.
        ("X to B", None, "X is no snapshot ID", "to mirror: plait sync X B"),
        ("X with B", None, "X is no snapshot ID", "to mirror: plait sync X B"),
        ("X from B", None, "X is no snapshot ID", "to mirror: plait sync B X"),
        ("CAFES to B", None, "CAFES is no snapshot ID", "to mirror: plait sync CAFES B"),
        ("a" * 65 + " to B", None, "is no snapshot ID", "to mirror"),
        ("A B C", None, "the middle word is not to, from or with", THREE_FORMS),
        ("-- a to B", None, "the middle word is not to, from or with", THREE_FORMS),
        # 5. Anything else shows the three forms.
        ("", None, "sync takes one to three words, not 0", THREE_FORMS),
        ("a to b c", None, "sync takes one to three words, not 4", THREE_FORMS),
        # A bare @name as SOURCE or DEST.
        ("@r B", None, "@r is a repository, not a tree", "write @r: for the tree in it, ./@r for a file"),
        ("A @r", None, "@r is a repository, not a tree", "write @r: for the tree"),
        ("@a @b", None, "@a and @b are repositories, not trees", "write: plait at @a sync to @b"),
        # A form that cannot be meant gets the hint for the one that can.
        ("@r:ab to @p", None, "@r:ab is no snapshot ID", "write: plait at @r sync ab to @p"),
        ("to s3://bucket/prefix", None, "bucket is no endpoint", "endpoint first"),
        ("ab from s3://bucket", None, "bucket is no endpoint", "s3://ENDPOINT/BUCKET"),
    ],
)
def test_refusal(words: str, at: str | None, message: str, hint: str) -> None:
    said, hinted = refusal(words, at)
    assert message in said
    assert hint in hinted


def test_the_three_forms_are_shown_whole() -> None:
    _, hint = refusal("a b c d")
    assert hint.splitlines() == [
        "usage: plait sync SOURCE DEST",
        "       plait [at REPOSITORY] sync [SNAPSHOT] to|from|with PEER",
        "       plait sync [-wait] DATABASE",
    ]


def test_a_folder_with_the_name_of_a_missing_snapshot_gets_a_hint() -> None:
    known = DIRECTORIES.__contains__
    assert missing_snapshot_hint("cafe", "./b", known) == "to mirror that directory: plait sync cafe ./b"
    assert missing_snapshot_hint("beef", "./b", known) is None


def test_what_exists_never_decides() -> None:
    for words in ("A B", "to B", "cafe to ./b", "app.db"):
        line = split(words.split(), NOTHING, PLAIT)
        nothing = decide_sync(Situation(line, None, lambda _: False, {}, no_values))
        assert decide(words) == nothing
