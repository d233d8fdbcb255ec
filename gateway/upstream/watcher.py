"""Clients that wait for a change wait here, and cost the services nothing.

A service is asked what has changed with one request at a time, and only while somebody waits. Who waits for one of the
streams that have grown looks again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from gateway.http.problems import Problem

PACE = 0.02  # seconds between two requests to a service: under load one tells of many changes
MOST, MOST_OF_ONE = 2000, 8  # clients that may wait, in all and of one caller
T = TypeVar("T")


class ChangedStreams(msgspec.Struct):
    """What a service says of its log: the position ``head``, and the streams that grew since the one asked about."""

    epoch: str
    head: int
    streams: list[str]


class Watcher:
    """Follows the changes of one service for all who wait. ``ask(after)`` waits over there for what comes behind."""

    def __init__(self, ask: Callable[[int | None], Awaitable[ChangedStreams]]) -> None:
        self._ask = ask
        self._waiting: dict[str, set[asyncio.Future[Problem | None]]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None
        self._known: asyncio.Future[None] | None = None  # done once the service has said where its log ends

    async def until(self, stream: str, look: Callable[[], Awaitable[T | None]]) -> T:
        """What ``look`` finds, looked for now and whenever the stream has grown. Raises Problem when the service fails.

        Waits without end: who calls sets the time.
        """
        loop = asyncio.get_running_loop()
        while True:
            grown: asyncio.Future[Problem | None] = loop.create_future()
            self._waiting[stream].add(grown)
            try:
                if self._watching is None:
                    self._known = loop.create_future()
                    self._watching = loop.create_task(self._watch(self._known))
                assert self._known is not None
                await asyncio.wait((self._known, grown), return_when=asyncio.FIRST_COMPLETED)
                found = await look()  # what grows from now on is told
                if found is not None:
                    return found
                if (problem := await grown) is not None:
                    raise problem
            finally:
                self._waiting[stream].discard(grown)
                if not self._waiting[stream]:
                    del self._waiting[stream]

    async def _watch(self, known: asyncio.Future[None]) -> None:
        """Ask again and again until nobody waits. A request is never broken off: the service would wait on."""
        at: ChangedStreams | None = None
        try:
            while self._waiting:
                found = await self._ask(None if at is None else at.head)
                went_back = at is not None and (found.epoch != at.epoch or found.head < at.head)
                self._wake(list(self._waiting) if went_back else found.streams)
                at = found
                if not known.done():
                    known.set_result(None)
                await asyncio.sleep(PACE)
        except Problem as problem:
            self._wake(list(self._waiting), problem)
        finally:
            known.cancel()
            self._watching = None

    def _wake(self, streams: Iterable[str], problem: Problem | None = None) -> None:
        for stream in streams:
            for grown in self._waiting.get(stream, ()):
                if not grown.done():
                    grown.set_result(problem)


class Waits:
    """How many clients wait: a bound for all of them, and one for each caller."""

    def __init__(self, most: int = MOST, most_of_one: int = MOST_OF_ONE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._of: dict[object, int] = {}
        self.count = 0

    @contextlib.contextmanager
    def place(self, caller: object) -> Iterator[None]:
        """A place to wait. Raises Problem (429) when the caller has as many as one may have, or all are taken."""
        mine = self._of.get(caller, 0)
        if mine >= self._most_of_one or self.count >= self._most:
            raise Problem("too_many_waits", details={"limit": self._most_of_one}, headers=[("Retry-After", "5")])
        self._of[caller] = mine + 1
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            self._of[caller] -= 1
            if not self._of[caller]:
                del self._of[caller]
