"""Settings of replication: what stands in files and URLs, and where that leads."""

import ssl
from pathlib import Path

import pytest

from plait.model.errors import ConfigurationError, NotSupportedError, PlaitError
from plait.replication.configuration.directories import all_databases, database_of
from plait.replication.configuration.document import parse_document
from plait.replication.configuration.expansion import expand
from plait.replication.configuration.litestream import parse_configuration, read_configuration
from plait.replication.configuration.patterns import parse_pattern
from plait.replication.configuration.places import GivenOptions, below, open_replica, parse_replica_url
from plait.replication.ltx.names import Span
from plait.stores.registry import Opening
from plait.testing.s3_stub import Stub, certificate, listing, reply

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "key"}
KEYS = {"LITESTREAM_ACCESS_KEY_ID": "k", "LITESTREAM_SECRET_ACCESS_KEY": "s"}


def test_every_setting_has_its_place() -> None:
    settings = parse_configuration(
        """
addr: ":9090"
exec: myapp -d
socket: {enabled: yes, path: /tmp/s.sock, permissions: 0660}
levels: [{interval: 10s}, {interval: 1m30s}]
snapshot: {interval: 2h, retention: 48h}
l0-retention: 0
l0-retention-check-interval: 500ms
retention: {enabled: false}
verify-compaction: true
validation: {interval: 5m}
heartbeat-url: https://example.com/x
heartbeat-interval: 2m
shutdown-sync-timeout: 0s
shutdown-sync-interval: 1s
logging: {level: debug, type: json, stderr: on}
access-key-id: 0123
dbs:
  - path: /d/a.db
    meta-path: /m
    monitor-interval: 5
    checkpoint-interval: 0s
    busy-timeout: 2s
    min-checkpoint-page-count: 10
    truncate-page-n: 0
    max-sync-wal-bytes: 1_000
    restore-if-db-not-exists: true
    replica: {type: s3, bucket: b, path: p/q, endpoint: localhost:9000, sync-interval: 250ms, auto-recover: true}
""",
        {},
    )
    assert (settings.address, settings.exec, settings.heartbeat_interval) == (":9090", "myapp -d", 120.0)
    assert (settings.socket.enabled, settings.socket.path, settings.socket.permissions) == (True, "/tmp/s.sock", 0o660)
    upkeep = settings.upkeep
    assert (upkeep.levels, upkeep.snapshot_interval, upkeep.snapshot_retention) == ((10.0, 90.0), 7200.0, 172800.0)
    assert (upkeep.l0_retention, upkeep.l0_retention_check_interval, upkeep.retention_enabled) == (0.0, 0.5, False)
    assert (upkeep.verify_compaction, upkeep.validation_interval) == (True, 300.0)
    assert (upkeep.shutdown_sync_timeout, upkeep.shutdown_sync_interval) == (0.0, 1.0)
    assert (settings.logging.level, settings.logging.type, settings.logging.stderr) == ("debug", "json", True)
    (database,) = settings.databases
    assert (database.path, database.meta_path, database.monitor_interval) == ("/d/a.db", "/m", 5e-9)
    assert (database.checkpoint_interval, database.busy_timeout) == (0.0, 2.0)
    assert (database.min_checkpoint_pages, database.truncate_pages, database.max_sync_wal_bytes) == (10, 121359, 1000)
    assert database.restore_if_db_not_exists
    (replica,) = database.replicas
    assert (replica.sync_interval, replica.auto_recover, replica.place.type) == (0.25, True, "s3")
    options = replica.place.location.options
    assert options["endpoint"] == "http://localhost:9000"
    assert (options["force_path_style"], options["region"]) == ("true", "us-east-1")
    assert options["access_key_id"] == "0123"


def test_the_log_level_of_the_environment_wins() -> None:
    assert parse_configuration("logging: {level: debug}", {"LOG_LEVEL": "error"}).logging.level == "error"


def test_secrets_are_in_no_repr() -> None:
    text = "dbs: [{path: a, replica: {type: s3, bucket: b, path: p, access-key-id: k, secret-access-key: hidden}}]"
    assert "hidden" not in repr(parse_configuration(text, {}))


def test_variables_are_expanded_as_go_does() -> None:
    values = {"A": "one", "B_2": "two"}
    assert expand("$A/${B_2}/$NONE/${NONE}/$$/a$b", values, 7) == "one/two////a"
    assert expand("${PID} $PID", values, 7) == "7 7"


def test_expansion_can_be_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text("exec: $A\n")
    assert read_configuration(str(path), {"A": "x"}).exec == "x"
    assert read_configuration(str(path), {"A": "x"}, expand_environment=False).exec == "$A"


@pytest.mark.parametrize(
    ("url", "path", "options"),
    [
        ("s3://b/p", "b/p", {"provider": "AWS", "env_auth": "true"}),
        ("s3://b", "b", {}),
        ("s3://b/p?endpoint=localhost:9000", "b/p", {"endpoint": "http://localhost:9000", "force_path_style": "true"}),
        ("s3://b/p?endpoint=https://x.com&region=eu&force-path-style=false", "b/p", {"region": "eu"}),
        ("s3://b/p?endpoint=x.com&forcePathStyle=false", "b/p", {"endpoint": "https://x.com"}),
        ("s3://b.s3.eu-west-1.amazonaws.com/p", "b/p", {"region": "eu-west-1", "provider": "AWS"}),
        ("s3://b.nyc3.digitaloceanspaces.com/p", "b/p", {"endpoint": "https://nyc3.digitaloceanspaces.com"}),
        ("s3://b.s3.r1.backblazeb2.com/p", "b/p", {"endpoint": "https://s3.r1.backblazeb2.com", "region": "r1"}),
        ("s3://b.localhost:9000/p/q", "b/p/q", {"endpoint": "http://localhost:9000"}),
        ("s3://b/p?partSize=10485760&concurrency=3", "b/p", {"chunk_size": "10485760B", "upload_concurrency": "3"}),
    ],
)
def test_urls_of_s3_name_bucket_path_and_endpoint(url: str, path: str, options: dict[str, str]) -> None:
    place = parse_replica_url(url, ENVIRONMENT)
    assert place.type == "s3"
    assert place.location.path == path
    assert options.items() <= dict(place.location.options).items()


def test_litestreams_own_variables_stand_behind_those_of_aws() -> None:
    own = {"LITESTREAM_ACCESS_KEY_ID": "k", "LITESTREAM_SECRET_ACCESS_KEY": "s", "LITESTREAM_S3_ENDPOINT": "x:1"}
    options = parse_replica_url("s3://b/p", own).location.options
    assert (options["access_key_id"], options["secret_access_key"]) == ("k", "s")
    assert options["endpoint"] == "https://x:1"
    assert "access_key_id" not in parse_replica_url("s3://b/p", own | ENVIRONMENT).location.options


def test_urls_that_lead_nowhere_are_refused() -> None:
    for url, words in (("zzz://x", 'unknown replica type in config: "zzz"'), ("/x", "replica url scheme required: /x")):
        with pytest.raises(ConfigurationError) as caught:
            parse_replica_url(url, {})
        assert caught.value.message == words
    with pytest.raises(NotSupportedError):
        parse_replica_url("gs://b/p", {})


def test_a_place_is_opened_as_a_replica(tmp_path: Path) -> None:
    replica = open_replica(parse_replica_url(f"file://{tmp_path}/rep", {}), Opening(GivenOptions()))
    assert replica.description == f"{tmp_path}/rep"
    assert replica.files(0) == []
    on_s3 = open_replica(parse_replica_url("s3://b/p", KEYS), Opening(GivenOptions()))
    assert on_s3.key(9, Span(1, 2)).startswith("0009/")
    assert on_s3.layout.timestamp_name == "litestream-timestamp"
    bare = open_replica(parse_replica_url("s3://b", KEYS), Opening(GivenOptions()))
    assert bare.key(0, Span(1, 2)).startswith("/0000/")


def test_a_directory_has_its_databases(tmp_path: Path) -> None:
    magic = b"SQLite format 3\0rest"
    (tmp_path / "sub").mkdir()
    for name in ("b.db", "a.db", "a.db-wal", "sub/c.db", "x.txt"):
        (tmp_path / name).write_bytes(magic)
    (tmp_path / "no.db").write_bytes(b"text")
    common = f"dir: {tmp_path}, pattern: '*.db', replica: {{path: /rep}}"
    flat = parse_configuration(f"dbs: [{{{common}}}]", {})
    assert [Path(one.path).name for one in all_databases(flat)] == ["a.db", "b.db"]
    deep = parse_configuration(f"dbs: [{{{common}, recursive: true, meta-dir: /m}}]", {})
    found = all_databases(deep)
    assert [one.replicas[0].place.path for one in found] == ["/rep/a.db", "/rep/b.db", "/rep/sub/c.db"]
    assert [one.meta_path for one in found] == ["/m/a.db-litestream", "/m/b.db-litestream", "/m/sub/c.db-litestream"]
    beside = parse_configuration(f"dbs: [{{{common}, recursive: true, meta-path: /m}}]", {})
    assert database_of(beside.directories[0], f"{tmp_path}/sub/c.db").meta_path == "/m/sub/.c.db-litestream"


def test_a_directory_without_databases_is_a_mistake_unless_it_is_watched(tmp_path: Path) -> None:
    common = f"dir: {tmp_path}, pattern: '*.db', replica: {{path: /rep}}"
    with pytest.raises(ConfigurationError, match="no SQLite databases found"):
        all_databases(parse_configuration(f"dbs: [{{{common}}}]", {}))
    assert all_databases(parse_configuration(f"dbs: [{{{common}, watch: true}}]", {})) == []


@pytest.mark.parametrize(("text", "sync", "monitor"), [("", None, None), ("1s", 1.0, 1.0)])
def test_an_interval_that_is_asked_for_is_told_from_the_default(
    text: str, sync: float | None, monitor: float | None
) -> None:
    own = f"monitor-interval: {text}\n  replica: {{path: /r, sync-interval: {text}}}" if text else "replica: {path: /r}"
    (database,) = parse_configuration(f"dbs:\n- path: /a.db\n  {own}", {}).databases
    assert (database.replicas[0].sync_interval, database.monitor_interval) == (sync, monitor)
    assert (database.replicas[0].interval, database.interval) == (1.0, 1.0)
    (inherits,) = parse_configuration("sync-interval: 2s\ndbs: [{path: /a.db, replica: {path: /r}}]", {}).databases
    assert inherits.replicas[0].sync_interval == 2.0


@pytest.mark.parametrize("kind", ["gs", "abs", "sftp", "webdav", "nats", "oss"])
@pytest.mark.parametrize("as_url", [True, False])
def test_replicas_of_other_types_are_refused_by_name(kind: str, as_url: bool) -> None:
    place = f"url: {kind}://b/p" if as_url else f"{{type: {kind}, bucket: b, host: h, path: /p}}"
    replica = f"{{{place}}}" if as_url else place
    with pytest.raises(NotSupportedError, match=f"type '{kind}' are not supported yet: this version has file and s3"):
        parse_configuration(f"dbs: [{{path: /a.db, replica: {replica}}}]", {})


def test_a_certificate_is_verified_unless_skip_verify_says_otherwise(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    stub = Stub(tls=context)
    stub.answer = lambda _: reply(200, listing())
    url = f"s3://b/p?endpoint={stub.url}"
    opening = Opening(GivenOptions())
    try:
        for given in ("&skipVerify=true", "&skip-verify=1"):
            replica = open_replica(below(parse_replica_url(url + given, KEYS), "a.db"), opening)
            assert replica.files(0) == []
            replica.close()
        for given in ("", "&skipVerify=false"):
            replica = open_replica(parse_replica_url(url + given, KEYS), opening)
            with pytest.raises(PlaitError, match="certificate"):
                replica.files(0)
            replica.close()
    finally:
        stub.close()


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("*.db", ["a.db", ".db"], ["a.dbx", "a"]),
        ("[^a]*.db", ["b.db", "bc.db"], ["a.db", "ca.dbx"]),
        ("[!a].db", ["!.db", "a.db"], ["b.db"]),
        ("[a-c]?.db", ["ax.db", "cc.db"], ["a.db", "dx.db"]),
        ("[c-a].db", [], ["a.db", "b.db", "c-a.db"]),
        (r"\*.db", ["*.db"], ["a.db"]),
        (r"[\]x].db", ["].db", "x.db"], ["a.db"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_patterns_are_gos(pattern: str, matches: list[str], others: list[str]) -> None:
    parsed = parse_pattern(pattern)
    assert [name for name in matches if parsed.fullmatch(name) is None] == []
    assert [name for name in others if parsed.fullmatch(name) is not None] == []


@pytest.mark.parametrize("pattern", ["[", "[a", "[]a]", "[-]", "[a-]", "a\\", "[^"])
def test_what_is_no_pattern_is_refused(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="syntax error in pattern"):
        parse_pattern(pattern)
    settings = parse_configuration(
        f"dbs: [{{dir: {tmp_path}, pattern: '{pattern}', watch: true, replica: {{path: /r}}}}]", {}
    )
    with pytest.raises(ConfigurationError, match=r"failed to scan directory .*: syntax error in pattern"):
        all_databases(settings)


def test_a_database_that_stands_in_a_directory_too_is_replicated_once(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        (tmp_path / name).write_bytes(b"SQLite format 3\0")
    directory = f"{{dir: {tmp_path}, pattern: '*.db', replica: {{path: /all}}}}"
    own = f"{{path: {tmp_path}/b.db, replica: {{path: /own}}}}"
    found = all_databases(parse_configuration(f"dbs: [{directory}, {own}]", {}))
    assert sorted((Path(one.path).name, one.replicas[0].place.path) for one in found) == [
        ("a.db", "/all/a.db"),
        ("b.db", "/own"),
    ]


def test_what_no_parser_takes_is_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="cannot parse the URL"):
        parse_replica_url("file://[::1", {})
    with pytest.raises(ConfigurationError, match="max depth"):
        parse_document("dbs: " + "[" * 5000)
