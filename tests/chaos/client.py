"""A client that behaves as a good one should: same key until the answer is definite, everything recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.chaos.history import INFO, OK, REFUSED, History, Op, digest

PATIENCE = 6.0  # seconds for one try; the gateway gives up after 5
PAUSE, LONGEST_PAUSE = 0.25, 0.75  # seconds between tries
UNSURE = (429, 500, 502, 503, 504)  # nobody knows, or nothing was done: ask again


class Client:
    """Sends operations to the gateway and records them."""

    def __init__(self, url: str, tokens: dict[str, str], history: History, now: Callable[[], float]) -> None:
        self._url, self._now, self.history = url, now, history
        self._headers = {role: {"Authorization": f"Bearer {token}"} for role, token in tokens.items()}
        self.giving_up = False

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def do(self, op: Op, path: str, body: Any, role: str = "desk", method: str = "POST") -> Op:
        """Send until there is a definite answer, always with the operation's key."""
        self.history.begin(op)
        headers = {**self._headers[role], "Idempotency-Key": op.id, "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        while not self.giving_up:
            op.attempts += 1
            if await self._try(method, op, path, headers, sent):
                break
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * op.attempts))
        return op

    async def get(self, op: Op, path: str, headers: dict[str, str] | None = None) -> Op:
        """GET once: a read that fails is just not known."""
        self.history.begin(op)
        op.attempts = 1
        await self._try("GET", op, path, {**self._headers["desk"], **(headers or {})}, None)
        return op

    async def scan(self, op: Op, barcode: str) -> Op:
        """Scan a unit once."""
        self.history.begin(op)
        op.attempts = 1
        headers = {**self._headers["desk"], "Content-Type": "application/json"}
        await self._try("POST", op, "/v1/desk/scan", headers, json.dumps({"barcode": barcode}).encode())
        return op

    async def _try(self, method: str, op: Op, path: str, headers: dict[str, str], sent: bytes | None) -> bool:
        try:
            async with self._session.request(method, self._url + path, data=sent, headers=headers) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        op.status = answer.status
        op.faults += answer.status == 500
        if answer.status in UNSURE:
            return False
        op.ended, op.outcome = self._now(), OK if answer.status < 400 else REFUSED
        if answer.status != 304:
            op.reply = digest(body)
            op.seen = json.loads(body) if body else {}
        if op.outcome == REFUSED:
            op.code, op.facts = op.seen.get("code", ""), op.seen
        tag = (answer.headers.get("ETag") or "").strip('W/"')
        op.version = int(tag) if tag.isdecimal() else None
        return True


def unsure(op: Op) -> bool:
    """Whether an operation has no definite answer."""
    return op.outcome == INFO
