"""Commands go to a service in batches that set their own pace.

At most ``in_flight`` requests are under way; what arrives meanwhile is the next batch. So a lone command does not wait,
and under load one request and one commit carry up to ``largest`` commands.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.upstream.gate import Priority, QueueFull

Post = Callable[[list[dict[str, Any]]], Awaitable[Sequence[Any]]]


# The share of the queue that may be taken when a command of this priority comes in; of any other, the last.
SHARE = {Priority.RETURNS: 1.0, Priority.LENDS: 0.9}
OTHERS = 0.75


class Batcher:
    """Collects commands into batches and gives each command its own outcome.

    The most urgent leave first. ``post`` takes a batch and returns its outcomes in the same order; what it raises,
    every command of the batch gets.
    """

    def __init__(self, post: Post, *, largest: int = 64, in_flight: int = 2, capacity: int = 1024) -> None:
        self._post, self._largest, self._most = post, largest, in_flight
        self._capacity = {priority: math.ceil(capacity * SHARE.get(priority, OTHERS)) for priority in Priority}
        self._waiting: list[tuple[Priority, int, dict[str, Any], asyncio.Future[Any]]] = []  # a heap
        self._number = itertools.count()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._flush_scheduled = False

    def __len__(self) -> int:
        """How many commands wait for the next batch."""
        return len(self._waiting)

    def submit(self, command: dict[str, Any], priority: Priority) -> asyncio.Future[Any]:
        """Queue a command; the future gets its outcome. A command whose future is done before it left is not sent."""
        if len(self._waiting) >= self._capacity[priority]:
            raise QueueFull
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        heapq.heappush(self._waiting, (priority, next(self._number), command, future))
        if not self._flush_scheduled and len(self._in_flight) < self._most:
            # Not at once but after what is ready to run: requests that came in together leave together.
            self._flush_scheduled = True
            loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        self._flush_scheduled = False
        while self._waiting and len(self._in_flight) < self._most:
            batch: list[tuple[dict[str, Any], asyncio.Future[Any]]] = []
            while self._waiting and len(batch) < self._largest:
                _, _, command, future = heapq.heappop(self._waiting)
                if not future.done():  # its client's time was up
                    batch.append((command, future))
            if batch:
                task = asyncio.get_running_loop().create_task(self._send(batch))
                self._in_flight.add(task)
                task.add_done_callback(self._completed)

    async def _send(self, batch: list[tuple[dict[str, Any], asyncio.Future[Any]]]) -> None:
        try:
            outcomes: Sequence[Any] = await self._post([command for command, _ in batch])
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

    def _completed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._flush()
