"""The services as the gateway knows them: commands in batches, queries, the feed of published events.

Everything has a deadline. Commands, queries and long waits have connections of their own, so that slow reads never
hold up the lending desk. A command carries its id, so sending it twice does it once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
import structlog
from yarl import URL

from gateway.answer import Row
from gateway.batches import Batches, Full
from gateway.metrics import Metrics
from gateway.problems import KINDS, Problem, Refusal

DEADLINE = 5.0  # seconds that a client waits for a service
READY_DEADLINE = 1.0
QUERIES, WAITS = 32, 128  # connections per service
LONGEST_WAIT = 30  # seconds, of one long poll

T = TypeVar("T")
Failure = (aiohttp.ClientError, TimeoutError, OSError)
log = structlog.get_logger()


class Outcome(msgspec.Struct):
    """What became of a command: the aggregate's row after it, or a refusal."""

    id: str
    pos: int | None = None
    version: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    refused: dict[str, Any] | None = None


class Outcomes(msgspec.Struct):
    """A service's answer to a batch, in the batch's order."""

    outcomes: list[Outcome]


class Said(msgspec.Struct):
    """A query's answer when it is a no."""

    refused: dict[str, Any] | None = None


class Service:
    """One service. Every method raises Problem: a Refusal, ``service_unavailable`` or ``service_busy``."""

    def __init__(
        self, name: str, url: str, secret: str, metrics: Metrics, *, deadline: float = DEADLINE, capacity: int = 1024
    ) -> None:
        self.name, self._url, self._deadline = name, url, deadline
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._batches = Batches(self._carry, capacity=capacity)
        self._batch_size = metrics.batch.labels(name)
        self._seconds = {kind: metrics.service_seconds.labels(name, kind) for kind in ("commands", "query", "wait")}
        self._failures = {kind: metrics.service_failures.labels(name, kind) for kind in self._seconds}
        metrics.waiting.labels(name).set_function(lambda: len(self._batches))
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Outcomes).decode
        self._waiters = 0

    async def open(self) -> None:
        """Make the connection pools. The service need not be up."""
        self._commands, self._queries, self._waits = self._pool(4), self._pool(QUERIES), self._pool(WAITS)

    async def close(self) -> None:
        """Close every connection."""
        for pool in (self._commands, self._queries, self._waits):
            await pool.close()

    def _pool(self, connections: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=30),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=2),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    async def command(self, command: dict[str, Any]) -> Row:
        """Have ``{id, name, data, meta}`` done; the aggregate's row after it."""
        try:
            future = self._batches.put(command)
        except Full:
            raise Problem("service_busy", facts={"service": self.name}) from None
        timer = asyncio.get_running_loop().call_later(self._deadline, _expire, future)
        try:
            outcome: Outcome = await future
        except Failure:
            raise self._unavailable() from None
        finally:
            timer.cancel()
        if outcome.refused is not None:
            raise self._refusal(outcome.refused)
        return Row(bytes(outcome.result), outcome.version)

    async def query(self, name: str, params: Mapping[str, Any]) -> Row:
        """Ask a named query."""
        return await self._get(self._queries, "query", f"/queries/{name}", params, self._deadline)

    async def query_or_none(self, name: str, params: Mapping[str, Any]) -> Row | None:
        """As ``query``, and None when the thing is not there."""
        try:
            return await self.query(name, params)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise

    async def newer(self, name: str, params: Mapping[str, Any], than: int, wait: float) -> Row | None:
        """The row once its version is greater than ``than``, or as it stands after ``wait`` seconds.

        None when too many wait already: the caller then answers at once, as Prefer allows.
        """
        if self._waiters >= WAITS:
            return None
        self._waiters += 1
        try:
            params = {**params, "newer_than": than, "wait": math.ceil(wait)}
            return await self._get(self._waits, "wait", f"/queries/{name}", params, wait + self._deadline)
        finally:
            self._waiters -= 1

    async def events(self, params: Mapping[str, Any]) -> Row:
        """The feed of published events."""
        return await self._get(self._queries, "query", "/events", params, self._deadline)

    async def readiness(self) -> str:
        """``ready``, ``not ready`` or ``unreachable``."""
        try:
            async with asyncio.timeout(READY_DEADLINE), self._queries.get(self._at("/readyz", {})) as response:
                return "ready" if response.status == 200 else "not ready"
        except Failure:
            return "unreachable"

    async def _carry(self, commands: list[dict[str, Any]]) -> list[Outcome]:
        self._batch_size.observe(len(commands))
        body, url = self._encode({"commands": commands}), self._at("/commands", {})
        status, answer, _ = await self._timed(
            "commands", self._deadline, lambda: self._again(lambda: self._exchange(self._commands, "POST", url, body))
        )
        if status != 200:
            raise self._broken("commands", status)
        try:
            outcomes = self._decode(answer).outcomes
        except msgspec.DecodeError:
            raise self._broken("commands", status) from None
        if [outcome.id for outcome in outcomes] != [command["id"] for command in commands]:
            raise self._broken("commands", status)
        return outcomes

    async def _get(
        self, pool: aiohttp.ClientSession, kind: str, path: str, params: Mapping[str, Any], deadline: float
    ) -> Row:
        url = self._at(path, params)
        try:
            status, body, version = await self._timed(kind, deadline, lambda: self._exchange(pool, "GET", url))
        except Failure:
            raise self._unavailable() from None
        if status == 200:
            return Row(body, version)
        if status < 500 and (refused := _said(body).refused) is not None:
            raise self._refusal(refused)
        raise self._broken(kind, status)

    async def _timed(self, kind: str, deadline: float, exchange: Callable[[], Awaitable[T]]) -> T:
        """Do it within the deadline and measure it; a failure is counted and logged once, not per caller."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(deadline):
                return await exchange()
        except Failure as failure:
            self._failures[kind].inc()
            log.warning("service_silent", service=self.name, kind=kind, failure=type(failure).__name__)
            raise
        finally:
            self._seconds[kind].observe(time.perf_counter() - began)

    async def _again(self, exchange: Callable[[], Awaitable[T]]) -> T:
        """Once more when a kept connection turns out closed, as after the service's restart: ids make it safe."""
        try:
            return await exchange()
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as failure:
            if isinstance(failure, aiohttp.ClientConnectorError):
                raise
            return await exchange()

    @staticmethod
    async def _exchange(
        pool: aiohttp.ClientSession, method: str, url: URL, body: bytes | None = None
    ) -> tuple[int, bytes, int | None]:
        async with pool.request(method, url, data=body, allow_redirects=False) as response:
            version = response.headers.get("X-Version")
            return response.status, await response.read(), int(version) if version else None

    def _at(self, path: str, params: Mapping[str, Any]) -> URL:
        query = f"?{urlencode(params)}" if params else ""
        return URL(f"{self._url}{path}{query}", encoded=True)

    def _refusal(self, said: dict[str, Any]) -> Problem:
        """A refusal in the service's words; one of no known kind is a fault over there, and its words stay inside."""
        if said["kind"] in KINDS:
            return Refusal(said)
        log.error("service_fault", service=self.name, code=said["code"], kind=said["kind"])
        return Problem("internal_error")

    def _unavailable(self) -> Problem:
        return Problem("service_unavailable", facts={"service": self.name})

    def _broken(self, kind: str, status: int) -> Problem:
        """An answer outside the protocol; the outcome is unknown, as if there were none."""
        self._failures[kind].inc()
        log.warning("service_answer_unusable", service=self.name, kind=kind, status=status)
        return self._unavailable()


def _expire(future: asyncio.Future[Any]) -> None:
    """End a command's waiting. A timer of its own on the future is far cheaper than asyncio.timeout."""
    if not future.done():
        future.set_exception(TimeoutError())


def _said(body: bytes) -> Said:
    try:
        return msgspec.json.decode(body, type=Said)
    except msgspec.DecodeError:
        return Said()


class Services(dict[str, Service]):
    """All services by name."""

    @classmethod
    def at(cls, sources: Mapping[str, str], secret: str, metrics: Metrics, **bounds: Any) -> Services:
        """The services at these base URLs; ``bounds``: ``deadline`` in seconds, ``capacity`` in waiting commands."""
        return cls({name: Service(name, url, secret, metrics, **bounds) for name, url in sources.items()})

    async def open(self) -> None:
        """Open every service's pools."""
        for service in self.values():
            await service.open()

    async def close(self) -> None:
        """Close every service's pools."""
        for service in self.values():
            await service.close()
