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
    """What waits for one consumer of one source, and what it was given and has not settled."""

    waiting: list[Parcel] = field(default_factory=list)
    given: dict[int, Parcel] = field(default_factory=dict)

    def give_again(self) -> None:
        """The consumer is gone: what it did not settle waits again, where it waited before."""
        self.waiting[:0] = self.given.values()
        self.given.clear()


class Broker:
    """All queues. ``unavailable`` is the chance that it can't be reached; ``dead`` counts what was rejected."""

    def __init__(self, happens: Happens) -> None:
        self._happens = happens
        self.unavailable = 0.0
        self.queues: dict[tuple[str, str], Queue] = {}
        self.connected: set[tuple[str, str]] = set()
        self.dead = 0

    def reach(self) -> None:
        """Raises :class:`BrokerUnavailable` when it can't be reached."""
        if self._happens(self.unavailable):
            raise BrokerUnavailable("the broker is away")

    def declare(self, place: tuple[str, str]) -> Queue:
        """The queue of (consumer, source)."""
        return self.queues.setdefault(place, Queue())

    def close(self, place: tuple[str, str]) -> None:
        """A consumer's connection is gone."""
        self.connected.discard(place)
        if place in self.queues:
            self.queues[place].give_again()

    def break_connections(self) -> None:
        """All connections are gone."""
        for place in sorted(self.connected):
            self.close(place)

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
        bound = [queue for (_, source), queue in self._broker.queues.items() if source == self._source]
        for message in messages:
            self._broker.reach()
            parcel = (dict(message.headers()), message.body())
            for queue in bound:
                queue.waiting.append(parcel)
        self._broker.reach()
        return len(messages)

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
        return self.place in self._broker.connected

    @property
    def waits(self) -> bool:
        """Whether something could be taken."""
        return self.is_open and bool(self._broker.queues[self.place].waiting)

    def open(self) -> None:
        """Connect and declare the queue."""
        self._broker.reach()
        self._broker.close(self.place)
        self._broker.declare(self.place)
        self._broker.connected.add(self.place)

    def take(self, timeout: float) -> list[Delivery]:
        """Some of what waits."""
        queue, taken = self._queue(), []
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
        self._broker.close(self.place)

    def _queue(self) -> Queue:
        if not self.is_open:
            raise BrokerUnavailable("the connection is gone")
        try:
            self._broker.reach()
        except BrokerUnavailable:
            self._broker.close(self.place)
            raise
        return self._broker.queues[self.place]
