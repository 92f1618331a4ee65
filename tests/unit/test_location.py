"""Locations and connection strings; the messages are those of rclone 1.75.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.model.errors import ConfigurationError, UsageError
from plait.stores.connection import (
    Connection,
    check_remote_name,
    is_remote_name,
    is_secret,
    parse_connection,
    show_connection,
)
from plait.stores.location import (
    Location,
    LocationKind,
    clean_local_path,
    join_root,
    parse_location,
    parse_rclone_location,
    split_bucket,
)

BAD_NAME = "config name contains invalid characters"


@pytest.mark.parametrize(
    ("text", "connection"),
    [
        ("path/to", Connection("", {}, "path/to")),
        ("/a/b:c", Connection("", {}, "/a/b:c")),
        ("./a:b", Connection("", {}, "./a:b")),
        ("a\\b:c", Connection("", {}, "a\\b:c")),
        ("a,b", Connection("", {}, "a,b")),
        ("remote:", Connection("remote", {}, "")),
        ("remote:path/to", Connection("remote", {}, "path/to")),
        ("remote:/abs:olute", Connection("remote", {}, "/abs:olute")),
        ("C:foo", Connection("C", {}, "foo")),
        ("my remote-2.x+@y:p", Connection("my remote-2.x+@y", {}, "p")),
        ("дом:p", Connection("дом", {}, "p")),
        (":local:src", Connection(":local", {}, "src")),
        ("r,flag:p", Connection("r", {"flag": "true"}, "p")),
        ("r,flag,key=value:p", Connection("r", {"flag": "true", "key": "value"}, "p")),
        ("r,key=:p", Connection("r", {"key": ""}, "p")),
        ("r,key=a/b=c'd:p", Connection("r", {"key": "a/b=c'd"}, "p")),
        ("r,a.b_C9=1:", Connection("r", {"a.b_C9": "1"}, "")),
        (":s3,key=\"va,l:ue\",k2='x':p", Connection(":s3", {"key": "va,l:ue", "k2": "x"}, "p")),
        (':s3,k="a""b",j=\'c\'\'d"\':p', Connection(":s3", {"k": 'a"b', "j": "c'd\""}, "p")),
        ('r,k="":p', Connection("r", {"k": ""}, "p")),
    ],
)
def test_connections_are_taken_apart(text: str, connection: Connection) -> None:
    assert parse_connection(text) == connection


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "can't use empty string as a path"),
        (":", "config name needs a trailing `:`"),
        (":memory", "config name needs a trailing `:`"),
        ("::", "config name can't be empty"),
        (",a:b", "config name can't be empty"),
        (":,a:b", "config name can't be empty"),
        (":x/..", BAD_NAME),
        (":x/..:", BAD_NAME),
        ("-x:y", BAD_NAME),
        ("x-:y", BAD_NAME),
        (" x:y", BAD_NAME),
        ("x :y", BAD_NAME),
        ("a*b:c", BAD_NAME),
        ("r,:", "config parameters can't be empty"),
        ("r,=:", "config parameters can't be empty"),
        ("r,a-b=c:", "config parameters may only contain `0-9`, `A-Z`, `a-z`, `_` and `.`"),
        ("a,b/c:d", "config parameters may only contain `0-9`, `A-Z`, `a-z`, `_` and `.`"),
        ('r,a="x:', "unterminated quoted config value"),
        ('r,a="x"":', "unterminated quoted config value"),
        ('r,a="x"y:', "expecting `:` or `,` or another quote after a quote"),
        ('r,a=":"', "expecting `:` or `,` or another quote after a quote"),
        ('r,k="a:b",c', "config parameter must end with `,` or `:`"),
        ('r,k="a:b",c=d', "unquoted config value must end with `,` or `:`"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said_in_rclone_s_words(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_connection(text)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("name", ["a", "_", ".", "+x", "@", "9", "a b", "a--", "a-b-", "a -", "ñ9"])
def test_names_of_remotes(name: str) -> None:
    assert is_remote_name(name)


@pytest.mark.parametrize("name", ["", "-a", " a", "a ", "a-", "a/b", "a*", "a:b", "a,b", "a\n"])
def test_names_that_no_remote_has(name: str) -> None:
    assert not is_remote_name(name)
    with pytest.raises(ConfigurationError, match=BAD_NAME):
        check_remote_name(name)


def test_a_long_bad_name_is_refused_at_once() -> None:
    assert not is_remote_name("a" + "-" * 5000 + "*")


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
connections = st.builds(
    Connection,
    st.sampled_from(["r", ":s3", "a b", "@x"]),
    st.dictionaries(st.from_regex(r"[0-9A-Za-z_.]{1,5}", fullmatch=True), values, max_size=4),
    values,
)


@given(connections)
def test_connections_are_read_back_as_they_are_shown(connection: Connection) -> None:
    assert parse_connection(show_connection(connection, secrets=True)) == connection


def test_secrets_are_not_shown() -> None:
    text = ":s3,access_key_id=AK,secret_access_key=SK,endpoint='http://h:1',env_auth:b"
    assert show_connection(parse_connection(text)) == (
        ":s3,access_key_id=XXX,secret_access_key=XXX,endpoint='http://h:1',env_auth:b"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pass", "x"),
        ("password2", "x"),
        ("client_secret", "x"),
        ("sas_url", "x"),
        ("token", "{}"),
        ("key_pem", "x"),
        ("url", "https://user:pw@host/"),
        ("remote", ":s3,secret_access_key=SK:b"),
        ("headers", "Cookie,x"),
    ],
)
def test_options_that_may_hold_a_secret(key: str, value: str) -> None:
    assert is_secret(key, value)


@pytest.mark.parametrize(
    ("key", "value"), [("region", "eu"), ("url", "https://host/"), ("chunk_size", "5M"), ("host", "h")]
)
def test_options_that_hold_none(key: str, value: str) -> None:
    assert not is_secret(key, value)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("a/b", Location(LocationKind.LOCAL, "a/b", "a/b", backend="local")),
        ("./@x", Location(LocationKind.LOCAL, "./@x", "./@x", backend="local")),
        ("@x/y:z", Location(LocationKind.LOCAL, "@x/y:z", "@x/y:z", backend="local")),
        ("r:b/k", Location(LocationKind.REMOTE, "b/k", "r:b/k", name="r")),
        (
            ":s3,region=eu:b",
            Location(LocationKind.BACKEND, "b", ":s3,region=eu:b", backend="s3", options={"region": "eu"}),
        ),
        ("s3://b", Location(LocationKind.URL, "b", "s3://b", backend="s3", options={"env_auth": "true"})),
        (
            "S3://b/k//%20?x#y/",
            Location(
                LocationKind.URL, "b/k//%20?x#y/", "s3://b/k//%20?x#y/", backend="s3", options={"env_auth": "true"}
            ),
        ),
        (
            "gs://b/k",
            Location(LocationKind.URL, "b/k", "gs://b/k", backend="google cloud storage", options={"env_auth": "true"}),
        ),
        ("file:///a%20b/%3f", Location(LocationKind.LOCAL, "/a b/?", "file:///a%20b/%3f", backend="local")),
        ("file://localhost/a", Location(LocationKind.LOCAL, "/a", "file://localhost/a", backend="local")),
        (
            "sftp://me@host:2222/a%C3%A9/b",
            Location(
                LocationKind.URL,
                "/aé/b",
                "sftp://me@host:2222/a%C3%A9/b",
                backend="sftp",
                options={"host": "host", "user": "me", "port": "2222"},
            ),
        ),
        ("foo://[::1]/p", Location(LocationKind.URL, "/p", "foo://[::1]/p", backend="foo", options={"host": "[::1]"})),
        ("@r:", Location(LocationKind.SNAPSHOT, "", "@r:", name="r")),
        ("@r:ab12", Location(LocationKind.SNAPSHOT, "", "@r:ab12", name="r", snapshot="ab12")),
        ("@r:ab12:/d:e", Location(LocationKind.SNAPSHOT, "/d:e", "@r:ab12:/d:e", name="r", snapshot="ab12")),
    ],
)
def test_locations(text: str, location: Location) -> None:
    assert parse_location(text) == location


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("@r", "@r is a repository, not a tree", "write @r: for its tree, ./@r for a file"),
        ("@r:/docs", "@r:/docs names no snapshot", "@r:SNAPSHOT:PATH"),
        ("@r::/docs", "@r::/docs names no snapshot", "@r:SNAPSHOT:PATH"),
        ("s3://host:9000/b", "s3://host:9000 is no bucket", "s3://BUCKET/PREFIX"),
        ("s3://key:secret@b/k", "s3://b is no bucket", "s3://BUCKET/PREFIX"),
        ("file://host/a", "file://host/a names another machine", "file:///PATH"),
        ("sftp://me:pw@host/", "a password in a location can be read", "rclone.conf"),
        ("sftp://host/a?b", "sftp://host/a?b has a query", "%3F"),
        ("sftp://me:pw@a:b:c/", "sftp://a:b:c is no valid host", None),
    ],
)
def test_locations_that_cannot_be_meant(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_location(text)
    assert caught.value.message.startswith(message)
    assert "pw" not in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


def test_rclone_knows_neither_urls_nor_repositories() -> None:
    assert parse_rclone_location("s3://b/k") == Location(LocationKind.REMOTE, "//b/k", "s3://b/k", name="s3")
    assert parse_rclone_location("@r:ab:/x") == Location(LocationKind.REMOTE, "ab:/x", "@r:ab:/x", name="@r")
    assert parse_rclone_location("@r").kind is LocationKind.LOCAL


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", "."),
        (".", "."),
        ("./a//b/./c/..", "a/b"),
        ("/", "/"),
        ("//", "/"),
        ("//a", "/a"),
        ("///a/../..", "/"),
        ("a/../..", ".."),
        ("../../x/", "../../x"),
    ],
)
def test_local_paths_are_cleaned_by_their_words(path: str, cleaned: str) -> None:
    assert clean_local_path(path) == cleaned


@pytest.mark.parametrize(
    ("path", "parts"),
    [("", ("", "")), ("b", ("b", "")), ("/b//c/", ("b", "/c")), ("b/a//b", ("b", "a//b")), ("b/../c", ("b", "../c"))],
)
def test_buckets_and_keys(path: str, parts: tuple[str, str]) -> None:
    assert split_bucket(path) == parts


@pytest.mark.parametrize(
    ("location", "path", "joined"),
    [
        ("/tmp/x", "", "/tmp/x"),
        ("/tmp/x", "a", "/tmp/x/a"),
        ("/tmp/x", "../../a", "/tmp/x/a"),
        ("/tmp/x", "/..", "/tmp/x"),
        ("x/../y", "a", "y/a"),
        ("mem:", "a", "mem:a"),
        ("mem:", "/a", "mem:/a"),
        ("mem:", "..", "mem:"),
        ("mem,k='a:b':p", "a/", "mem,k='a:b':p/a"),
        ("//host/share", "a", "//host/share/a"),
        ("a*b:c", "d", "a*b:c/d"),
    ],
)
def test_a_path_below_an_alias_cannot_leave_it(location: str, path: str, joined: str) -> None:
    assert join_root(location, path) == joined
