"""Callers who take more than their share, each in a loop until the time is up.

    python -m bench.overload.callers '{"host": ..., "port": ..., "seconds": ..., "rental": ..., "version": ...,
                                       "resident": token, "desk": token, "repair": ...}'

Prints how often each kind was answered with which status. Whoever is told when to come back comes back then.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

POLLS, IDLE, DRIBBLING = 500, 2000, 200
HEAD_MIB = 300
WRONG_ELEMENTS = 349_000
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 10)]  # the neighbour comes from 127.0.0.1
MEBIBYTE = b"a" * (1 << 20)
Caller = Callable[["Flood"], Awaitable[str]]


@dataclass
class Flood:
    """Where the callers go, until when, and what they were answered."""

    host: str
    port: int
    until: float
    about: dict[str, str]
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    _addresses: Iterator[str] = field(default_factory=lambda: itertools.cycle(ADDRESSES))

    async def repeat(self, kind: str, call: Caller) -> None:
        """Call until the time is up; a connection that was closed or refused is opened again after a moment."""
        while time.monotonic() < self.until:
            try:
                answer = await call(self)
            except (OSError, asyncio.IncompleteReadError):
                answer = "closed"
            status, _, wait = answer.partition(" ")
            self.answers.setdefault(kind, Counter())[status] += 1
            await asyncio.sleep(float(wait or (0 if status.isdigit() else 0.5)))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from the next of the callers' addresses."""
        return await asyncio.open_connection(self.host, self.port, local_addr=(next(self._addresses), 0))

    async def request(self, head: str, body: bytes = b"") -> str:
        """One request on a connection of its own; ``status`` or ``status seconds``, as Retry-After says."""
        reader, writer = await self.connect()
        try:
            length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
            writer.write(f"{head}\r\nHost: nanum\r\nConnection: close\r\n{length}\r\n".encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            later = re.search(r"(?im)^retry-after: (\d+)", answer)
            return f"{answer[9:12]} {later[1] if later else ''}".strip()
        finally:
            writer.close()


async def poll(flood: Flood) -> str:
    """Wait for a rental that does not change."""
    about = flood.about
    known = f'If-None-Match: "{about["version"]}"\r\nPrefer: wait=30'
    return await flood.request(
        f"GET /v1/rentals/{about['rental']} HTTP/1.1\r\nAuthorization: Bearer {about['resident']}\r\n{known}"
    )


async def idle(flood: Flood) -> str:
    """Connect and say nothing."""
    reader, writer = await flood.connect()
    try:
        async with asyncio.timeout(max(0.0, flood.until - time.monotonic())):
            await reader.read(1)
        return "closed"
    except TimeoutError:
        return "open"
    finally:
        writer.close()


async def dribble(flood: Flood) -> str:
    """Send a head letter by letter."""
    reader, writer = await flood.connect()
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: nanum\r\nX-Slow: ")
        while time.monotonic() < flood.until and not reader.at_eof():
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.5)
        return "closed" if reader.at_eof() else "open"
    finally:
        writer.close()


async def endless_head(flood: Flood) -> str:
    """Send a header of 300 MiB."""
    reader, writer = await flood.connect()
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: nanum\r\nX-Long: ")
        for _ in range(HEAD_MIB):
            if reader.at_eof() or time.monotonic() > flood.until:
                return "closed"
            writer.write(MEBIBYTE)
            await writer.drain()
        return "taken"
    finally:
        writer.close()


async def wrong_elements(flood: Flood) -> str:
    """Send a body of 1 MiB in which every element is wrong."""
    return await flood.request(
        f"POST /v1/rentals/{flood.about['rental']}/return HTTP/1.1\r\nIdempotency-Key: flood\r\n"
        f"Authorization: Bearer {flood.about['desk']}",
        b'{"items":[' + b",".join([b"{}"] * WRONG_ELEMENTS) + b"]}",
    )


async def impossible_amount(flood: Flood) -> str:
    """Name an amount that no column holds."""
    return await flood.request(
        f"POST /v1/repairs/{flood.about['repair']}/returned HTTP/1.1\r\nAuthorization: Bearer {flood.about['desk']}",
        b'{"mended":true,"cost_krw":2147483648}',
    )


ALL: tuple[tuple[Caller, int], ...] = (
    (poll, POLLS),
    (idle, IDLE),
    (dribble, DRIBBLING),
    (endless_head, 1),
    (wrong_elements, 1),
    (impossible_amount, 1),
)


async def flood(about: dict[str, Any]) -> dict[str, Counter[str]]:
    """Everything at once, for so many seconds."""
    until = time.monotonic() + float(about["seconds"])
    flood = Flood(about["host"], int(about["port"]), until, about)
    calls = [flood.repeat(call.__name__, call) for call, times in ALL for _ in range(times)]
    await asyncio.wait([asyncio.ensure_future(call) for call in calls], timeout=float(about["seconds"]) + 1)
    return flood.answers


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(asyncio.run(flood(json.loads(sys.argv[1])))))
