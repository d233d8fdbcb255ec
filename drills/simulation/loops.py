"""The loops of a process, each doing one thing at a time: command port, relay, worker, consumers; the code is real."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from drills.simulation.adapters import mails
from drills.simulation.broker import MemoryBus, MemoryConsumer
from drills.simulation.disk import NOWHERE
from drills.simulation.machine import Machine
from drills.simulation.memory import MemoryJobQueue, MemoryOutbox, MemoryParkedEvents
from drills.simulation.stage import Postponed
from services.chassis.commands.handler import execute
from services.chassis.foundation import database
from services.chassis.foundation.signals import Signal
from services.chassis.jobs.worker import Worker
from services.chassis.messaging import consumer_loop
from services.chassis.messaging.feed import Page
from services.chassis.messaging.parked import Retrier
from services.chassis.messaging.rabbitmq import BrokerUnavailable
from services.chassis.messaging.relay import Relay
from services.chassis.messaging.same_log import Halted
from services.chassis.messaging.subscriber import SourceUnavailable, Subscriber

FEED_INTERVAL = timedelta(seconds=consumer_loop.FEED_INTERVAL)


class CommandPort:
    """Takes commands, a few in one batch, and answers unless the reply is lost."""

    def __init__(self, process: Machine) -> None:
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
    """Publishes what is new, while its session leads."""

    def __init__(self, process: Machine) -> None:
        self._process = process
        self.name = f"{process.name}.relay"
        bus = MemoryBus(process.surroundings.broker, process.service)
        self._relay = Relay(process.disk.service, "", bus, Signal())
        self._outbox = self._session()

    def _session(self) -> MemoryOutbox:
        process = self._process
        return MemoryOutbox(process.disk, process.reach_database, process.few, lambda: process.surroundings.now)

    @property
    def will_act(self) -> bool:
        """Whether something is to be published, and the broker will ever be there."""
        return self._process.disk.relay_cursor < self._process.disk.head and not self._process.surroundings.broker_gone

    @property
    def ready(self) -> bool:
        """Whether it could publish now."""
        return self._outbox.may_lead and self.will_act

    def step(self) -> str:
        """Publish a batch."""
        outbox = self._outbox
        try:
            if self._process.disk.leader is not outbox and not outbox.lead():
                return "stands by"
            outbox.resting = False
            self._relay.step(outbox)
        except database.UNAVAILABLE as error:
            self.lose_session()
            return str(error)
        except BrokerUnavailable as error:
            outbox.resting = True
            return str(error)
        outbox.resting = True
        return f"at {self._process.disk.relay_cursor}"

    def lose_session(self) -> None:
        """The session is lost. The server sees it at once, or when it has been silent for long enough."""
        self._outbox.resting = False
        if self._process.surroundings.happens(0.5):
            self._outbox.end()
        self._outbox = self._session()


class Working:
    """Claims jobs, and does those it has claimed in any order."""

    def __init__(self, process: Machine) -> None:
        self._process = process
        self.name = f"{process.name}.worker"
        self._queue = MemoryJobQueue(process.disk, process.reach_database, process.name)
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

    def __init__(self, process: Machine, source: str, places: Sequence[Machine]) -> None:
        self._process, self._source, self._surroundings = process, source, process.surroundings
        self._places, self._log = places, places[0].disk
        self.name = f"{process.name}.from.{source}"
        self.consumer = MemoryConsumer(self._surroundings.broker, process.service, source, process.few)
        service, clock = process.disk.service, process.clock
        subscriber = Subscriber(service, source, process.store, self._feed, clock, self._steady)
        parked: Any = MemoryParkedEvents(process.disk, process.reach_database)
        consumer: Any = self.consumer
        self._loop = consumer_loop.ConsumerLoop(subscriber, consumer, Retrier(subscriber, parked, self._steady))
        self._held: list[Any] = []
        self.halted = ""
        self._read_at = self._surroundings.now - FEED_INTERVAL

    def _steady(self) -> float:
        return self._surroundings.now.timestamp()

    def _feed(self, after: int) -> Page:
        up = [process for process in self._places if process.up]
        if not up:
            raise SourceUnavailable(f"{self._source} does not answer")
        page = up[self._surroundings.below(len(up))].read_feed(after)
        if self._surroundings.happens(0.05):
            self._surroundings.meanwhile()
        return page

    @property
    def position(self) -> int:
        """The cursor."""
        moved = self._process.disk.subscriptions.get(self._source)
        return moved.position if moved else 0

    @property
    def lags(self) -> bool:
        """Whether the feed ends elsewhere than the cursor is."""
        moved, log = self._process.disk.subscriptions.get(self._source), self._log
        return (moved[2:5] if moved else NOWHERE) != log.last and not self._surroundings.feeds_gone

    @property
    def will_act(self) -> bool:
        """Whether there will be something to do when a little time has passed."""
        parked = self._process.disk.parked.values()
        return not self.halted and (self.lags or any(p.out_of_order and p.source == self._source for p in parked))

    @property
    def ready(self) -> bool:
        """Whether there is something to do."""
        if self.halted:
            return False
        if self._held or self.consumer.waits or self._loop.retrier.due:
            return True
        if not self.consumer.is_open and not self._surroundings.broker_gone:
            return True
        return self.lags and self._surroundings.now - self._read_at >= FEED_INTERVAL

    def step(self) -> str:
        """One round of the loop."""
        try:
            return self._connected()
        except Postponed as held:
            return f"held {len(self._held)}: {held}"
        except Halted as why:
            self.halted = str(why)
            return f"halted: {why}"

    def _connected(self) -> str:
        try:
            self._round()
        except BrokerUnavailable as error:
            self._held = []
            self._read_feed()
            self._loop.retry_parked()
            return f"{error}, at {self.position}"
        return f"at {self.position}"

    def _round(self) -> None:
        if not self._held and not self.consumer.is_open:
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
