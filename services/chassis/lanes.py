"""The loops that keep a follower and a worker going: connect, take, acknowledge, wait; and stop when told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import structlog

from services.chassis import crash, database, metrics
from services.chassis.broker import BrokerAway, Delivery, Inlet
from services.chassis.envelope import Message, NotAnEnvelope, open_envelope
from services.chassis.follow import EpochChanged, Follower, NotYet, SourceAway, patiently
from services.chassis.unpark import Unparker
from services.chassis.wake import Pace

log = structlog.get_logger()
IDLE_PULL = 3.0
TRANSIENT = (*database.AWAY, SourceAway, NotYet)


class FollowLoop:
    """Feeds a follower from its queue, and from the source's feed while the broker is away or silent."""

    def __init__(self, follower: Follower, inlet: Inlet) -> None:
        self._follower, self._inlet, self.unparker = follower, inlet, Unparker(follower)
        self._stopping, self._pause, self._pace = False, threading.Event(), Pace()
        self.source = follower.source
        self.halted: str | None = None

    def run(self) -> None:
        """Follow until :meth:`stop`. An epoch that changed halts the loop and is reported by ``/readyz``."""
        try:
            while not self._stopping:
                self._connected()
        except EpochChanged as changed:
            self.halted = str(changed)
            log.critical("follower_halted", source=self.source, why=self.halted)
        self._inlet.close()

    def _connected(self) -> None:
        try:
            self._inlet.open()
            self._pull()  # what the queue never got, or lost
            pulled = time.monotonic()
            while not self._stopping:
                self._pace.keep()
                deliveries = self._inlet.take(timeout=0.5)
                if deliveries:
                    with self._pace.turn():
                        self._take(deliveries)
                elif time.monotonic() - pulled > IDLE_PULL:
                    self._pull()
                    pulled = time.monotonic()
                self._unpark()
        except BrokerAway as error:
            log.warning("follower_without_broker", source=self.source, error=str(error))
            self._pull()
            self._unpark()
            self._pause.wait(1.0)

    def _pull(self) -> None:
        """One look at the feed. Should the source be away, the queue may still have something."""
        try:
            self._follower.catch_up()
        except TRANSIENT as error:
            log.warning("feed_not_read", source=self.source, error=str(error))

    def _unpark(self) -> None:
        """What came too early: perhaps its time has come."""
        try:
            self.unparker.again()
        except TRANSIENT as error:
            log.warning("parked_not_tried", source=self.source, error=str(error))

    def _take(self, deliveries: list[Delivery]) -> None:
        opened = [(delivery, message) for delivery in deliveries if (message := self._open(delivery))]
        if not opened:
            return
        messages = [message for _, message in opened]
        took = patiently(lambda: self._follower.take(messages), TRANSIENT, lambda: not self._stopping)
        if took is None:
            return  # told to stop: what is unsettled comes again
        crash.point("follow.before_ack")
        self._inlet.done(opened[-1][0])

    def _open(self, delivery: Delivery) -> Message | None:
        _, properties, body = delivery
        try:
            return open_envelope(properties.get("application_headers") or {}, body)
        except NotAnEnvelope as wrong:
            # The feed is the authority: should this have been a fact, the next one shows the hole.
            log.error("not_a_fact", source=self.source, error=str(wrong))
            self._inlet.reject(delivery)
            return None

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopping = True
        self._pause.set()


def count_parked(pool: database.Pool, sources: Iterable[str]) -> dict[str, int]:
    """How many facts of these sources are parked; those of which none is are not named."""
    with pool.connection() as conn:
        counts = dict(conn.execute(database.text("SELECT source, count(*) FROM parked GROUP BY source")).fetchall())
    for source in sources:
        metrics.PARKED.labels(source).set(counts.get(source, 0))
    return counts
