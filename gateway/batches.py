"""Commands go to a service in batches that set their own pace.

At most ``lanes`` requests are under way; whatever arrives meanwhile is the next batch. So a lone command waits for
nobody, and under load one request and one commit carry up to ``largest`` commands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Send = Callable[[list[dict[str, Any]]], Awaitable[Sequence[Any]]]


class Full(Exception):
    """As many commands wait as may wait; nothing was sent."""


class Batches:
    """Collects commands into batches and hands each command its own outcome.

    ``send`` takes a batch and returns its outcomes in the same order; what it raises, every command of the batch gets.
    """

    def __init__(self, send: Send, *, largest: int = 64, lanes: int = 2, capacity: int = 1024) -> None:
        self._send, self._largest, self._lanes, self._capacity = send, largest, lanes, capacity
        self._waiting: deque[tuple[dict[str, Any], asyncio.Future[Any]]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._woken = False

    def __len__(self) -> int:
        """How many commands wait for the next batch."""
        return len(self._waiting)

    def put(self, command: dict[str, Any]) -> asyncio.Future[Any]:
        """Queue a command; the future gets its outcome. A command whose future is done before it left is not sent."""
        if len(self._waiting) >= self._capacity:
            raise Full
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, future))
        if not self._woken and len(self._under_way) < self._lanes:
            # Not at once but after what is ready to run: requests that came in together leave together.
            self._woken = True
            loop.call_soon(self._depart)
        return future

    def _depart(self) -> None:
        self._woken = False
        while self._waiting and len(self._under_way) < self._lanes:
            batch = self._next_batch()
            if batch:
                task = asyncio.get_running_loop().create_task(self._carry(batch))
                self._under_way.add(task)
                task.add_done_callback(self._arrived)

    def _next_batch(self) -> list[tuple[dict[str, Any], asyncio.Future[Any]]]:
        batch: list[tuple[dict[str, Any], asyncio.Future[Any]]] = []
        while self._waiting and len(batch) < self._largest:
            command, future = self._waiting.popleft()
            if not future.done():  # its client's time was up
                batch.append((command, future))
        return batch

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._depart()

    async def _carry(self, batch: list[tuple[dict[str, Any], asyncio.Future[Any]]]) -> None:
        try:
            outcomes: Sequence[Any] = await self._send([command for command, _ in batch])
            if len(outcomes) != len(batch):
                raise ValueError(f"{len(outcomes)} outcomes for {len(batch)} commands")
        except Exception as failure:
            for _, future in batch:
                if not future.done():
                    future.set_exception(failure)
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
