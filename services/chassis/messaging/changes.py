"""What has changed in the log, told to whoever waits: over HTTP, and to the loops of a service's other processes.

One connection of a process LISTENs on the channel ``log``, and tells there that this process has committed events: at
most every 10 ms, and never in the writing transaction, as NOTIFY holds a lock of the whole cluster until its commit.
"""

import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.chassis.domain import Refused
from services.chassis.foundation import database
from services.chassis.foundation.codec import Raw
from services.contracts import refusals

INTERVAL = 0.01  # seconds from one NOTIFY to the next
BEAT = 5.0  # seconds without a word until the connection is tried
LONGEST, AT_ONCE = 25.0, 16  # seconds that a request may wait; requests that may wait
SPAN = 1000  # positions in one answer
NONE = b"[]"
_CHANGES = database.text(
    "SELECT epoch::text, (SELECT coalesce(max(position), 0) FROM event), coalesce((SELECT json_agg(DISTINCT stream)"
    " FROM event WHERE position > %(start)s AND position <= %(end)s"
    " AND (%(centre)s::text IS NULL OR centre = %(centre)s)), '[]') FROM log"
)


class TooManyWait(Refused):
    """As many requests as may are waiting for changes already; wait with one for all of your clients."""

    kind = refusals.UNAVAILABLE
    ko = "변경을 기다리는 요청이 이미 너무 많습니다. 하나의 요청으로 모아서 기다리세요."


@dataclass(frozen=True)
class ChangedStreams:
    """The streams that have events behind a position, up to the position ``head``, as JSON in ``streams``."""

    epoch: str
    head: int
    streams: Any


class LogWatch:
    """Knows at once when the log has grown. ``others`` is called when another process of the service has written."""

    def __init__(self, url: str, reading: database.Pool, others: Callable[[], None]) -> None:
        self._url, self._reading, self._others = url, reading, others
        self._grown, self._stopping, self._heard = threading.Event(), False, False
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._own = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.committed: Callable[[], None] = partial(os.eventfd_write, self._own, 1)  #: say that events were committed

    def changes(self, after: int | None, wait: float, centre: str | None = None) -> ChangedStreams:
        """What comes behind ``after``, waiting up to ``wait`` seconds for the first; without it, where the log ends.

        Of one centre, or of all. Raises :class:`TooManyWait`.
        """
        if not self._slots.acquire(blocking=False):
            raise TooManyWait()
        try:
            until = time.monotonic() + min(wait, LONGEST)
            while True:
                grown = self._grown
                found = self._read(after, centre)
                left = until - time.monotonic()
                nothing = found.head == after or (bytes(found.streams) == NONE and found.head > (after or 0))
                if after is None or not nothing or left <= 0:
                    return found
                if found.head == after:
                    grown.wait(left)
                after = found.head
        finally:
            self._slots.release()

    def _read(self, after: int | None, centre: str | None) -> ChangedStreams:
        start, end = (0, 0) if after is None else (after, after + SPAN)
        with self._reading.connection() as conn:
            epoch, head, streams = conn.execute(
                _CHANGES, {"start": start, "end": end, "centre": centre}
            ).fetchone() or ("", 0, "[]")
        return ChangedStreams(epoch, min(head, end) if after is not None else head, Raw(streams.encode()))

    def run(self) -> None:
        """Listen and tell until :meth:`stop`. Raises when the database is away."""
        with database.connect(self._url) as conn:
            conn.add_notify_handler(lambda note: self._hear(note.pid != conn.pgconn.backend_pid))
            conn.execute("SET synchronous_commit = off")  # a NOTIFY writes to the log of the server; nobody has to wait
            conn.execute("LISTEN log")
            self._others()  # what happened while nobody listened
            told = 0.0
            while not self._stopping:
                ready, _, _ = select.select([conn.fileno(), self._own], [], [], BEAT)
                if self._own in ready:
                    os.eventfd_read(self._own)
                    self._wake()
                    time.sleep(max(0.0, told + INTERVAL - time.monotonic()))
                    told = time.monotonic()
                conn.execute("NOTIFY log" if self._own in ready else "SELECT 1")  # this also brings in what came
                if self._heard:
                    self._heard = False
                    self._wake()
                    self._others()

    def _hear(self, foreign: bool) -> None:
        self._heard |= foreign

    def _wake(self) -> None:
        grown, self._grown = self._grown, threading.Event()
        grown.set()

    def stop(self) -> None:
        """End."""
        self._stopping = True
        self.committed()
