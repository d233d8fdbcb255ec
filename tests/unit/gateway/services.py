"""A stand-in for the services: the same HTTP protocol, with answers that a test writes.

It keeps what it was asked, so that a test can look at batches, ids and parameters. No database, no domain.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from aiohttp import web

from services.contracts import SERVICES

SECRET = "internal-secret-of-the-gateway-tests-0123456789"
Decide = Callable[[dict[str, Any]], dict[str, Any]]


def accepted(command: dict[str, Any]) -> dict[str, Any]:
    """Every command succeeds, and its row is its own data."""
    return {"id": command["id"], "position": 1, "version": 1, "result": {**command["data"], "version": 1}}


def refused(kind: str, code: str, **details: Any) -> Decide:
    """Every command is refused."""
    refusal = {"code": code, "kind": kind, "ko": "안 됩니다.", "en": "No.", "details": details}
    return lambda command: {"id": command["id"], "refused": refusal}


class Stage:
    """The scripted services. ``decide``: command name -> outcome; ``rows``: (service, query) -> (version, row)."""

    def __init__(self) -> None:
        self.logs: dict[str, list[str]] = defaultdict(list)  # streams, by position; a log never goes back
        self.watches: dict[str, int] = defaultdict(int)
        self._stopping = False
        self.ready_asked = 0
        self.clear()

    def clear(self) -> None:
        """Forget script and memory; every service is up and answers at once."""
        self.batches: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.decide: dict[str, Decide] = {}
        self.rows: dict[tuple[str, str], tuple[int | None, Any]] = {}
        self.watched: list[tuple[str, str | None]] = []
        self.most_watches = 0
        self.published: list[dict[str, Any]] = []
        self.down: set[str] = set()
        self.garbled: set[str] = set()
        self.gate: asyncio.Event | None = None
        self.gated: set[str] = set()  # the queries that wait at the gate; all when empty
        self.most_at_once = self._at_once = 0

    def change(self, service: str, query: str, stream: str, version: int, row: Any) -> None:
        """A row is another from now on, and an event of its stream is in the log."""
        self.rows[service, query] = (version, row)
        self.logs[service].append(stream)

    def commands(self, service: str) -> list[dict[str, Any]]:
        """Every command that a service got, in order."""
        return [command for batch in self.batches[service] for command in batch]

    async def start(self) -> dict[str, str]:
        """Listen; the base URL of each service."""
        self._runners, urls = [], {}
        for name in SERVICES:
            runner = web.AppRunner(self._app(name))
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            urls[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._runners.append(runner)
        return urls

    async def stop(self) -> None:
        """Close every port."""
        self._stopping = True
        for runner in self._runners:
            await runner.cleanup()

    def _app(self, service: str) -> web.Application:
        @web.middleware
        async def present(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {SECRET}":
                return web.json_response({"error": "who are you?"}, status=401)
            if service in self.down:
                return web.json_response({"error": "the database is away"}, status=503)
            if service in self.garbled:
                return web.Response(body=b'{"outcomes":[', content_type="application/json")
            return await handler(request)

        app = web.Application(middlewares=[present], client_max_size=1 << 26)
        app.router.add_post("/commands", functools.partial(self._commands, service))
        app.router.add_get("/queries/{name}", functools.partial(self._query, service))
        app.router.add_get("/changes", functools.partial(self._changes, service))
        app.router.add_get("/events", functools.partial(self._events, service))
        app.router.add_get("/readyz", self._ready)
        return app

    async def _commands(self, service: str, request: web.Request) -> web.Response:
        batch = (await request.json())["commands"]
        self.batches[service].append(batch)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self._at_once -= 1
        return await _json({"outcomes": [self.decide.get(c["name"], accepted)(c) for c in batch]})

    async def _query(self, service: str, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        params = dict(request.query)
        self.asked.append((service, name, params))
        if self.gate is not None and name in (self.gated or {name}):
            await self.gate.wait()
        if (service, name) not in self.rows:
            refusal = {"code": f"{name}_unknown", "kind": "not_found", "ko": "없습니다.", "en": "None.", "details": {}}
            return await _json({"refused": refusal}, status=404)
        version, row = self.rows[service, name]
        return await _json(row, headers={} if version is None else {"X-Version": str(version)})

    async def _changes(self, service: str, request: web.Request) -> web.Response:
        after, log = request.query.get("after"), self.logs[service]
        self.watched.append((service, after))
        watches = self.watches
        watches[service] += after is not None
        self.most_watches = max(self.most_watches, watches[service])
        try:
            until = asyncio.get_running_loop().time() + float(request.query["wait"])
            at = len(log) if after is None else int(after)
            while after is not None and len(log) == at and asyncio.get_running_loop().time() < until:
                if self._stopping:
                    break
                await asyncio.sleep(0.005)
        finally:
            watches[service] -= after is not None
        return await _json({"epoch": "e1", "head": len(log), "streams": sorted(set(log[at:]))})

    async def _ready(self, request: web.Request) -> web.Response:
        self.ready_asked += 1
        return await _json({})

    async def _events(self, service: str, request: web.Request) -> web.Response:
        self.asked.append((service, "events", dict(request.query)))
        return await _json({"epoch": "e1", "head": 9, "data": self.published, "next": 9})


async def _json(document: Any, **more: Any) -> web.Response:
    return web.Response(body=json.dumps(document).encode(), content_type="application/json", **more)
