"""A client that behaves as a good one should: same key until the answer is definite, everything recorded."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any, Self

import aiohttp

from drills.chaos.history import OK, REFUSED, History, Op

PATIENCE = 6.0  # seconds for one try; the gateway gives up after 5
PAUSE, LONGEST_PAUSE = 0.25, 0.75  # seconds between tries
JSON = {"Content-Type": "application/json"}
UNSURE = (429, 500, 502, 503, 504)  # nobody knows, or nothing was done: ask again


class Client:
    """Sends a centre's operations to the gateway and records them."""

    def __init__(
        self, url: str, centre: str, tokens: dict[str, str], history: History, now: Callable[[], float]
    ) -> None:
        self._url, self.centre, self._now, self.history = url, centre, now, history
        self._headers = {role: {"Authorization": f"Bearer {token}"} for role, token in tokens.items()}
        self.giving_up = False

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def do(self, op: Op, body: Any, method: str) -> None:
        """Send to the operation's path, in its role, until there is a definite answer, always with its key."""
        self.history.ops.append(op)
        headers = {**self._headers[op.about["role"]], **JSON, "Idempotency-Key": op.id}
        while not self.giving_up:
            op.attempts += 1
            if await self._try(method, op, op.about["path"], headers, body):
                break
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * op.attempts))

    async def read(self, op: Op, method: str, path: str, body: Any = None, **headers: str) -> Op:
        """Ask once: a read that fails is just not known."""
        self.history.ops.append(op)
        op.attempts = 1
        await self._try(method, op, path, {**self._headers["desk"], **JSON, **headers}, body)
        return op

    async def _try(self, method: str, op: Op, path: str, headers: dict[str, str], body: Any) -> bool:
        sent = None if body is None else json.dumps(body).encode()
        try:
            async with self._session.request(method, self._url + path, data=sent, headers=headers) as answer:
                reply = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        op.status = answer.status
        op.faults += answer.status == 500
        if answer.status in UNSURE:
            return False
        op.ended, op.outcome = self._now(), OK if answer.status < 400 else REFUSED
        if answer.status != 304:
            op.reply = hashlib.blake2b(reply, digest_size=12).hexdigest()
            op.seen = json.loads(reply) if reply else {}
        if op.outcome == REFUSED:
            op.code, op.details = op.seen.get("code", ""), op.seen.get("details", {})
        tag = (answer.headers.get("ETag") or "").strip('W/"')
        op.version = int(tag) if tag.isdecimal() else None
        return True
