"""The services as the gateway knows them: commands in batches, queries, the feed of published events.

Everything has a deadline. Commands, queries and the watcher have connections of their own, so that slow reads never
hold up the lending desk. A command carries its id, so sending it twice does it once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import structlog
from yarl import URL

from gateway.http.problems import TABLE, Problem, Refusal
from gateway.http.response import ServiceDocument
from gateway.metrics import Metrics
from gateway.upstream.batcher import Batcher
from gateway.upstream.gate import PLACES, Gate, Priority, QueueFull
from gateway.upstream.watcher import ChangedStreams, Watcher

DEADLINE = 5.0  # seconds that a client waits for a service
READY_DEADLINE = 1.0
LONGEST_CHANGES = 20  # seconds that one request waits for changes

Failure = (aiohttp.ClientError, TimeoutError, OSError)
log = structlog.get_logger()


class Outcome(msgspec.Struct):
    """What became of a command: the aggregate's row after it, or a refusal. Of a query only a refusal is told so."""

    id: str = ""
    position: int | None = None
    version: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    refused: dict[str, Any] | None = None


class Outcomes(msgspec.Struct):
    """A service's answer to a batch, in the batch's order."""

    outcomes: list[Outcome]


class Service:
    """One service. Every method raises Problem: a Refusal, ``service_unavailable`` or ``service_busy``."""

    def __init__(
        self, name: str, url: str, secret: str, metrics: Metrics, *, deadline: float = DEADLINE, capacity: int = 1024
    ) -> None:
        self.name, self._url, self._deadline = name, url, deadline
        self._commands_url = URL(f"{url}/commands", encoded=True)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._batcher = Batcher(self._post, capacity=capacity)
        self._batch_size = metrics.batch.labels(name)
        self._seconds = {call: metrics.service_seconds.labels(name, call) for call in ("commands", "query", "changes")}
        self._failures = {call: metrics.service_failures.labels(name, call) for call in self._seconds}
        metrics.waiting.labels(name).set_function(lambda: len(self._batcher))
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Outcomes).decode
        self._decode_changes = msgspec.json.Decoder(ChangedStreams).decode
        self._gate = Gate()
        self._readiness: tuple[float, asyncio.Task[str]] | None = None
        self.watcher = Watcher(self._changes)

    async def open(self) -> None:
        """Make the connection pools. The service need not be up."""
        self._pools = {
            "commands": self._pool(4),
            "query": self._pool(PLACES),
            "changes": self._pool(1),
            "ready": self._pool(1),
        }

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.close()

    def _pool(self, connections: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=30),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=2),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    async def send(self, command: dict[str, Any], priority: Priority) -> ServiceDocument:
        """Have ``{id, name, data, meta}`` done; the aggregate's row after it."""
        try:
            future = self._batcher.submit(command, priority)
        except QueueFull:
            raise Problem("service_busy", details={"service": self.name}) from None
        timer = asyncio.get_running_loop().call_later(self._deadline, _expire, future)
        try:
            outcome: Outcome = await future
        except Failure:
            raise self._unavailable() from None
        finally:
            timer.cancel()
        if outcome.refused is not None:
            raise self._refusal(outcome.refused)
        return ServiceDocument(bytes(outcome.result), outcome.version)

    async def ask(self, name: str, params: Mapping[str, Any], priority: Priority) -> ServiceDocument:
        """Ask a named query, or the ``feed``."""
        path = "events" if name == "feed" else f"queries/{name}"
        try:
            async with self._gate.entered(priority):
                return await self._get("query", path, params, self._deadline)
        except QueueFull:
            raise Problem("service_busy", details={"service": self.name}) from None

    async def _changes(self, after: int | None) -> ChangedStreams:
        """The changes behind a position, waited for over there; without it, where the log ends."""
        params = {"wait": LONGEST_CHANGES} if after is None else {"after": after, "wait": LONGEST_CHANGES}
        document = await self._get("changes", "changes", params, LONGEST_CHANGES + self._deadline)
        try:
            return self._decode_changes(document.body)
        except msgspec.DecodeError:
            raise self._unusable("changes", 200) from None

    async def readiness(self) -> str:
        """``ready``, ``not ready`` or ``unreachable``, as of the last second: asked once for all who ask."""
        loop = asyncio.get_running_loop()
        if self._readiness is None or loop.time() - self._readiness[0] > READY_DEADLINE:
            self._readiness = (loop.time(), loop.create_task(self._ready()))
        return await asyncio.shield(self._readiness[1])

    async def _ready(self) -> str:
        pool, url = self._pools["ready"], URL(f"{self._url}/readyz")
        try:
            async with asyncio.timeout(READY_DEADLINE), pool.get(url) as response:
                return "ready" if response.status == 200 else "not ready"
        except Failure:
            return "unreachable"

    async def _post(self, commands: list[dict[str, Any]]) -> list[Outcome]:
        self._batch_size.observe(len(commands))
        body = self._encode({"commands": commands})
        status, answer, _ = await self._exchange("commands", "POST", self._commands_url, self._deadline, body)
        try:
            outcomes = self._decode(answer).outcomes if status == 200 else []
        except msgspec.DecodeError:
            outcomes = []
        if [outcome.id for outcome in outcomes] != [command["id"] for command in commands]:
            raise self._unusable("commands", status)
        return outcomes

    async def _get(self, call: str, path: str, params: Mapping[str, Any], deadline: float) -> ServiceDocument:
        query = f"?{urlencode(params)}" if params else ""
        url = URL(f"{self._url}/{path}{query}", encoded=True)
        try:
            status, body, version = await self._exchange(call, "GET", url, deadline)
        except Failure:
            raise self._unavailable() from None
        if status == 200:
            return ServiceDocument(body, version)
        if status < 500 and (refused := _refused(body)) is not None:
            raise self._refusal(refused)
        raise self._unusable(call, status)

    async def _exchange(
        self, call: str, method: str, url: URL, deadline: float, body: bytes | None = None
    ) -> tuple[int, bytes, int | None]:
        """One request within the deadline, measured; a failure is counted and logged once, not for each caller."""
        began, pool, again = time.perf_counter(), self._pools[call], method == "POST"
        try:
            async with asyncio.timeout(deadline):
                while True:
                    try:
                        async with pool.request(method, url, data=body, allow_redirects=False) as response:
                            version = response.headers.get("X-Version")
                            return response.status, await response.read(), int(version) if version else None
                    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as failure:
                        if not again or isinstance(failure, aiohttp.ClientConnectorError):
                            raise
                        # A kept connection turned out closed, as after the service's restart: ids make it safe.
                        again = False
        except Failure as failure:
            self._failures[call].inc()
            log.warning("service_silent", service=self.name, call=call, failure=type(failure).__name__)
            raise
        finally:
            self._seconds[call].observe(time.perf_counter() - began)

    def _refusal(self, refused: dict[str, Any]) -> Problem:
        """A refusal in the service's words; one of no known kind is a fault over there, and its words stay inside."""
        if refused["kind"] in TABLE.kinds:
            return Refusal(refused)
        log.error("service_fault", service=self.name, code=refused["code"], kind=refused["kind"])
        return Problem("internal_error")

    def _unavailable(self) -> Problem:
        return Problem("service_unavailable", details={"service": self.name})

    def _unusable(self, call: str, status: int) -> Problem:
        """An answer outside the protocol; the outcome is unknown, as if there were none."""
        self._failures[call].inc()
        log.warning("service_answer_unusable", service=self.name, call=call, status=status)
        return self._unavailable()


def _expire(future: asyncio.Future[Any]) -> None:
    """End a command's waiting. A timer of its own on the future is far cheaper than asyncio.timeout."""
    if not future.done():
        future.set_exception(TimeoutError())


def _refused(body: bytes) -> dict[str, Any] | None:
    """The refusal that a query is answered with; None when the answer is something else."""
    try:
        return msgspec.json.decode(body, type=Outcome).refused
    except msgspec.DecodeError:
        return None


Services = Mapping[str, Service]  # by name
