"""A request and the beginning of its answer in one call, by both implementations."""

import socket
import struct
from collections.abc import Iterator
from threading import Thread
from types import ModuleType

import pytest

REQUEST = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
LIMIT = 1000


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    # What waits for more than the test sends fails, and does not hang.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 200_000))
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("answer", "has_body"),
    [
        (HEAD + b"12345", True),
        (HEAD, False),
        (b"HTTP/1.1 200 OK\r\ncontent-LENGTH:\t 0\r\nx: y\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nX-Content-Length: 5\r\n\r\n", True),
        (b"\r\n\r\n", True),
    ],
)
def test_an_answer_comes_as_far_as_its_length_is_known(
    implementation: ModuleType, ends: tuple[socket.socket, socket.socket], answer: bytes, *, has_body: bool
) -> None:
    ours, theirs = ends
    theirs.sendall(answer)
    assert implementation.exchange(ours.fileno(), REQUEST, LIMIT, has_body) == answer
    assert theirs.recv(LIMIT) == REQUEST


def test_an_answer_may_come_in_pieces(implementation: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.settimeout(30)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 30, 0))
    request = bytes(100_000)

    def serve() -> None:
        left = len(request)
        while left:
            left -= len(theirs.recv(4096))
        for byte in HEAD + b"12345":
            theirs.sendall(bytes([byte]))

    server = Thread(target=serve)
    server.start()
    assert implementation.exchange(ours.fileno(), request, LIMIT, True) == HEAD + b"12345"
    server.join(30)
    assert not server.is_alive()


@pytest.mark.parametrize("announced", [b"5000", b"99999999999999999999999"])
def test_no_more_comes_than_is_wanted(
    implementation: ModuleType, ends: tuple[socket.socket, socket.socket], announced: bytes
) -> None:
    ours, theirs = ends
    answer = HEAD.replace(b"5", announced) + bytes(2 * LIMIT)
    theirs.sendall(answer)
    assert implementation.exchange(ours.fileno(), REQUEST, LIMIT, True) == answer[:LIMIT]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", HEAD + b"12"])
def test_what_ends_early_is_given_as_far_as_it_came(
    implementation: ModuleType, ends: tuple[socket.socket, socket.socket], answer: bytes
) -> None:
    ours, theirs = ends
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    assert implementation.exchange(ours.fileno(), REQUEST, LIMIT, True) == answer


def test_the_time_limit_of_the_socket_holds(
    implementation: ModuleType, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    theirs.sendall(HEAD[:-1])
    with pytest.raises(BlockingIOError):
        implementation.exchange(ours.fileno(), REQUEST, LIMIT, True)


def test_content_that_does_not_come_is_left_to_who_reads_on(
    implementation: ModuleType, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    theirs.sendall(HEAD + b"1234")
    assert implementation.exchange(ours.fileno(), REQUEST, LIMIT, True) == HEAD + b"1234"


def test_what_nobody_takes_is_an_error(implementation: ModuleType, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.close()
    with pytest.raises(BrokenPipeError):
        implementation.exchange(ours.fileno(), REQUEST, LIMIT, True)
    with pytest.raises(ValueError, match="beginning"):
        implementation.exchange(ours.fileno(), REQUEST, 0, True)
