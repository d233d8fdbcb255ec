"""One service at run time: store, queries, relay, subscribers and worker wired together, without nameko."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from services.chassis.commands.handler import CommandMessage, execute
from services.chassis.eventstore.store import PostgresStore
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation import database
from services.chassis.foundation.codec import Malformed, decode, encode
from services.chassis.foundation.settings import SettingMissing, Settings
from services.chassis.foundation.signals import Signal
from services.chassis.jobs.queue import PostgresJobQueue
from services.chassis.jobs.worker import Worker
from services.chassis.messaging.changes import LogWatch
from services.chassis.messaging.consumer_loop import ConsumerLoop
from services.chassis.messaging.feed_client import FeedClient
from services.chassis.messaging.parked import ParkedEvents, Retrier
from services.chassis.messaging.rabbitmq import Consumer, Publisher
from services.chassis.messaging.relay import Relay
from services.chassis.messaging.subscriber import Subscriber
from services.chassis.process.loop import Loop
from services.chassis.process.readiness import Readiness
from services.chassis.readmodels.nightly_verify import NightlyVerify
from services.chassis.readmodels.query_handler import QueryHandler, QueryResult
from services.chassis.service import Service
from services.contracts import SERVICES

T = TypeVar("T")
AT_ONCE = 1.0  # seconds: a failure that took longer has made others wait already
_OFFSET_FILE = os.environ.get("NANUM_CLOCK_OFFSET_FILE", "")
_Body = dict[str, list[CommandMessage]]


def service_named(name: str) -> Service:
    """A service's definition. Raises SettingMissing when there is none of that name."""
    if name not in SERVICES:
        raise SettingMissing(f"there is no service {name}; there are {', '.join(SERVICES)}")
    service: Service = import_module(f"services.{name}.service").SERVICE
    return service


def _wrong_clock() -> datetime:
    """Now, wrong by the seconds in the file that ``NANUM_CLOCK_OFFSET_FILE`` names: for drills."""
    now = datetime.now(UTC)
    try:
        with open(_OFFSET_FILE) as file:
            return now + timedelta(seconds=float(file.read()))
    except FileNotFoundError:
        return now


clock: Callable[[], datetime] = _wrong_clock if _OFFSET_FILE else partial(datetime.now, UTC)


def twice(attempt: Callable[..., T], *arguments: Any) -> T:
    """Try once more when the database fails at once: a server that came back leaves dead connections behind.

    For what may be done twice: reads, and commands, which take effect once.
    """
    began = time.monotonic()
    try:
        return attempt(*arguments)
    except database.UNAVAILABLE:
        if time.monotonic() - began > AT_ONCE:
            raise
        return attempt(*arguments)


class Runtime:
    """A service that runs."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service, self.settings = service, settings
        self._published, self._jobs_due = Signal(), Signal()
        self.store = PostgresStore(service, settings.database_url, self._committed, settings.fingerprint_key.encode())
        self.queries = QueryHandler(service, self.store)
        self.log_watch = LogWatch(settings.database_url, self.store.reading, self._wake)
        self._one_at_a_time = threading.Lock()
        publisher = Publisher(settings.amqp_url, service.name)
        self.relay = Relay(service, settings.database_url, publisher, self._published)
        queue = PostgresJobQueue(database.Pool(settings.database_url, size=2), settings.worker)
        self.worker = Worker(service, self.store, queue, clock, self._jobs_due)
        self.nightly_verify = NightlyVerify(service.name, settings.verify_at, clock)
        self.loops = [
            Loop("relay", "other services and analysts hear late", self.relay),
            Loop("worker", "scheduled commands and effects are late", self.worker),
            Loop("log_watch", "clients that wait, and other processes of this service, hear late", self.log_watch),
            Loop("nightly_verify", "the views are not verified", self.nightly_verify),
            *(
                Loop(f"subscriber.{source}", f"what {source} publishes is taken in late", self._consumer_loop(source))
                for source in service.sources
            ),
        ]
        self.readiness = Readiness(service, settings.database_url, self.loops)

    def _consumer_loop(self, source: str) -> ConsumerLoop:
        if source not in self.settings.sources:
            raise SettingMissing(f"NANUM_SOURCES lacks {source}, which {self.service.name} subscribes to")
        feed = FeedClient(self.settings.sources[source], self.settings.secret)
        subscriber = Subscriber(self.service, source, self.store, feed, clock)
        consumer = Consumer(self.settings.amqp_url, self.service.name, source)
        return ConsumerLoop(subscriber, consumer, Retrier(subscriber, ParkedEvents(self.store.pool)))

    def _committed(self, uow: UnitOfWork) -> None:
        if uow.events:
            self._published.notify()
            self.log_watch.committed()
        if uow.jobs:
            self._jobs_due.notify()

    def _wake(self) -> None:
        """Another process of this service has written events, and perhaps jobs."""
        self._published.notify()
        self._jobs_due.notify()

    def command(self, body: bytes) -> bytes:
        """Carry out a batch: ``{commands}`` to ``{outcomes}``. Raises ValueError, or what an absent database raises."""
        try:
            batch = decode(body, type=_Body)["commands"]
        except (Malformed, KeyError) as wrong:
            raise ValueError(f"the body is no batch of commands: {wrong}") from None
        with self._one_at_a_time:  # here too: waiting for the log's lock would only hold a connection
            outcomes = twice(execute, self.store, self.service, batch, clock())
        return b'{"outcomes":[' + b",".join(outcomes) + b"]}"

    def query(self, name: str, given: Mapping[str, str]) -> QueryResult:
        """Answer a named read."""
        return twice(self.queries.handle, name, given, clock())

    def feed(self, after: int, limit: int, centre: str | None) -> bytes:
        """A page of the published events of a centre, or of all, as JSON."""
        page = twice(self.queries.page, after, limit, centre)
        following = page.messages[-1].position if page.more else None
        told = {name: value for name, value in vars(page).items() if name not in ("messages", "more")}
        return encode({**told, "data": page.messages, "next": following})

    def changes(self, after: int | None, wait: float, centre: str | None) -> bytes:
        """The streams that have events behind a position, as JSON; waits for the first."""
        return encode(twice(self.log_watch.changes, after, wait, centre))
