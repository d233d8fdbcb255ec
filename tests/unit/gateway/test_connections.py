"""What one connection may do to the others: nothing. Bounds on bytes, seconds and numbers, below HTTP and within."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import structlog

from gateway.http.connections import Connections
from gateway.http.protocol import LARGEST_HEAD, LONGEST_IDLE, SLOWEST_HEAD, SLOWEST_READER
from gateway.metrics import Metrics
from tests.support.waiting import wait_for
from tests.unit.gateway.conftest import MOST, MOST_OF_ONE, Client, Gateway, token
from tests.unit.gateway.services import Stage

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Raw:
    """A client that writes bytes as it likes."""

    def __init__(self, gateway: Gateway, address: str = "127.0.0.1") -> None:
        port = int(gateway.url.rpartition(":")[2])
        self.socket = socket.create_connection(("127.0.0.1", port), 10, source_address=(address, 0))
        self._stream = self.socket.makefile("rb")

    def send(self, data: bytes) -> Raw:
        with contextlib.suppress(ConnectionError):  # an answer may have come before the last byte left
            self.socket.sendall(data)
        return self

    def answers(self, count: int = 1) -> list[tuple[int, dict[str, str], bytes]]:
        """So many answers: status, headers in lower case, body."""
        stream, found = self._stream, []
        for _ in range(count):
            status = int(stream.readline().split()[1])
            headers: dict[str, str] = {}
            while (line := stream.readline().strip()) != b"":
                name, _, text = line.decode("latin-1").partition(": ")
                headers[name.lower()] = text
            found.append((status, headers, stream.read(int(headers.get("content-length", "0")))))
        return found

    def problem(self) -> tuple[int, str]:
        """The status and the code of the problem document that comes next."""
        ((status, headers, body),) = self.answers()
        assert headers["content-type"] == "application/problem+json", body
        document = json.loads(body)
        assert document["title_ko"] and document["title_en"] and document["status"] == status
        assert document["request_id"] == headers["x-request-id"]
        return status, document["code"]

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self.socket.close()

    def closed(self) -> bool:
        """Whether the other side has closed it; waits for that."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


@pytest.fixture
def raw(gateway: Gateway) -> Iterator[Callable[..., Raw]]:
    opened: list[Raw] = []

    def connect(address: str = "127.0.0.1") -> Raw:
        opened.append(Raw(gateway, address))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()
    after(gateway, LONGEST_IDLE + 1)
    wait_for(lambda: not known(gateway))


def after(gateway: Gateway, seconds: float) -> None:
    """Have the gateway look at its connections as if so many seconds had passed."""

    async def look() -> None:
        gateway.connections.check(asyncio.get_running_loop().time() + seconds)

    gateway.run(look())


def known(gateway: Gateway) -> int:
    """How many connections the gateway knows."""
    return len(gateway.server.server_state.connections)


class TestHead:
    def test_without_end_is_cut_off(self, raw: Callable[..., Raw]) -> None:
        client = raw().send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ")
        for _ in range(20):
            client.send(b"a" * LARGEST_HEAD)
        assert client.problem() == (431, "head_too_large")
        assert client.closed()

    def test_of_many_megabytes_holds_nobody_up(self, raw: Callable[..., Raw], stranger: Client) -> None:
        client, slowest = raw(), 0.0
        client.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ")
        for _ in range(32):
            client.send(b"a" * (1 << 20))
            began = time.perf_counter()
            assert stranger.get("/livez").status_code == 200
            slowest = max(slowest, time.perf_counter() - began)
        assert slowest < 0.5

    def test_of_the_greatest_size_is_served(self, raw: Callable[..., Raw]) -> None:
        start, end = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ", b"\r\n\r\n"
        padding = b"a" * (LARGEST_HEAD - len(start + end) - 1)
        assert raw().send(start + padding + end).answers()[0][0] == 200
        assert raw().send(start + padding + b"aa" + end).problem() == (431, "head_too_large")

    def test_that_dribbles_is_timed_out(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        client = raw().send(b"GET /livez HTTP/1.1\r\nHo")
        client.send(b"st")
        wait_for(lambda: known(gateway))
        after(gateway, SLOWEST_HEAD - 1)
        client.send(b": x\r\nX-A: a")  # another byte buys no time
        after(gateway, SLOWEST_HEAD + 1)
        assert client.problem() == (408, "head_too_slow")
        assert client.closed()

    @pytest.mark.parametrize(
        ("head", "status", "code"),
        [
            (b"GET /livez\r\n\r\n", 400, "bad_request"),  # HTTP/0.9
            (b"GET /livez HTTP/1.1\r\n\r\n", 400, "bad_request"),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
            (b"GET /livez HTTP/2.0\r\nHost: a\r\n\r\n", 400, "bad_request"),
            (b"GET /livez\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
            (b"GET /v1/categories?q=\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501, "unknown_method"),  # TLS
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
            (b"BREW /livez HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method"),
            (b"QUERY /v1/rentals HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
            (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method"),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", 400, "bad_request"),
        ],
    )
    def test_that_is_none(self, raw: Callable[..., Raw], head: bytes, status: int, code: str) -> None:
        assert raw().send(head).problem() == (status, code)

    def test_that_wants_another_protocol_is_answered_in_this_one(self, raw: Callable[..., Raw]) -> None:
        asking = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        assert [status for status, _, _ in raw().send(asking + LIVEZ).answers(2)] == [200, 200]


class TestIdling:
    def test_a_silent_connection_is_closed(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        client = raw()
        wait_for(lambda: known(gateway))
        client.send(b"\r\n\r\n")  # a byte that begins no request buys no time
        after(gateway, SLOWEST_HEAD + 1)
        assert client.closed()

    def test_a_kept_one_is_closed_later(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        client = raw().send(LIVEZ)
        client.answers()
        after(gateway, LONGEST_IDLE - 5)
        assert client.send(LIVEZ).answers()[0][0] == 200
        after(gateway, LONGEST_IDLE + 1)
        assert client.closed()

    def test_a_body_that_nobody_reads_does_not_keep_it(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        client = raw().send(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
        client.answers()
        client.send(b"{")
        after(gateway, SLOWEST_HEAD + 1)
        assert client.closed()

    def test_who_does_not_read_is_cut_off(self, gateway: Gateway, raw: Callable[..., Raw], stage: Stage) -> None:
        stage.rows["inventory", "categories"] = (None, {"data": ["x" * 60_000] * 100, "next": None})
        client = raw()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(b"GET /v1/categories HTTP/1.1\r\nHost: x\r\n\r\n" * 4)
        wait_for(lambda: any(each.flow.write_paused for each in gateway.server.server_state.connections))
        after(gateway, SLOWEST_READER + 1)
        wait_for(lambda: not known(gateway))

    def test_one_that_is_served_is_left_alone(self, gateway: Gateway, raw: Callable[..., Raw], stage: Stage) -> None:
        stage.gate = asyncio.Event()
        client = raw().send(b"GET /v1/categories HTTP/1.1\r\nHost: x\r\n\r\n" + LIVEZ[:9])
        wait_for(lambda: stage.asked)
        after(gateway, LONGEST_IDLE + 1)
        gateway.loop.call_soon_threadsafe(stage.gate.set)
        client.send(LIVEZ[9:])
        assert [status for status, _, _ in client.answers(2)] == [404, 200]


class TestPipelining:
    def test_answers_come_in_order_and_one_at_a_time(
        self, gateway: Gateway, raw: Callable[..., Raw], stage: Stage
    ) -> None:
        stage.gate = asyncio.Event()
        stage.rows["inventory", "categories"] = (None, {"data": [], "next": None})
        asking = b"".join(b"GET /v1/categories?limit=%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(1, 201))
        client = raw().send(asking + LIVEZ)
        wait_for(lambda: stage.asked)
        (connection,) = gateway.server.server_state.connections
        assert len(stage.asked) == 1
        assert len(connection.pipeline) < 50  # what waits is bytes, not requests
        gateway.loop.call_soon_threadsafe(stage.gate.set)
        assert [status for status, _, _ in client.answers(201)] == [200] * 201
        assert [params["limit"] for _, _, params in stage.asked] == [str(n) for n in range(1, 201)]

    def test_what_is_answered_is_answered_before_the_refusal(
        self, gateway: Gateway, raw: Callable[..., Raw], stage: Stage
    ) -> None:
        stage.gate = asyncio.Event()
        client = raw().send(b"GET /v1/categories HTTP/1.1\r\nHost: x\r\n\r\n" + b"no HTTP\r\n\r\n")
        wait_for(lambda: stage.asked)
        gateway.loop.call_soon_threadsafe(stage.gate.set)
        assert client.answers()[0][0] == 404
        assert client.problem() == (501, "unknown_method")

    def test_hanging_up_in_the_middle_is_no_error(
        self, gateway: Gateway, raw: Callable[..., Raw], stage: Stage
    ) -> None:
        stage.rows["inventory", "categories"] = (None, {"data": ["x" * 60_000], "next": None})
        with structlog.testing.capture_logs() as logs:
            for _ in range(20):
                raw().send(b"GET /v1/categories HTTP/1.1\r\nHost: x\r\n\r\n" * 100).close()
            wait_for(lambda: not known(gateway))
            wait_for(lambda: not gateway.server.server_state.tasks)
        assert [line for line in logs if line["log_level"] == "error"] == []


class TestNumbers:
    def test_of_one_address_the_one_idle_for_longest_makes_way(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        second, first = raw(), raw()
        second.send(LIVEZ).answers()  # so it has waited for less time, though it came first
        wait_for(lambda: known(gateway) == 2)
        others = [raw() for _ in range(MOST_OF_ONE - 2)]
        wait_for(lambda: known(gateway) == MOST_OF_ONE)
        assert raw().send(LIVEZ).answers()[0][0] == 200
        assert first.closed()
        assert second.send(LIVEZ).answers()[0][0] == 200
        assert others[-1].send(LIVEZ).answers()[0][0] == 200

    def test_a_proxy_is_no_client(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        clients = [raw("127.0.0.9") for _ in range(MOST_OF_ONE + 5)]
        for client in (clients[0], clients[-1]):
            assert client.send(LIVEZ).answers()[0][0] == 200

    def test_behind_a_proxy_each_client_is_counted(self, raw: Callable[..., Raw]) -> None:
        def left(connection: Raw, client: str) -> int:
            asked = b"GET /docs HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\n\r\n" % client.encode()
            ((_, headers, _),) = connection.send(asked).answers()
            return int(headers["ratelimit"].partition("r=")[2].partition(";")[0])

        proxy, stranger = raw("127.0.0.9"), raw("127.0.0.8")
        assert left(proxy, "192.0.2.7") == left(proxy, "192.0.2.8") > left(proxy, "192.0.2.7")
        assert left(stranger, "192.0.2.9") > left(stranger, "192.0.2.10")  # who is no proxy is not believed

    def test_in_all_the_one_idle_for_longest_makes_way(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        first = raw("127.0.0.2")
        others = [raw(f"127.0.0.{3 + n % 2}") for n in range(MOST - 1)]
        wait_for(lambda: known(gateway) == MOST)
        assert raw().send(LIVEZ).answers()[0][0] == 200
        assert first.closed()
        assert others[-1].send(LIVEZ).answers()[0][0] == 200

    def test_who_finds_all_at_work_is_told_to_come_back(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        head = f"POST /v1/desk/scan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\nContent-Length: 9\r\n\r\n"
        for n in range(MOST):
            raw(f"127.0.0.{3 + n % 3}").send(head.encode() + b"{")
        wait_for(lambda: len(gateway.server.server_state.tasks) == MOST)
        ((status, headers, body),) = raw().answers()
        assert (status, json.loads(body)["code"]) == (503, "too_many_connections")
        assert headers["retry-after"] == "1"

    def test_what_is_written_leaves_at_once(self, gateway: Gateway, raw: Callable[..., Raw]) -> None:
        raw().send(LIVEZ).answers()
        (connection,) = gateway.server.server_state.connections
        told = connection.transport.get_extra_info("socket")
        assert told.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_counted_connections_are_told() -> None:
    metrics = Metrics()
    Connections(metrics, most=1)
    assert b"nanum_gateway_connections 0.0" in metrics.exposition()
