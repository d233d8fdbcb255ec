"""The relay: publishes what the log has and the exchange has not, in order, one leader for each service.

Cursor first in the log, then on the broker, then moved: a crash in between repeats messages and never skips one.
"""

from __future__ import annotations

import time
from typing import Protocol

import structlog

from services.chassis import crash, database, metrics
from services.chassis.broker import BrokerAway
from services.chassis.definition import Service
from services.chassis.envelope import Message
from services.chassis.feed import Feed, Page
from services.chassis.wake import Pace, Wake

log = structlog.get_logger()
BATCH = 500
# A leader asks the database at least every few seconds. One that vanished without a word must not lead for ever: the
# server ends a session that is silent for so long, and with it its leadership.
SILENT = 8  # seconds
_LEAD = database.text("SELECT pg_try_advisory_lock(log_key() + 1)")
_AT = database.text("SELECT pos FROM relayed")
_MOVE = database.text("UPDATE relayed SET pos = %s")


class Bus(Protocol):
    """Where messages go. ``publish`` returns when all of them are safe, or raises :class:`BrokerAway`."""

    def publish(self, messages: list[Message]) -> None: ...

    def beat(self) -> None: ...

    def close(self) -> None: ...


class Outbox(Protocol):
    """What waits to be published: the feed behind ``relayed``, the position up to which everything is safe."""

    def relayed(self) -> int: ...

    def page(self, after: int, limit: int) -> Page: ...

    def move(self, pos: int) -> None: ...


class PostgresOutbox:
    """The outbox of a service: its own log, and a cursor beside it, which nobody moves but the leader on ``conn``."""

    def __init__(self, service: Service, conn: database.Connection) -> None:
        self._feed, self._conn = Feed(service), conn
        self._at: int = conn.execute(_AT).fetchone()[0]  # type: ignore[index]

    def relayed(self) -> int:
        """Up to where the exchange has everything."""
        return self._at

    def page(self, after: int, limit: int) -> Page:
        """What comes behind a position."""
        return self._feed.page(self._conn, after, limit)

    def move(self, pos: int) -> None:
        """The exchange has everything up to here."""
        self._conn.execute(_MOVE, (pos,))
        self._at = pos


class Relay:
    """Publishes one service's facts."""

    def __init__(self, service: Service, database_url: str, bus: Bus, wake: Wake) -> None:
        self._service, self._url, self._bus, self._wake = service, database_url, bus, wake
        self._pace, self._stopping = Pace(), False

    def step(self, outbox: Outbox) -> bool:
        """Publish the next batch; False when there was nothing to publish. Raises :class:`BrokerAway`."""
        at = outbox.relayed()
        page = outbox.page(at, BATCH)
        metrics.HEAD.set(page.head)
        metrics.RELAYED.set(at if page.messages else page.head)
        if not page.messages:
            return False
        self._bus.publish(page.messages)
        crash.point("relay.after_publish")
        last = page.messages[-1].pos
        outbox.move(last)
        metrics.RELAYED.set(last)
        return True

    def run(self) -> None:
        """Lead, publish, wait for the next commit; until :meth:`stop`."""
        while not self._stopping:
            try:
                with database.connect(self._url) as conn:
                    conn.execute("SELECT set_config('idle_session_timeout', %s, false)", (f"{SILENT}s",))
                    self._lead(conn)
            except database.AWAY as error:
                log.warning("relay_without_database", error=str(error))
                time.sleep(0.5)
        self._bus.close()

    def _lead(self, conn: database.Connection) -> None:
        while not self._stopping and not conn.execute(_LEAD).fetchone()[0]:  # type: ignore[index]
            self._wake.wait(1.0)
        outbox, away = PostgresOutbox(self._service, conn), 0.0
        while not self._stopping:
            self._pace.keep()
            try:
                with self._pace.turn():
                    while self.step(outbox) and not self._stopping:
                        away = 0.0
                self._bus.beat()
            except BrokerAway as error:
                away = min(5.0, away * 2 or 0.2)
                log.warning("relay_without_broker", error=str(error), again_in=away)
                time.sleep(away)
                continue
            self._wake.wait(1.0)

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopping = True
        self._wake.ring()
