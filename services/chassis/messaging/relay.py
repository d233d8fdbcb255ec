"""The relay: publishes what the log has and the exchange has not, in order, one leader for each service.

Read from the cursor, publish with confirms, then advance the cursor to what was confirmed. A crash repeats messages; it
never skips one. At an event that this release does not know the relay stands still, and says so.
"""

import time
from collections.abc import Callable
from typing import Protocol

import structlog

from services.chassis.foundation import database, failpoints, metrics
from services.chassis.foundation.signals import Signal, Throttle
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Feed, Page
from services.chassis.messaging.rabbitmq import BrokerUnavailable
from services.chassis.service import Service

log = structlog.get_logger()
BATCH = 500
SLOW = 2.0  # seconds for the confirms of a batch, after which the next one is half as long
# A leader queries the database at least every few seconds. The server ends a session that is silent for longer, and
# with it the leadership of a relay whose connection is gone.
SILENT = 8  # seconds
_LEAD = database.text("SELECT pg_try_advisory_lock(log_key() + 1)")
_POSITION = database.text("SELECT position FROM relay_cursor")
_ADVANCE = database.text("UPDATE relay_cursor SET position = %s")


class MessageBus(Protocol):
    """Where messages go.

    ``publish`` returns how many from the first on are safe; raises :class:`BrokerUnavailable` when none is. It calls
    ``meanwhile`` every few seconds while it waits.
    """

    def publish(self, messages: list[Message], meanwhile: Callable[[], object]) -> int: ...

    def heartbeat(self) -> None: ...

    def close(self) -> None: ...


class Outbox(Protocol):
    """What waits to be published: the feed behind ``position``, up to which everything is published and confirmed."""

    @property
    def position(self) -> int: ...

    def page(self, after: int, limit: int) -> Page: ...

    def advance(self, position: int) -> None: ...

    def renew(self) -> None: ...


class PostgresOutbox:
    """The outbox of a service: its own log, and a cursor beside it, which nobody moves but the leader on ``conn``."""

    def __init__(self, service: Service, conn: database.Connection) -> None:
        self._feed, self._conn = Feed(service), conn
        self.position: int = conn.execute(_POSITION).fetchone()[0]  # type: ignore[index]

    def page(self, after: int, limit: int) -> Page:
        """What comes behind a position."""
        return self._feed.page(self._conn, after, limit)

    def advance(self, position: int) -> None:
        """The exchange has everything up to here."""
        self._conn.execute(_ADVANCE, (position,))
        self.position = position

    def renew(self) -> None:
        """Say that the leader is there. Raises what a lost connection raises: somebody else may lead then."""
        self._conn.execute("SELECT 1")


class Relay:
    """Publishes one service's events."""

    def __init__(self, service: Service, database_url: str, bus: MessageBus, signal: Signal) -> None:
        self._service, self._url, self._bus, self._signal = service, database_url, bus, signal
        self._throttle, self._stopping, self._batch = Throttle(), False, BATCH

    def step(self, outbox: Outbox) -> bool:
        """Publish the next batch; False when there was nothing to publish. Raises :class:`BrokerUnavailable`."""
        at, began = outbox.position, time.monotonic()
        page = outbox.page(at, self._batch)
        metrics.HEAD.set(page.head)
        metrics.RELAYED.set(at if page.messages else page.head)
        if not page.messages:
            return False
        try:
            safe = self._bus.publish(page.messages, outbox.renew)
        finally:
            slow = time.monotonic() - began > SLOW
            self._batch = max(1, self._batch // 2) if slow else min(BATCH, 2 * self._batch)
        failpoints.reach("relay.after_publish")
        last = page.messages[safe - 1].position
        outbox.advance(last)
        metrics.RELAYED.set(last)
        return True

    def run(self) -> None:
        """Lead, publish, wait for the next commit; until :meth:`stop`."""
        while not self._stopping:
            try:
                with database.connect(self._url) as conn:
                    conn.execute("SELECT set_config('idle_session_timeout', %s, false)", (f"{SILENT}s",))
                    self._lead(conn)
            except database.UNAVAILABLE as error:
                log.warning("relay_without_database", error=str(error))
                time.sleep(0.5)
        self._bus.close()

    def _lead(self, conn: database.Connection) -> None:
        while not self._stopping and not conn.execute(_LEAD).fetchone()[0]:  # type: ignore[index]
            self._signal.wait(1.0)
        outbox, away = PostgresOutbox(self._service, conn), 0.0
        while not self._stopping:
            self._throttle.wait()
            try:
                with self._throttle.iteration():
                    while self.step(outbox) and not self._stopping:
                        away = 0.0
                self._bus.heartbeat()
            except BrokerUnavailable as error:
                away = min(5.0, away * 2 or 0.2)
                log.warning("relay_without_broker", error=str(error), again_in=away)
                time.sleep(away)
                continue
            self._signal.wait(1.0)

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopping = True
        self._signal.notify()
