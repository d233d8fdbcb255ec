"""One service's process: a command port, a relay, consumers and a worker, each doing one thing at a time.

All of it is volatile; what a crash leaves is the disk. The code that acts is the services' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drills.simulation.adapters import mails
from drills.simulation.broker import MemoryBus, MemoryConsumer
from drills.simulation.disk import Disk
from drills.simulation.memory import MemoryJobQueue, MemoryOutbox, MemoryParkedEvents, MemoryStore
from drills.simulation.stage import Postponed
from drills.simulation.surroundings import Surroundings
from services.chassis.commands.handler import CommandMessage, execute
from services.chassis.foundation import database
from services.chassis.foundation.codec import convert, decode, encode
from services.chassis.foundation.signals import Signal
from services.chassis.jobs.worker import Worker
from services.chassis.messaging import consumer_loop
from services.chassis.messaging.feed import Page
from services.chassis.messaging.parked import Retrier
from services.chassis.messaging.rabbitmq import BrokerUnavailable
from services.chassis.messaging.relay import Relay
from services.chassis.messaging.subscriber import SourceUnavailable, Subscriber

FEED_INTERVAL = timedelta(seconds=consumer_loop.FEED_INTERVAL)


class Crash(BaseException):
    """The process dies here and now, whatever it was doing."""


@dataclass
class Request:
    """One command, and what came back; ``under_way`` counts the copies that may still be carried out."""

    service: str
    message: CommandMessage
    answers: list[bytes] = field(default_factory=list)
    under_way: int = 0

    def __str__(self) -> str:
        return f"{self.service}.{self.message.name} {self.message.id}"


class Process:
    """A service, running or crashed. ``*_unavailable`` are the chances that a database or a feed does not answer."""

    def __init__(self, surroundings: Surroundings, disk: Disk) -> None:
        self.surroundings, self.disk, self.name = surroundings, disk, disk.service.name
        self.database_unavailable = self.feed_unavailable = 0.0
        self.skew = timedelta(0)
        self.doomed = 0  # how many more points are passed until it crashes; 0: it does not
        self.up, self.back_at, self.boots = False, 0, 0
        self.inbox: list[Request] = []
        self.actors: list[Any] = []

    def boot(self, processes: Mapping[str, "Process"]) -> None:
        """Start with nothing but the disk. ``processes`` holds the sources."""
        self.store = MemoryStore(self.disk, self.reach_database)
        self.consuming = [Consuming(self, processes[source]) for source in self.disk.service.sources]
        self.actors = [CommandPort(self), Relaying(self), Working(self), *self.consuming]
        self.up, self.doomed, self.boots = True, 0, self.boots + 1

    def kill(self, back_at: int) -> None:
        """Everything in memory is gone; the requests that wait get no answer."""
        self.up, self.back_at = False, back_at
        for consuming in self.consuming:
            consuming.consumer.close()
        for request in self.inbox:
            request.under_way -= 1
        self.inbox.clear()

    def clock(self) -> datetime:
        """This machine's idea of the time."""
        return self.surroundings.now + self.skew

    def few(self) -> int:
        """How much is taken at once now."""
        return self.surroundings.few(self.surroundings.most)

    def reach(self, name: str) -> None:
        """Pass a point at which the process may have to die."""
        if self.doomed:
            self.doomed -= 1
            if not self.doomed:
                raise Crash(name)

    def reach_database(self, where: str) -> None:
        """The way to the database. Raises what an absent database raises."""
        self.reach(f"database.{where}")
        if self.surroundings.happens(self.database_unavailable):
            raise database.UNAVAILABLE[0](f"the database went away ({where})")

    def read_feed(self, after: int) -> Page:
        """The feed, as another service reads it over HTTP. Raises :class:`SourceUnavailable`."""
        happens, few = self.surroundings.happens, self.surroundings.few
        if not self.up or happens(self.feed_unavailable) or happens(self.database_unavailable):
            raise SourceUnavailable(f"{self.name} does not answer")
        page = self.disk.page(after, few(2 * self.surroundings.most))
        return convert(decode(encode(page)), Page)


class CommandPort:
    """Takes commands, a few in one batch, and answers unless the reply is lost."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.name = f"{process.name}.commands"

    @property
    def ready(self) -> bool:
        """Whether a request waits."""
        return bool(self._process.inbox)

    def step(self) -> str:
        """Carry out a batch."""
        process, surroundings = self._process, self._process.surroundings
        batch = process.inbox[: process.few()]
        del process.inbox[: len(batch)]
        for request in batch:
            request.under_way -= 1
        try:
            messages = [request.message for request in batch]
            outcomes = execute(process.store, process.disk.service, messages, process.clock())
        except database.UNAVAILABLE as error:
            return f"no answer: {error}"
        for request, outcome in zip(batch, outcomes, strict=True):
            if not surroundings.happens(surroundings.replies_lost):
                request.answers.append(outcome)
        return b" ".join(outcomes).decode()


class Relaying:
    """Publishes what is new."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.name = f"{process.name}.relay"
        bus = MemoryBus(process.surroundings.broker, process.name)
        self._relay = Relay(process.disk.service, "", bus, Signal())
        self._outbox = MemoryOutbox(process.disk, process.reach_database, process.few)

    @property
    def ready(self) -> bool:
        """Whether something is to be published, and the broker will ever be there."""
        return self._process.disk.relay_cursor < self._process.disk.head and not self._process.surroundings.broker_gone

    def step(self) -> str:
        """Publish a batch."""
        try:
            self._relay.step(self._outbox)
        except (*database.UNAVAILABLE, BrokerUnavailable) as error:
            return str(error)
        return f"at {self._process.disk.relay_cursor}"


class Working:
    """Claims jobs, and does those it has claimed in any order."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.name = f"{process.name}.worker"
        self._queue = MemoryJobQueue(process.disk, process.reach_database)
        service, surroundings = process.disk.service, process.surroundings
        adapter = {"billing": surroundings.terminal, "notifications": mails(process.disk, surroundings.mailbox)}
        adapters = {effect.adapter: adapter[service.name] for effect in service.effect_of.values()}
        self._worker = Worker(service, process.store, self._queue, process.clock, Signal(), adapters)
        self._claimed: list[dict[str, Any]] = []
        self._begun = False

    @property
    def ready(self) -> bool:
        """Whether a job is at hand or due."""
        due = self._queue.next_due()
        return not self._begun or bool(self._claimed) or (due is not None and due <= self._process.clock())

    def step(self) -> str:
        """Claim, or do one."""
        if not self._claimed:
            try:
                self._begun = self._begun or self._worker.begin()
                self._claimed = self._worker.claim()
            except database.UNAVAILABLE as error:
                return str(error)
            return f"claimed {len(self._claimed)}"
        job = self._claimed.pop(self._process.surroundings.below(len(self._claimed)))
        self._worker.do(job)
        return f"{job['name']} {job['id']}"


class Consuming:
    """Takes in one source: from the queue when it has something, from the feed when it is silent or unavailable."""

    def __init__(self, process: Process, source: Process) -> None:
        self._process, self._source, self._surroundings = process, source, process.surroundings
        self.name = f"{process.name}.from.{source.name}"
        self.consumer = MemoryConsumer(self._surroundings.broker, process.name, source.name, process.few)
        service, clock = process.disk.service, process.clock
        subscriber = Subscriber(service, source.name, process.store, source.read_feed, clock, self._steady)
        parked: Any = MemoryParkedEvents(process.disk, process.reach_database)
        consumer: Any = self.consumer
        self._loop = consumer_loop.ConsumerLoop(subscriber, consumer, Retrier(subscriber, parked, self._steady))
        self._held: list[Any] = []
        self._read_at = self._surroundings.now - FEED_INTERVAL

    def _steady(self) -> float:
        return self._surroundings.now.timestamp()

    @property
    def position(self) -> int:
        """The cursor."""
        return self._process.disk.subscriptions.get(self._source.name, ("", 0))[1]

    @property
    def lags(self) -> bool:
        """Whether the feed has more than was taken in."""
        return self.position < self._source.disk.head and not self._surroundings.feeds_gone

    @property
    def will_act(self) -> bool:
        """Whether there will be something to do when a little time has passed."""
        parked = self._process.disk.parked.values()
        return self.lags or any(p.out_of_order and p.source == self._source.name for p in parked)

    @property
    def ready(self) -> bool:
        """Whether there is something to do."""
        if self._held or self.consumer.waits or self._loop.retrier.due:
            return True
        if not self.consumer.is_open and not self._surroundings.broker_gone:
            return True
        return self.lags and self._surroundings.now - self._read_at >= FEED_INTERVAL

    def step(self) -> str:
        """One round of the loop."""
        try:
            self._round()
        except Postponed as held:
            return f"held {len(self._held)}: {held}"
        except BrokerUnavailable as error:
            self._held = []
            self._read_feed()
            self._loop.retry_parked()
            return f"{error}, at {self.position}"
        return f"at {self.position}"

    def _round(self) -> None:
        if not self.consumer.is_open:
            self._held = []
            self.consumer.open()
            return self._read_feed()
        self._held = self._held or self.consumer.take(0)
        if self._held:
            self._loop.receive(self._held)
            self._held = []
        elif not self._loop.retrier.due:
            self._read_feed()
        self._loop.retry_parked()

    def _read_feed(self) -> None:
        self._read_at = self._surroundings.now
        self._loop.read_feed()
