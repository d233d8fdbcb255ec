"""A load of `POST /v1/rentals`: so many connections, each with one request at a time. Lean on purpose.

Closed by default: an answer is followed by the next request at once. With a rate, the requests of all connections
together begin so many times a second, as long as an answer comes in time.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field

import uvloop

from bench.rentals.stock import barcode, resident_of


@dataclass
class Run:
    """What a run came to: latencies in seconds of the requests answered 201, and how many were answered otherwise."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    others: int = 0

    @property
    def rate(self) -> float:
        """Rentals a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """A percentile of the latency, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Connection(asyncio.Protocol):
    """One keep-alive connection that lends one item after the other until the time is up."""

    def __init__(self, load: Load) -> None:
        self._load, self._buffer, self._sent_at = load, b"", 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._after_a_while()

    def _after_a_while(self) -> None:
        wait = self._load.wait()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._next)
        else:
            self._next()

    def _next(self) -> None:
        request = self._load.next_request()
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.find(b"content-length:") + 15
        stop = head.find(b"\r", start)
        length = int(head[start : stop if stop > 0 else None])
        if len(self._buffer) < end + 4 + length:
            return
        self._load.answered(self._buffer[9:12] == b"201", time.perf_counter() - self._sent_at)
        self._buffer = self._buffer[end + 4 + length :]
        self._after_a_while()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the gateway closed the connection"))


class Load:
    """Items numbered from ``first`` on are lent until the time is up, ``rate`` of them a second when that is given."""

    def __init__(self, host: str, port: int, token: str, first: int, seconds: float, rate: float | None = None) -> None:
        self._address, self._number, self._until = (host, port), first, 0.0
        self._seconds, self._rate, self._due = seconds, rate, 0.0
        self.run = Run(seconds)
        self._head = (
            f"POST /v1/rentals HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        )

    @property
    def next_item(self) -> int:
        """The number of the first item that was not asked for."""
        return self._number

    def wait(self) -> float:
        """Seconds until the next request is due."""
        if self._rate is None:
            return 0.0
        self._due += 1 / self._rate
        return self._due - time.perf_counter()

    def next_request(self) -> bytes | None:
        """The request for the next item; None when the time is up."""
        if time.perf_counter() > self._until:
            return None
        number, self._number = self._number, self._number + 1
        body = json.dumps(
            {
                "resident_id": resident_of(number),
                "barcodes": [barcode(number)],
                "nights": 2,
                "payment": {"method": "card_terminal"},
                "manual_acknowledged": True,
            }
        )
        return f"{self._head}Idempotency-Key: {uuid.uuid4()}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def answered(self, accepted: bool, seconds: float) -> None:
        """Note an answer."""
        if accepted:
            self.run.latencies.append(seconds)
        else:
            self.run.others += 1

    async def _play(self, connections: int) -> None:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        self._until, self._due = began + self._seconds, began
        made = [await loop.create_connection(lambda: Connection(self), *self._address) for _ in range(connections)]
        await asyncio.gather(*(protocol.done for _, protocol in made))
        self.run.seconds = time.perf_counter() - began

    def play(self, connections: int) -> Run:
        """Run it."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._play(connections))
        return self.run
