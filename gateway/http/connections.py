"""How many connections there may be, and how long one may keep the gateway waiting.

A connection that no request is served on waits for its client: it is new, kept alive, or in the middle of a head. When
there are too many, the one that has waited longest is closed for the newcomer; when none waits, that is refused.
"""

from __future__ import annotations

import asyncio
import resource
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any, Protocol

from gateway.metrics import Metrics

RESERVE = 512  # open files that stay free for connections to the services, logs and files
MOST_OF_ONE_ADDRESS = 512  # a house full of people may share one
PACE = 1.0  # seconds between two looks at who has waited too long


class Client(Protocol):
    """A connection, as it is counted here."""

    address: str

    def close(self) -> None:
        """Close it: somebody else needs the place."""

    def check(self, now: float) -> None:
        """End it when its time is up at ``now``, in seconds of the event loop."""


class Connections:
    """All open connections. ``most`` in all and of one address; the addresses of ``proxies`` are exempt from that."""

    def __init__(
        self, metrics: Metrics, *, most: int, most_of_one: int = MOST_OF_ONE_ADDRESS, proxies: Iterable[str] = ()
    ) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._proxies = tuple(map(ip_network, proxies))
        self._of: dict[str, dict[Client, None]] = defaultdict(dict)  # those that wait: by when they began to
        self._waiting: OrderedDict[Client, None] = OrderedDict()
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self.refused = metrics.refused_connection
        metrics.connections.set_function(lambda: self._count)

    def admit(self, client: Client) -> bool:
        """Take in a new connection, which waits; False when there is no place for it."""
        if self._crowded(client.address):
            self._evict(each for each in self._of[client.address] if each in self._waiting)
        elif self._count >= self._most:
            self._evict(self._waiting)
        if self._crowded(client.address) or self._count >= self._most:
            return False
        self._of[client.address][client] = None
        self._waiting[client] = None
        self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PACE, self._look)
        return True

    def waits(self, client: Client) -> None:
        """Its request is answered; it waits for its client from now on."""
        mine = self._of[client.address]
        mine[client] = mine.pop(client)
        self._waiting[client] = None

    def works(self, client: Client) -> None:
        """A request of it is served."""
        self._waiting.pop(client, None)

    def left(self, client: Client) -> None:
        """It is closed."""
        self._waiting.pop(client, None)
        mine = self._of.get(client.address, {})
        if client in mine:
            del mine[client]
            self._count -= 1
            if not mine:
                del self._of[client.address]

    def check(self, now: float) -> None:
        """End each connection whose client has kept it waiting for too long at ``now``, in the loop's seconds."""
        for client in [client for mine in self._of.values() for client in mine]:
            client.check(now)

    def _crowded(self, address: str) -> bool:
        return len(self._of.get(address, ())) >= self._most_of_one and not any(
            ip_address(address) in network for network in self._proxies
        )

    def _evict(self, waiting: Iterable[Client]) -> None:
        """Close the first of those that wait."""
        for client in waiting:
            client.close()
            self.left(client)
            return

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self.check(loop.time())
        self._timer = loop.call_later(PACE, self._look) if self._count else None


def open_files() -> int:
    """Raise the soft limit of open files to the hard one; the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_connections(files: int) -> int:
    """How many connections so many open files allow, with a reserve for the gateway's own."""
    return max(files - RESERVE, files // 2)


def wire(status: int, headers: Iterable[tuple[str, str]], body: bytes, default: Iterable[Any]) -> bytes:
    """An answer as bytes, after which the connection is closed; ``default``: headers as pairs of bytes."""
    usual = b"".join(b"%s: %s\r\n" % pair for pair in default)
    own = "".join(f"{name}: {text}\r\n" for name, text in headers)
    return b"HTTP/1.1 %d \r\n%s%sConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        usual,
        own.encode("latin-1"),
        len(body),
        body,
    )
