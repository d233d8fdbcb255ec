"""Parked events: an operator lists, shows, retries and drops them; the service retries those that were out of order.

Events are taken in by their positions, whatever streams they are of, each in a transaction of its own: a view that
crosses streams sees them in the order in which they happened. At one that still fails its stream stops, the others go
on; later events of a parked stream join it until the last one is in.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from services.chassis.foundation import database, metrics
from services.chassis.foundation.codec import convert, decode
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.subscriber import Subscriber, is_out_of_order

log = structlog.get_logger()
SOON, LATE = 5.0, 60.0  # seconds from one automatic retry to the next; longer after each that took in nothing
_LIST = database.text(
    "SELECT source, position, stream, message->>'type', error, out_of_order, attempts, at FROM parked"
    " ORDER BY source, stream, position"
)
_FIRST = database.text(
    "SELECT message::text FROM parked WHERE source = %s AND stream = ANY(%s) ORDER BY position LIMIT 1"
)
_OUT_OF_ORDER = database.text("SELECT stream FROM parked WHERE source = %s AND out_of_order ORDER BY position")
_FAILED_AGAIN = database.text(
    "UPDATE parked SET attempts = attempts + 1, error = %s, out_of_order = %s WHERE source = %s AND position = %s"
)
_DROP = database.text(
    "WITH gone AS (DELETE FROM parked WHERE source = %s AND position = %s RETURNING source, position, message)"
    " INSERT INTO dropped_event (source, position, message) SELECT * FROM gone"
)
_REFUSALS = database.text(
    "SELECT source, position, command, code, stream, at FROM policy_refusal ORDER BY at DESC LIMIT 200"
)


@dataclass(frozen=True)
class Listed:
    """One parked event, as an operator sees it."""

    source: str
    position: int
    stream: str
    type: str
    error: str
    out_of_order: bool
    attempts: int
    at: datetime

    def __str__(self) -> str:
        waits = "(out of order) " if self.out_of_order else ""
        where = f"{self.source:>14} {self.position:>8}"
        return f"{where}  {self.type:<24} {self.stream}  ({self.attempts}x) {waits}{self.error}"


class ParkedEvents:
    """The table of parked events of one service."""

    def __init__(self, pool: database.Pool) -> None:
        self._pool = pool

    def all(self) -> list[Listed]:
        """Every parked event, by stream and in order."""
        with self._pool.connection() as conn:
            return [Listed(*row) for row in conn.execute(_LIST)]

    def refusals(self) -> list[str]:
        """The newest commands of policies that were refused for good, at most 200, as lines for an operator."""
        with self._pool.connection() as conn:
            return [
                f"{source:>14} {position:>8}  {command:<24} {stream}  refused: {code}, {at:%Y-%m-%d %H:%M:%S}"
                for source, position, command, code, stream, at in conn.execute(_REFUSALS)
            ]

    def message(self, source: str, position: int) -> Any:
        """A parked event as it was delivered; None when there is none at that position."""
        statement = "SELECT message FROM parked WHERE source = %s AND position = %s"
        with self._pool.connection() as conn:
            row = conn.execute(statement, (source, position)).fetchone()
        return decode(row[0]) if row else None

    def first_of(self, source: str, streams: Iterable[str]) -> Message | None:
        """The parked event of these streams that has the lowest position."""
        with self._pool.connection() as conn:
            row = conn.execute(_FIRST, (source, list(streams))).fetchone()
        return convert(decode(row[0]), Message) if row else None

    def out_of_order(self, source: str) -> list[str]:
        """The streams of a source that wait for an event of another."""
        with self._pool.connection() as conn:
            return list(dict.fromkeys(stream for (stream,) in conn.execute(_OUT_OF_ORDER, (source,))))

    def failed_again(self, message: Message, error: str, out_of_order: bool) -> None:
        """Count a retry that failed, and keep its error."""
        with self._pool.connection() as conn:
            conn.execute(_FAILED_AGAIN, (error, out_of_order, message.source, message.position))

    def drop(self, source: str, position: int) -> bool:
        """Delete one parked event; those behind it can then be retried. A replay leaves it out, too."""
        with self._pool.connection() as conn:
            dropped = bool(conn.execute(_DROP, (source, position)).rowcount)
        log.warning("parked_event_dropped", source=source, position=position, dropped=dropped)
        return dropped

    def count(self, sources: Iterable[str]) -> dict[str, int]:
        """How many events of these sources are parked, also as a metric; sources without any are not named."""
        statement = database.text("SELECT source, count(*) FROM parked GROUP BY source")
        with self._pool.connection() as conn:
            counts = dict(conn.execute(statement).fetchall())
        for source in sources:
            metrics.PARKED.labels(source).set(counts.get(source, 0))
        return counts


class Retrier:
    """Retries the parked streams of one subscriber's source."""

    def __init__(
        self, subscriber: Subscriber, parked: ParkedEvents, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._subscriber, self._parked, self._source = subscriber, parked, subscriber.source
        self._steady, self._next, self._wait = steady, 0.0, SOON

    def retry(self, streams: Iterable[str]) -> int:
        """Take in parked streams, each up to what still fails; returns how many events.

        Raises when the database fails.
        """
        done, left = 0, set(streams)
        while left and (message := self._parked.first_of(self._source, left)):
            try:
                self._take_in(message)
            except database.UNAVAILABLE:
                raise
            except Exception as error:
                log.warning("still_parked", source=self._source, stream=message.stream, error=str(error))
                self._parked.failed_again(message, f"{type(error).__name__}: {error}", is_out_of_order(error))
                left.discard(message.stream)
            else:
                done += 1
        return done

    def _take_in(self, message: Message) -> None:
        incoming = self._subscriber.understood(message)
        with self._subscriber.store.begin(reads=self._subscriber.reads_of([incoming]), source=self._source) as uow:
            first = self._parked.first_of(self._source, [message.stream])
            if first and first.position == message.position:  # under the lock: nobody took it in meanwhile
                self._subscriber.take_in(uow, incoming)
                uow.taken_in.append((self._source, message.position))
                uow.commit()

    @property
    def due(self) -> bool:
        """Whether it is time for the automatic retry."""
        return self._subscriber.may_have_parked and self._steady() >= self._next

    def retry_out_of_order(self) -> int:
        """Retry what was out of order, when it is time; returns how many events were taken in."""
        if not self.due:
            return 0
        self._next = self._steady() + self._wait
        done = self.retry(self._parked.out_of_order(self._source))
        self._subscriber.may_have_parked = bool(self._parked.out_of_order(self._source))
        self._wait = SOON if done or not self._subscriber.may_have_parked else min(LATE, 2 * self._wait)
        if done:
            log.info("parked_events_taken_in", source=self._source, events=done)
        return done
