"""Who goes first when a service has more to do than it can: the least urgent requests are sent away."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator
from enum import IntEnum

PLACES = 32  # queries that a service is asked at once
QUEUE = 256  # queries that wait for a place
LONGEST = 2.0  # seconds that one waits for a place


class Priority(IntEnum):
    """What is let in first, and sent away last."""

    RETURNS = 0
    LENDS = 1
    STAFF = 2
    RESIDENTS = 3
    PUBLIC = 4
    BULK = 5  # reports and feeds: they can go on later


# The share of the places that may be taken when one of this priority comes in.
SHARE = {
    Priority.RETURNS: 1.0,
    Priority.LENDS: 1.0,
    Priority.STAFF: 1.0,
    Priority.RESIDENTS: 0.8,
    Priority.PUBLIC: 0.6,
    Priority.BULK: 0.25,
}


class QueueFull(Exception):
    """As many wait as may wait; nothing was sent."""


class Gate:
    """Lets so many in at once; the others wait by priority, a while, and not too many."""

    def __init__(self, places: int = PLACES, queue: int = QUEUE, longest: float = LONGEST) -> None:
        self._most = {priority: int(places * share) for priority, share in SHARE.items()}
        self._queue, self._longest = queue, longest
        self._inside = 0
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    def __len__(self) -> int:
        """How many are inside."""
        return self._inside

    @contextlib.asynccontextmanager
    async def entered(self, priority: Priority) -> AsyncIterator[None]:
        """A place inside. Raises QueueFull."""
        if self._inside < self._most[priority] and not self._waiting:
            self._inside += 1
        else:
            await self._wait(priority)
        try:
            yield
        finally:
            self._inside -= 1
            self._admit()

    async def _wait(self, priority: Priority) -> None:
        if len(self._waiting) >= self._queue:
            self._send_away_below(priority)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._number), place))
        self._admit()
        try:
            async with asyncio.timeout(self._longest):
                await place
        except (TimeoutError, asyncio.CancelledError) as ended:
            if place.done() and not place.cancelled():  # it was let in at the same moment
                self._inside -= 1
                self._admit()
            if isinstance(ended, TimeoutError):
                raise QueueFull from None
            raise
        finally:
            self._waiting = [each for each in self._waiting if each[2] is not place]
            heapq.heapify(self._waiting)

    def _send_away_below(self, priority: Priority) -> None:
        """Make room by sending away who came last of the least urgent. Raises QueueFull when nobody is less urgent."""
        last = max(self._waiting, default=None)
        if last is None or last[0] <= priority:
            raise QueueFull
        self._waiting.remove(last)
        heapq.heapify(self._waiting)
        last[2].set_exception(QueueFull())

    def _admit(self) -> None:
        """Let in who waits, the most urgent first; whoever is less urgent has a smaller share, so it waits as well."""
        while self._waiting and self._inside < self._most[self._waiting[0][0]]:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                self._inside += 1
                place.set_result(None)
