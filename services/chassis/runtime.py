"""One service at run time: its store, reads, relay, followers and worker, wired together; no nameko, no eventlet."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog

from services.chassis import database
from services.chassis.audit import Audit
from services.chassis.broker import Inlet, Publisher
from services.chassis.codec import encode
from services.chassis.definition import Service
from services.chassis.execute import execute, read_batch
from services.chassis.follow import Follower
from services.chassis.jobs import Worker
from services.chassis.lanes import FollowLoop, count_parked
from services.chassis.pull import FEED_PAGE, Pull
from services.chassis.reads import Answer, Reads
from services.chassis.relay import Relay
from services.chassis.settings import SettingMissing, Settings
from services.chassis.store import Changes, Jobs, PostgresStore
from services.chassis.wake import RowBells, Wake

T = TypeVar("T")
AT_ONCE = 1.0  # seconds: a failure that took longer has made others wait already
log = structlog.get_logger()
_OFF = os.environ.get("NANUM_CLOCK_OFFSET_FILE")


def clock() -> datetime:
    """Now, in UTC. In a drill, wrong by the seconds in the file that ``NANUM_CLOCK_OFFSET_FILE`` names."""
    now = datetime.now(UTC)
    return now + _wrong_by(_OFF) if _OFF else now


def _wrong_by(path: str) -> timedelta:
    try:
        with open(path) as file:
            return timedelta(seconds=float(file.read()))
    except FileNotFoundError:
        return timedelta()


def again(attempt: Callable[[], T]) -> T:
    """Try once more when the database fails at once: a server that came back leaves dead connections behind.

    For what may be done twice: reads, and commands, which have their effect once.
    """
    began = time.monotonic()
    try:
        return attempt()
    except database.AWAY:
        if time.monotonic() - began > AT_ONCE:
            raise
        return attempt()


class Runtime:
    """A service that runs."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service, self.settings = service, settings
        self._bells, self._published, self._jobs_due = RowBells(), Wake(), Wake()
        self.store = PostgresStore(service, settings.database_url, self._committed, settings.secret.encode())
        self.reads = Reads(service, self.store, self._bells)
        self._turn = threading.Lock()
        self.relay = Relay(service, settings.database_url, Publisher(settings.amqp_url, service.name), self._published)
        jobs = Jobs(database.Pool(settings.database_url, size=2), settings.who)
        self.worker = Worker(service, self.store, jobs, clock, self._jobs_due)
        self.audit = Audit(service.name, settings.verify_at, clock)
        self.lanes = [self._lane(source) for source in service.sources]

    def _lane(self, source: str) -> FollowLoop:
        if source not in self.settings.sources:
            raise SettingMissing(f"NANUM_SOURCES lacks {source}, which {self.service.name} follows")
        pull = Pull(self.settings.sources[source], self.settings.secret)
        follower = Follower(self.service, source, self.store, pull, clock)
        return FollowLoop(follower, Inlet(self.settings.amqp_url, self.service.name, source))

    def _committed(self, changes: Changes) -> None:
        if changes.events:
            self._published.ring()
        if changes.jobs:
            self._jobs_due.ring()
        self._bells.ring(changes.writes.touched())

    def command(self, body: bytes) -> bytes:
        """Carry out a batch: ``{commands}`` to ``{outcomes}``. Raises ValueError, or what an absent database raises."""
        batch = read_batch(body)
        with self._turn:  # one at a time here too: waiting for the log's lock would only hold a connection
            outcomes = again(lambda: execute(self.store, self.service, batch, clock()))
        return b'{"outcomes":[' + b",".join(outcomes) + b"]}"

    def query(self, name: str, given: Any) -> Answer:
        """Answer a named read."""
        return again(lambda: self.reads.answer(name, given, clock()))

    def feed(self, after: int, limit: int) -> bytes:
        """A page of the published facts, as JSON."""
        page = again(lambda: self.reads.page(after, min(limit, FEED_PAGE)))
        following = page.messages[-1].pos if len(page.messages) == min(limit, FEED_PAGE) else None
        return encode({"epoch": page.epoch, "head": page.head, "data": page.messages, "next": following})

    def readiness(self) -> dict[str, Any]:
        """What is missing for work, by name; empty when ready. The broker is not needed for it."""
        missing: dict[str, Any] = {}
        try:
            parked = count_parked(self.store.reading, self.service.sources)
            if parked:
                log.debug("parked", **parked)
        except database.AWAY as error:
            missing["database"] = str(error).strip()
        halted = {f"follower.{lane.source}": lane.halted for lane in self.lanes if lane.halted}
        return missing | halted

    def loops(self) -> Iterator[Any]:
        """What runs beside the requests: each has ``run`` and ``stop``."""
        yield self.relay
        yield self.worker
        yield self.audit
        yield from self.lanes
