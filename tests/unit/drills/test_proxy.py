"""The fault proxy against a server that sends back what it receives."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from drills.chaos.proxy import Proxies, Weather


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it receives."""

    def handle(self) -> None:
        try:
            while received := self.request.recv(65536):
                self.request.sendall(received)
        except OSError:
            return


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made = Proxies()
        made.add("link", server.server_address[1])
        yield made
        made.close()
        server.shutdown()


@pytest.fixture
def client(proxies: Proxies) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxies.links["link"].port), 5) as made:
        yield made


def echoed(client: socket.socket, said: bytes = b"hello") -> bytes:
    client.sendall(said)
    return client.recv(65536)


def test_fair_weather_hands_everything_on(client: socket.socket) -> None:
    assert echoed(client) == b"hello"


def test_a_slow_link_delays(proxies: Proxies, client: socket.socket) -> None:
    proxies.set("link", to_server=Weather(delay=0.2))
    began = time.monotonic()
    assert echoed(client) == b"hello" and time.monotonic() - began >= 0.2


def test_a_narrow_link_takes_its_time(proxies: Proxies, client: socket.socket) -> None:
    proxies.set("link", to_client=Weather(rate=1000))
    began = time.monotonic()
    assert len(echoed(client, b"x" * 300)) == 300 and time.monotonic() - began >= 0.3


def test_a_silent_link_delivers_later(proxies: Proxies, client: socket.socket) -> None:
    proxies.set("link", Weather(hold=True), Weather(hold=True))
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        echoed(client)
    proxies.set("link")
    client.settimeout(5)
    assert client.recv(65536) == b"hello"


def test_a_half_open_link_swallows_and_is_reset_in_the_end(proxies: Proxies, client: socket.socket) -> None:
    proxies.set("link", to_client=Weather(swallow=True))
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        echoed(client)
    proxies.set("link")
    client.settimeout(5)
    with pytest.raises(ConnectionResetError):
        client.recv(65536)


def test_a_cut_resets_every_connection(proxies: Proxies, client: socket.socket) -> None:
    assert echoed(client) == b"hello"
    assert proxies.reset("link") == 1
    with pytest.raises(ConnectionResetError):
        client.recv(65536)


def test_a_cut_in_mid_stream_lets_some_bytes_through(proxies: Proxies, client: socket.socket) -> None:
    proxies.set("link", to_server=Weather(cut_after=7))
    assert echoed(client) == b"hello"
    with pytest.raises(ConnectionResetError):
        echoed(client)


def test_a_target_that_is_away_resets_the_client(proxies: Proxies) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    through = proxies.add("nowhere", port)
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", through), 5) as client:
        client.recv(1)
