"""Taking in what is parked: when somebody says so, and by itself what only came too early.

A stream is taken in from its first parked fact on, each fact in a transaction of its own, up to the first that still
fails. Later facts of the stream go on joining it until the last one is in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from services.chassis import database
from services.chassis.codec import decode, shape
from services.chassis.envelope import Message
from services.chassis.follow import Follower, came_too_early
from services.chassis.store import Changes

log = structlog.get_logger()
AGAIN, SELDOM = 5.0, 60.0  # seconds from one try by itself to the next; longer each time it was in vain


class StillFails(Exception):
    """A parked fact can't be taken in yet; its cause says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(f"{message.type} at {message.pos} of {message.source}")
        self.message = message


class Unparker:
    """Takes in the parked streams of one follower's source."""

    def __init__(self, follower: Follower, steady: Callable[[], float] = time.monotonic) -> None:
        self._follower, self._store, self._source = follower, follower.store, follower.source
        self._steady, self._next, self._wait = steady, 0.0, AGAIN

    def retry(self, stream: str) -> int:
        """Take in a parked stream; returns how many were taken in. Raises what an absent database raises."""
        done = 0
        try:
            while self._first_of(stream):
                done += 1
        except StillFails as failed:
            why = failed.__cause__
            log.warning("still_parked", source=self._source, stream=stream, error=str(why))
            self._store.still_parked(
                self._source, failed.message.pos, f"{type(why).__name__}: {why}", came_too_early(why)
            )
        return done

    def _first_of(self, stream: str) -> bool:
        with self._store.turn([], [], self._source) as turn:
            text = turn.first_parked(self._source, stream)
            if text is None:
                return False
            message = shape(decode(text), Message)
            changes = Changes(base=turn.head, unparked=[(self._source, message.pos)])
            try:
                heard, commands = self._follower.understand(message)
                self._follower.take_in(turn, heard, commands, self._follower.clock(), changes)
                changes.writes = turn.world.writes()
                turn.commit(changes)
            except database.AWAY:
                raise
            except Exception as error:
                raise StillFails(message) from error
        return True

    @property
    def due(self) -> bool:
        """Whether it is time to look for facts that came too early."""
        return self._follower.some_early and self._steady() >= self._next

    def again(self) -> int:
        """Try what only came too early, when it is time; returns how many facts were taken in."""
        if not self.due:
            return 0
        self._next = self._steady() + self._wait
        streams = self._store.early_streams(self._source)
        done = sum(self.retry(stream) for stream in streams)
        self._follower.some_early = bool(streams and self._store.early_streams(self._source))
        self._wait = AGAIN if done or not self._follower.some_early else min(SELDOM, 2 * self._wait)
        if done:
            log.info("taken_in_after_all", source=self._source, facts=done)
        return done
