"""RabbitMQ: the only module that speaks to it. Postgres is the truth; the broker may stall, lie or vanish.

Every wait is bounded, and a connection that misbehaves is dropped without a good-bye, as a stalled broker would never
answer one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from kombu.connection import Connection

from services.chassis import metrics
from services.chassis.envelope import Message

log = structlog.get_logger()
PREFETCH = 400
CONFIRM_TIMEOUT = 10.0


class BrokerAway(Exception):
    """The broker can't be reached, or did not answer in time."""


def exchange_of(service: str) -> str:
    """The topic exchange that a service publishes to."""
    return f"{service}.events"


def queue_of(consumer: str, source: str) -> str:
    """The queue in which a consumer's messages from a source wait."""
    return f"{consumer}.from.{source}"


@dataclass(frozen=True)
class Stash:
    """A queue that is declared with a publisher's exchange and gets everything from it, for readers to come."""

    name: str
    arguments: Mapping[str, Any]


def stream_of(service: str) -> Stash:
    """What a service published in the last 30 days, at most 1 GiB, to be read again from any offset by any number.

    A stream drops whole segments, so these are small.
    """
    return Stash(
        f"{service}.stream",
        {
            "x-queue-type": "stream",
            "x-max-age": "30D",
            "x-max-length-bytes": 1024**3,
            "x-stream-max-segment-size-bytes": 16 * 1024**2,
        },
    )


class Lane:
    """One connection with one channel, for one purpose. Use :meth:`open` before anything else."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self.name = url, name
        self._connection: Any = None
        self.channel: Any = None

    def open(self) -> Any:
        """Connect and open the channel. Raises :class:`BrokerAway`."""
        self.drop()
        try:
            self._connection = Connection(  # type: ignore[no-untyped-call]
                self._url,
                heartbeat=15,
                connect_timeout=5,
                transport_options={
                    "read_timeout": 20,
                    "write_timeout": 10,
                    "client_properties": {"connection_name": self.name},
                },
            )
            self._connection.ensure_connection(max_retries=1, interval_start=0)
            self.channel = self._connection.channel()
        except Exception as error:
            self.drop()
            raise BrokerAway(str(error)) from None
        metrics.BROKER.labels(self.name).set(1)
        return self.channel

    @property
    def is_open(self) -> bool:
        """Whether the lane was opened and not dropped since."""
        return self.channel is not None

    def drop(self) -> None:
        """Forget the connection without waiting for the broker's consent."""
        connection, self._connection, self.channel = self._connection, None, None
        metrics.BROKER.labels(self.name).set(0)
        if connection is not None:
            try:
                connection.collect()
            except Exception as error:
                log.debug("broker_drop", error=str(error))

    def drain(self, timeout: float) -> bool:
        """Handle what the broker sends next; False when nothing came in time. Raises :class:`BrokerAway`."""
        try:
            self._connection.drain_events(timeout=timeout)
            return True
        except (TimeoutError, BlockingIOError):
            return False
        except Exception as error:
            self.drop()
            raise BrokerAway(str(error)) from None

    def beat(self) -> None:
        """Send and check heartbeats. Raises :class:`BrokerAway` when the broker has fallen silent."""
        try:
            self._connection.heartbeat_check()
        except Exception as error:
            self.drop()
            raise BrokerAway(str(error)) from None


class Publisher:
    """Publishes one service's messages, each persistent and confirmed; hundreds of confirms are in flight at a time.

    Its stash is the stream of the service, unless another is given.
    """

    def __init__(self, url: str, service: str, stash: Stash | None = None) -> None:
        self._lane = Lane(url, f"{service}.relay")
        self._exchange = exchange_of(service)
        self._stash = stash or stream_of(service)
        self._waiting: set[int] = set()
        self._refused = 0

    def open(self) -> None:
        """Connect when not connected. Raises :class:`BrokerAway`."""
        if self._lane.is_open:
            return
        channel = self._lane.open()
        self._waiting.clear()
        self._sent = 0
        try:
            channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)
            stash = dict(self._stash.arguments)
            channel.queue_declare(self._stash.name, durable=True, auto_delete=False, arguments=stash)
            channel.queue_bind(self._stash.name, self._exchange, "#")
            channel.confirm_select()
        except Exception as error:
            self._lane.drop()
            raise BrokerAway(str(error)) from None
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._nacked)
        channel.events["basic_return"].add(self._returned)

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish in order and wait for every confirm. Raises :class:`BrokerAway`: then publish again."""
        self.open()
        self._refused = 0
        try:
            for message in messages:
                self._send(message)
        except Exception as error:
            self._lane.drop()
            raise BrokerAway(str(error)) from None
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        while self._waiting:
            left = deadline - time.monotonic()
            if left <= 0 or not self._lane.drain(left):
                self._lane.drop()
                raise BrokerAway("the broker did not confirm in time")
        if self._refused:
            self._lane.drop()
            raise BrokerAway(f"the broker refused {self._refused} messages")

    def _send(self, message: Message) -> None:
        channel = self._lane.channel
        amqp = channel.prepare_message(
            message.body(),
            content_type="application/json",
            content_encoding="utf-8",
            headers=message.headers(),
            properties={"delivery_mode": 2, "message_id": message.id, "type": message.type},
        )
        self._sent += 1
        self._waiting.add(self._sent)
        channel.basic_publish(amqp, exchange=self._exchange, routing_key=message.type, mandatory=True)

    def _confirmed(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._waiting = {waiting for waiting in self._waiting if waiting > tag}
        else:
            self._waiting.discard(tag)

    def _nacked(self, tag: int, multiple: bool) -> None:
        self._refused += 1
        self._confirmed(tag, multiple)

    def _returned(self, *returned: Any) -> None:
        # No queue is bound: somebody deleted them. A consumer reads the feed from the start, so nothing is lost.
        metrics.UNROUTABLE.inc()

    def beat(self) -> None:
        """Keep an idle connection alive; a dead one is dropped and opened again by the next publish."""
        if self._lane.is_open:
            self._lane.drain(0)
            if self._lane.is_open:
                self._lane.beat()

    def close(self) -> None:
        """Let go of the connection."""
        self._lane.drop()


Delivery = tuple[int, Any, bytes]


def body_of(message: Any) -> bytes:
    """The body as it was sent; the client decodes what names its encoding."""
    return message.body.encode() if isinstance(message.body, str) else bytes(message.body)


class Inlet:
    """One consumer's queue of one source: a quorum queue with a single active consumer, drained in batches."""

    def __init__(self, url: str, consumer: str, source: str) -> None:
        self._lane = Lane(url, queue_of(consumer, source))
        self._consumer, self._source = consumer, source
        self._arrived: list[Delivery] = []

    def open(self) -> None:
        """Connect, declare the queue and what it needs, and begin to receive. Raises :class:`BrokerAway`."""
        channel = self._lane.open()
        self._arrived.clear()
        queue, dead = queue_of(self._consumer, self._source), f"{self._consumer}.dead"
        try:
            channel.exchange_declare(dead, "fanout", durable=True, auto_delete=False)
            channel.queue_declare(dead, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(dead, dead, "")
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=_queue_arguments(dead))
            channel.exchange_declare(exchange_of(self._source), "topic", passive=True)
            channel.queue_bind(queue, exchange_of(self._source), "#")
            channel.basic_qos(0, PREFETCH, False)
            channel.basic_consume(queue, callback=self._arrive, consumer_tag=queue)
        except Exception as error:
            self._lane.drop()
            raise BrokerAway(str(error)) from None

    def _arrive(self, message: Any) -> None:
        self._arrived.append((message.delivery_tag, message.properties, body_of(message)))

    @property
    def is_open(self) -> bool:
        """Whether deliveries can arrive."""
        return self._lane.is_open

    def take(self, timeout: float) -> list[Delivery]:
        """What has arrived, waiting up to ``timeout`` seconds for the first. Raises :class:`BrokerAway`."""
        self._lane.beat()
        if not self._arrived:
            self._lane.drain(timeout)
        while len(self._arrived) < PREFETCH and self._lane.drain(0):
            pass
        taken, self._arrived = self._arrived, []
        return taken

    def done(self, last: Delivery) -> None:
        """Acknowledge all deliveries up to this one. Raises :class:`BrokerAway`."""
        self._settle(lambda: self._lane.channel.basic_ack(last[0], multiple=True))

    def reject(self, delivery: Delivery) -> None:
        """Send a delivery that is no message at all to the dead letters. Raises :class:`BrokerAway`."""
        self._settle(lambda: self._lane.channel.basic_reject(delivery[0], requeue=False))

    def _settle(self, settle: Callable[[], None]) -> None:
        try:
            settle()
        except Exception as error:
            self._lane.drop()
            raise BrokerAway(str(error)) from None

    def close(self) -> None:
        """Let go; what was not acknowledged is delivered again."""
        self._lane.drop()


def _queue_arguments(dead: str) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": 100,
        "x-dead-letter-exchange": dead,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
