"""The broker as it may be: queues that lose, double, delay and shuffle, connections that break, and a disk wiped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.chassis.messaging.envelope import Message
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Delivery

Happens = Callable[[float], bool]
Parcel = tuple[dict[str, Any], bytes]  # headers, body
GARBAGE: Parcel = ({"nonsense": "1"}, b"{}")


@dataclass
class Queue:
    """What waits for the consumers of one source, and what the active one was given and has not settled.

    Of the consumers that are connected the first is the active one; the others stand by.
    """

    waiting: list[Parcel] = field(default_factory=list)
    given: dict[int, Parcel] = field(default_factory=dict)
    consumers: list[Any] = field(default_factory=list)

    def leave(self, consumer: Any) -> None:
        """A consumer is gone: what the active one did not settle waits again, where it waited before."""
        if self.consumers and self.consumers[0] is consumer:
            self.waiting[:0] = self.given.values()
            self.given.clear()
        if consumer in self.consumers:
            self.consumers.remove(consumer)


class Broker:
    """All queues. ``unavailable`` is the chance that it can't be reached; ``refuses`` that it takes a message and says
    no, or only into some queues; ``slow`` that confirms take long. ``dead`` counts what was rejected.
    """

    def __init__(self, happens: Happens, meanwhile: Callable[[], None]) -> None:
        self.happens, self.meanwhile = happens, meanwhile
        self.unavailable = self.refuses = self.slow = 0.0
        self.queues: dict[tuple[str, str], Queue] = {}
        self.dead = 0

    def reach(self) -> None:
        """Raises :class:`BrokerUnavailable` when it can't be reached."""
        if self.happens(self.unavailable):
            raise BrokerUnavailable("the broker is away")

    def break_connections(self) -> None:
        """All connections are gone."""
        for queue in self.queues.values():
            while queue.consumers:
                queue.leave(queue.consumers[0])

    def wipe(self) -> None:
        """Every queue is gone with what was in it."""
        self.break_connections()
        self.queues.clear()


class MemoryBus:
    """What the relay publishes to."""

    def __init__(self, broker: Broker, source: str) -> None:
        self._broker, self._source = broker, source

    def publish(self, messages: list[Message], meanwhile: Callable[[], object] = bool) -> int:
        """Put each message into every queue that is there. May break on the way, and after the last, too."""
        broker, refused = self._broker, len(messages)
        bound = [queue for (_, source), queue in broker.queues.items() if source == self._source]
        for number, message in enumerate(messages):
            broker.reach()
            parcel = (dict(message.headers()), message.body())
            for queue in bound:
                if broker.happens(broker.refuses):
                    refused = min(refused, number)
                else:
                    queue.waiting.append(parcel)
        if broker.happens(broker.slow):
            broker.meanwhile()
            meanwhile()
        broker.reach()
        if not refused:
            raise BrokerUnavailable("the broker refused the first message")
        return refused

    def heartbeat(self) -> None:
        """Nothing to keep alive."""

    def close(self) -> None:
        """Nothing to close."""


class MemoryConsumer:
    """One consumer's connection to its queue."""

    def __init__(self, broker: Broker, consumer: str, source: str, most: Callable[[], int]) -> None:
        self._broker, self._most = broker, most
        self.place = (consumer, source)
        self._tag = 0

    @property
    def is_open(self) -> bool:
        """Whether the connection holds."""
        queue = self._broker.queues.get(self.place)
        return queue is not None and self in queue.consumers

    @property
    def waits(self) -> bool:
        """Whether something could be taken."""
        queue = self._broker.queues.get(self.place)
        return queue is not None and queue.consumers[:1] == [self] and bool(queue.waiting)

    def open(self) -> None:
        """Connect and declare the queue."""
        self._broker.reach()
        self.close()
        self._broker.queues.setdefault(self.place, Queue()).consumers.append(self)

    def take(self, timeout: float) -> list[Delivery]:
        """Some of what waits, for the active consumer."""
        queue, taken = self._queue(), []
        if queue.consumers[0] is not self:
            return []
        for parcel in queue.waiting[: self._most()]:
            self._tag += 1
            queue.given[self._tag] = parcel
            taken.append((self._tag, {"application_headers": parcel[0]}, parcel[1]))
        del queue.waiting[: len(taken)]
        return taken

    def done(self, last: Delivery) -> None:
        """Settle everything up to ``last``."""
        queue = self._queue()
        for tag in [tag for tag in queue.given if tag <= last[0]]:
            del queue.given[tag]

    def reject(self, delivery: Delivery) -> None:
        """To the dead letters."""
        if self._queue().given.pop(delivery[0], None):
            self._broker.dead += 1

    def close(self) -> None:
        """Let go."""
        if queue := self._broker.queues.get(self.place):
            queue.leave(self)

    def _queue(self) -> Queue:
        if not self.is_open:
            raise BrokerUnavailable("the connection is gone")
        try:
            self._broker.reach()
        except BrokerUnavailable:
            self.close()
            raise
        return self._broker.queues[self.place]
