"""A repository that is served over HTTP, and clients that are not to be trusted."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from plait.cli.commands.repository.server import address as listening_address
from plait.model.errors import (
    ConfigurationError,
    IntegrityError,
    NotSupportedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    TemporaryError,
)
from plait.model.items import Kind, Stat
from plait.repository.checking.findings import CheckSettings
from plait.repository.files import StoredFiles
from plait.repository.layout import Folder
from plait.repository.repository import Repository
from plait.repository.selection import Query
from plait.repository.syncing.settings import Direction, Outcome, SyncSettings
from plait.repository.syncing.syncing import Sync
from plait.repository.upkeep.maintenance import MaintenanceSettings
from plait.repository.wire import store as wire_store
from plait.repository.wire.pace import LEAST
from plait.repository.wire.server import WireServer
from plait.repository.wire.sizes import BLOCK, size_by_ranges
from plait.repository.wire.store import WireStore
from plait.stores.content import BytesReader
from plait.stores.memory import MemoryStore
from plait.testing.s3_stub import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.repository.syncing.settings import SyncEvent


@contextmanager
def served(
    store: MemoryStore, *, may_delete: bool = False, token: str = "", certificate: tuple[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    files = StoredFiles(store)
    with WireServer(("127.0.0.1", 0), files, may_delete=may_delete, token=token, certificate=certificate) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield "127.0.0.1", server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def url(address: tuple[str, int]) -> str:
    return f"http://{address[0]}:{address[1]}"


def counts(local: Repository, peer: Repository, direction: Direction) -> tuple[int, int]:
    events: list[SyncEvent] = []
    result = Sync(local, peer, ("here", "there"), SyncSettings(), events.append).run(direction, Query())
    return result.count(Outcome.COPIED), result.count(Outcome.FAILED)


@pytest.mark.parametrize("may_delete", [False, True])
def test_snapshots_go_to_and_come_from_a_server(tmp_path: Path, may_delete: bool) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 9000)
    held = MemoryStore()
    Repository.create(held, None).close()
    with Repository.create(MemoryStore(), None) as local, served(held, may_delete=may_delete) as address:
        local.backup([str(tmp_path)])
        with closing(WireStore(url(address))) as store, Repository.open(store) as peer:
            assert counts(local, peer, Direction.TO) == (1, 0)
            # Without the right to delete the lock stays, and stands in nobody's way.
            assert bool(peer.files.keys(Folder.LOCKS)) is not may_delete
        with (
            closing(WireStore(url(address))) as store,
            Repository.create(MemoryStore(), None) as other,
            Repository.open(store) as peer,
        ):
            assert counts(other, peer, Direction.FROM) == (1, 0)
            (snapshot,) = other.snapshots()
            entry = snapshot.entry(f"{tmp_path}/file")
            assert b"".join(snapshot.content(entry)) == (tmp_path / "file").read_bytes()


def test_everything_is_whole_through_a_server_that_tells_no_sizes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(3 << 20))
    held = MemoryStore()
    with Repository.create(held, None) as repository:
        repository.backup([str(tmp_path)])
        sizes = repository.files.packfile_sizes()
        needed = repository.maintenance(MaintenanceSettings(dry_run=True))
    with served(held) as address, closing(WireStore(url(address))) as store, Repository.open(store) as repository:
        assert repository.files.packfile_sizes() == sizes
        for settings in (CheckSettings(files=True), CheckSettings(fast=True)):
            found = repository.check(settings=settings)
            assert (found.failures, found.files) == ([], [])
        assert repository.maintenance(MaintenanceSettings(dry_run=True)).sizes == needed.sizes
        assert repository.repair().packfiles == []


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 7, 20_000_003])
def test_the_size_of_a_file_is_found_by_a_few_ranges(size: int) -> None:
    asked = 0

    def read(offset: int, length: int) -> bytes:
        nonlocal asked
        asked += 1
        return bytes(max(0, min(size - offset, length)))

    assert size_by_ranges(read) == size
    assert asked <= 30
    with pytest.raises(IntegrityError):
        size_by_ranges(lambda _, length: bytes(length))


def test_ranges_end_before_their_end() -> None:
    held = MemoryStore()
    Repository.create(held, None).close()
    files = StoredFiles(held)
    files.put(Folder.PACKFILES, bytes(32), b"0123456789")
    with served(held) as address, closing(WireStore(url(address))) as store:
        key = f"packfiles/{bytes(32).hex()}"
        assert store.read(key, 2, 3).read() == b"234"
        assert store.read(key, 8, 100).read() == b"89"
        assert store.read(key).read() == b"0123456789"
        assert store.stat(key).size == 10
        with pytest.raises(ObjectNotFoundError):
            store.read(f"packfiles/{'ab' * 32}", 0, 5)
        with pytest.raises(NotSupportedError):
            list(store.list("elsewhere/"))
        (deleted,) = store.delete([key])
        assert isinstance(deleted.error, PermissionDeniedError)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/resources/states/../CONFIG", 400),
        ("GET", "/resources/CONFIG/" + "00" * 32, 400),
        ("PUT", "/resources/packfiles/..%2f..%2fetc", 400),
        ("PUT", "/resources/packfiles/" + "zz" * 32, 400),
        ("DELETE", "/resources/states/" + "00" * 32, 403),
        ("GET", "/resources/nothing", 400),
        ("GET", "/resources/packfiles/" + "00" * 32, 404),
        ("GET", "/resources/eccstates", 200),
        ("GET", "/", 200),
        ("POST", "/", 501),
    ],
)
def test_what_is_answered(method: str, target: str, status: int) -> None:
    held = MemoryStore()
    Repository.create(held, None).close()
    with served(held) as address:
        connection = http.client.HTTPConnection(*address, timeout=60)
        connection.request(method, target, b"x" if method == "PUT" else None)
        answer = connection.getresponse()
        answer.read()
        connection.close()
    assert answer.status == status
    assert [page.names for page in held.list("")] == [["CONFIG"]]


def test_bodies_in_chunks() -> None:
    held = MemoryStore()
    Repository.create(held, None).close()
    with served(held) as address:
        connection = http.client.HTTPConnection(*address, timeout=60)
        parts = iter([b"one ", b"two ", b"three"])
        connection.request("PUT", f"/resources/states/{'0f' * 32}", parts, encode_chunked=True)
        assert connection.getresponse().read() == b""
        connection.close()
        with closing(WireStore(url(address))) as store:
            assert store.read(f"states/{'0f' * 32}").read() == b"one two three"


@pytest.mark.parametrize("size", [b"-5", b"+5", b"0x5", b"5_0", b"fffffffff", b"", b"\xb2"])
def test_what_is_no_size_of_a_chunk_ends_the_body(size: bytes) -> None:
    held = MemoryStore()
    Repository.create(held, None).close()
    head = f"PUT /resources/states/{'0f' * 32} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with served(held) as address, socket.create_connection(address, timeout=60) as client:
        client.sendall(head + size + b"\r\nabcde\r\n0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        answer = client.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert [page.names for page in held.list("")] == [["CONFIG"]]


def test_where_nobody_listens() -> None:
    with served(MemoryStore()) as address:
        pass
    with pytest.raises(TemporaryError):
        WireStore(url(address)).read("CONFIG")
    with pytest.raises(ConfigurationError):
        WireStore("http://")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning"])
@pytest.mark.parametrize("key", ["CONFIG", f"states/{'00' * 32}"])
def test_a_server_that_hangs_is_told_of(said: bytes, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_store, "_SECONDS", 0.3)
    monkeypatch.setattr(wire_store, "_SECONDS_OPENING", 0.2)
    over = Event()

    def hang() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(said)
            over.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener, closing(WireStore(url(listener.getsockname()))) as store:
        thread = Thread(target=hang)
        thread.start()
        try:
            with pytest.raises(TemporaryError, match="timed out"):
                store.read(key)
        finally:
            over.set()
            thread.join(60)


@contextmanager
def saying(*parts: bytes, pause: float = 0) -> Iterator[WireStore]:
    """A store at a server that answers a request with these bytes, whatever it is."""
    over = Event()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(10_000)
            for part in parts:
                connection.sendall(part)
                if over.wait(pause):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener, closing(WireStore(url(listener.getsockname()))) as store:
        thread = Thread(target=answer)
        thread.start()
        try:
            yield store
        finally:
            over.set()
            thread.join(60)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("key", "length"), [("CONFIG", None), (f"packfiles/{'00' * 32}", 1000)])
def test_a_server_that_says_more_than_can_be_is_not_listened_to(key: str, length: int | None, chunked: bool) -> None:
    """Of what it announces nothing is allocated, of what it sends no more is kept than was asked for."""
    block = bytes(1 << 16)
    if chunked:
        head, parts = b"Transfer-Encoding: chunked", [b"%x\r\n%b\r\n" % (len(block), block)] * 64
    else:
        head, parts = b"Content-Length: 999999999999999", [block] * 64
    with (
        saying(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", *parts) as store,
        pytest.raises(IntegrityError, match="more than can be"),
    ):
        store.read(key, 0, length)


@pytest.mark.parametrize("status", [b"500 Internal Server Error", b"404 Not Found"])
def test_a_server_whose_error_is_endless_is_not_listened_to(status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 999999999999999\r\n\r\n"
    with saying(head, *[bytes(1 << 16)] * 8) as store, pytest.raises(IntegrityError, match="more than can be"):
        store.read(f"states/{'00' * 32}")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_server_that_trickles_is_told_of(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the answer, or its head, never."""
    monkeypatch.setattr(wire_store, "_SECONDS", 0.5)
    with (
        saying(head, *[b"x"] * 5000, pause=0.02) as store,
        pytest.raises(TemporaryError, match="timed out"),
    ):
        store.read(f"states/{'00' * 32}")


def test_what_comes_and_goes_slowly_but_steadily_has_all_the_time_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The deadline is one for each part: a large file over a slow line takes longer than any deadline."""
    taken: list[int] = []

    class Watched(socket.socket):
        def sendall(self, data: Any, flags: int = 0, /) -> None:
            taken.append(len(data))
            super().sendall(data, flags)

    def connect(connection: http.client.HTTPConnection) -> None:
        connection.sock = Watched()
        connection.sock.connect((connection.host, connection.port))

    monkeypatch.setattr(wire_store, "_connect", connect)
    held = MemoryStore()
    Repository.create(held, None).close()
    with served(held) as address, closing(WireStore(url(address))) as store:
        data = os.urandom(1 << 20)
        store.write(f"states/{'00' * 32}", BytesReader(data, Stat(Kind.FILE)), len(data))
        assert store.read(f"states/{'00' * 32}").read() == data
    assert max(taken) <= LEAST


def test_who_has_not_the_token_is_told_nothing_and_changes_nothing() -> None:
    store = MemoryStore()
    Repository.create(store, None).close()
    with served(store, may_delete=True, token="a-secret") as address:
        for token in ("", "another", "a-secret-and-more", "a-secre"):
            stranger = WireStore(url(address), token)
            with closing(stranger):
                with pytest.raises(PermissionDeniedError, match="token is required"):
                    Repository.open(stranger)
                with pytest.raises(PermissionDeniedError):
                    StoredFiles(stranger).put(Folder.STATES, bytes(32), b"data")
                (deleted,) = stranger.delete([f"states/{bytes(32).hex()}"])
                assert isinstance(deleted.error, PermissionDeniedError)
        friend = WireStore(url(address), "a-secret")
        with closing(friend), Repository.open(friend) as opened:
            assert not opened.reader.snapshots()
    assert not StoredFiles(store).keys(Folder.STATES)


def test_who_comes_when_too_many_are_there_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection takes a thread; when one ends, there is room for another."""
    monkeypatch.setattr(WireServer, "most_connections", 2)
    store = MemoryStore()
    Repository.create(store, None).close()
    with served(store) as address:
        with socket.create_connection(address, 60) as first, closing(WireStore(url(address))) as second:
            assert second.read("CONFIG").read()
            with closing(WireStore(url(address))) as third, pytest.raises(TemporaryError):
                third.read("CONFIG")
            first.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while first.recv(1000):
                pass
        with closing(WireStore(url(address))) as again:
            for _ in range(6000):
                # The place is free when the thread has ended, which is a moment after its connection.
                with suppress(TemporaryError):
                    assert again.read("CONFIG").read()
                    break
                Event().wait(0.01)
            else:
                pytest.fail("no room was made")


def test_answers_do_not_wait_to_be_confirmed_and_all_who_may_come_can_queue() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(WireServer(("127.0.0.1", 0), StoredFiles(MemoryStore())))
        for _ in range(server.most_connections):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port), timeout=30))
        taken, _ = server.get_request()
        stack.enter_context(taken)
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_who_sends_nothing_is_shut_out_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.repository.wire.server._Handler.timeout", 0.1)
    store = MemoryStore()
    Repository.create(store, None).close()
    with served(store) as address, socket.create_connection(address, 60) as idle:
        assert idle.recv(1) == b""


def test_who_says_nothing_holds_up_nobody_and_who_breaks_off_is_not_told_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = MemoryStore()
    Repository.create(store, None).close()
    file = str(certificate(tmp_path))
    with served(store, certificate=(file, file)) as address, socket.create_connection(address, 60):
        with socket.create_connection(address, 60) as stranger:
            stranger.sendall(b"no handshake\r\n\r\n")
            with suppress(ConnectionResetError):
                stranger.recv(1000)
        trusting = ssl.create_default_context(cafile=file)
        client = http.client.HTTPSConnection(*address, timeout=60, context=trusting)
        with closing(client):
            client.request("GET", "/")
            assert client.getresponse().read(8) == b"_KLOSET_"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("location", "token"),
    [
        ("http://[::1", ""),
        ("http://a..b/x", ""),
        ("http://me:a-secret@host:99999", ""),
        ("http://me:a-secret@:80", ""),
        ("http://host:80", "a\nb"),
        ("http://host:80", "\u20ac"),
    ],
)
def test_what_is_no_url_or_token_is_refused_at_once(location: str, token: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        WireStore(location, token)
    assert "a-secret" not in refused.value.message


def test_a_path_of_any_characters() -> None:
    store = MemoryStore()
    Repository.create(store, None).close()
    with served(store) as address, closing(WireStore(f"{url(address)}/r\u00e9po a\udcff%20b")) as client:
        assert client.read("CONFIG").read(8) == b"_KLOSET_"


@pytest.mark.parametrize("text", ["host", "host:", "host:x", "host:\u00b2", "host:65536", f"host:{'9' * 5000}"])
def test_an_address_to_listen_at(text: str) -> None:
    assert listening_address("[::1]:65535") == ("::1", 65535)
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        listening_address(text)
