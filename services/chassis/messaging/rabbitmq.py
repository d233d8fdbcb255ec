"""RabbitMQ: the only module that speaks to it. Every wait is bounded.

A connection that fails is dropped without a closing handshake, as a stalled broker never answers one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kombu.connection import Connection as KombuConnection

from services.chassis.foundation import metrics
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.queues import DEAD_QUEUE, QUEUE, QueueSpec, exchange_of, queue_of, stream_of

log = structlog.get_logger()
PREFETCH = 400
CONFIRM_TIMEOUT = 20.0  # seconds without any confirm
BEAT = 2.0  # seconds of waiting after which a publisher is told that it still waits


class BrokerUnavailable(Exception):
    """The broker can't be reached, or did not answer in time."""


class Connection:
    """One connection with one channel, for one purpose. Use :meth:`open` first; ``channel`` is None until then."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self.name = url, name
        self._connection: Any = None
        self.channel: Any = None

    def open(self) -> Any:
        """Connect and open the channel. Raises :class:`BrokerUnavailable`."""
        self.drop()
        try:
            self._connection = KombuConnection(  # type: ignore[no-untyped-call]
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
            raise BrokerUnavailable(str(error)) from None
        metrics.BROKER.labels(self.name).set(1)
        return self.channel

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
        """Handle what the broker sends next; False when nothing came in time. Raises :class:`BrokerUnavailable`."""
        try:
            self._connection.drain_events(timeout=timeout)
            return True
        except (TimeoutError, BlockingIOError):
            return False
        except Exception as error:
            self.drop()
            raise BrokerUnavailable(str(error)) from None

    def heartbeat(self) -> None:
        """Send and check heartbeats. Raises :class:`BrokerUnavailable` when the broker has fallen silent."""
        try:
            self._connection.heartbeat_check()
        except Exception as error:
            self.drop()
            raise BrokerUnavailable(str(error)) from None


class Publisher:
    """Publishes one service's messages, each persistent and confirmed; hundreds of confirms are in flight at a time.

    Its queue is the stream of the service, unless another is given.
    """

    def __init__(self, url: str, service: str, queue: QueueSpec | None = None) -> None:
        self._connection = Connection(url, f"{service}.relay")
        self._exchange = exchange_of(service)
        self._queue = queue or stream_of(service)
        self._waiting: set[int] = set()
        self._refused: set[int] = set()

    def open(self) -> None:
        """Connect. Raises :class:`BrokerUnavailable`."""
        channel = self._connection.open()
        self._waiting.clear()
        self._sent = 0
        try:
            channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)
            queue = dict(self._queue.arguments)
            channel.queue_declare(self._queue.name, durable=True, auto_delete=False, arguments=queue)
            channel.queue_bind(self._queue.name, self._exchange, "#")
            channel.confirm_select()
        except Exception as error:
            self._connection.drop()
            raise BrokerUnavailable(str(error)) from None
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._nacked)

    def publish(self, messages: Sequence[Message], meanwhile: Callable[[], object] = bool) -> int:
        """Publish in order and wait for the confirms; returns how many from the first on are safe.

        ``meanwhile`` is called every 2 s while a slow broker is waited for. Raises :class:`BrokerUnavailable` when none
        is safe: then publish again.
        """
        if self._connection.channel is None:
            self.open()
        before, why = self._sent, "the broker refused the message"
        self._waiting.clear()
        self._refused.clear()
        try:
            for message in messages:
                self._send(message)
            confirmed_at = time.monotonic()
            while left := len(self._waiting):
                if not self._connection.drain(BEAT):
                    meanwhile()
                if len(self._waiting) < left:
                    confirmed_at = time.monotonic()
                elif time.monotonic() - confirmed_at > CONFIRM_TIMEOUT:
                    raise BrokerUnavailable("the broker did not confirm in time")
        except BrokerUnavailable as error:
            why = str(error)
        unsafe = self._waiting | self._refused
        if unsafe:
            self._connection.drop()
        safe = min(unsafe) - 1 - before if unsafe else self._sent - before
        if not safe:
            raise BrokerUnavailable(why)
        return safe

    def _send(self, message: Message) -> None:
        channel = self._connection.channel
        amqp = channel.prepare_message(
            message.body(),
            content_type="application/json",
            content_encoding="utf-8",
            headers=message.headers(),
            properties={"delivery_mode": 2, "message_id": message.id, "type": message.type},
        )
        self._sent += 1
        self._waiting.add(self._sent)
        try:
            channel.basic_publish(amqp, exchange=self._exchange, routing_key=message.type)
        except Exception as error:
            self._connection.drop()
            raise BrokerUnavailable(str(error)) from None

    def _confirmed(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._waiting = {waiting for waiting in self._waiting if waiting > tag}
        else:
            self._waiting.discard(tag)

    def _nacked(self, tag: int, multiple: bool) -> None:
        self._refused |= {waiting for waiting in self._waiting if waiting == tag or (multiple and waiting < tag)}
        self._confirmed(tag, multiple)

    def heartbeat(self) -> None:
        """Keep an idle connection alive; a dead one is dropped and opened again by the next publish."""
        if self._connection.channel:
            self._connection.drain(0)
            self._connection.heartbeat()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.drop()


Delivery = tuple[int, Any, bytes]


def body_of(message: Any) -> bytes:
    """The body as it was sent; the client decodes what names its encoding."""
    return message.body.encode() if isinstance(message.body, str) else bytes(message.body)


class Consumer:
    """One consumer's queue of one source: a quorum queue with a single active consumer, drained in batches."""

    def __init__(self, url: str, consumer: str, source: str) -> None:
        self._connection = Connection(url, queue_of(consumer, source))
        self._consumer, self._source = consumer, source
        self._arrived: list[Any] = []

    def open(self) -> None:
        """Connect, declare the queue and what it needs, and begin to receive. Raises :class:`BrokerUnavailable`."""
        channel = self._connection.open()
        self._arrived.clear()
        queue, dead = queue_of(self._consumer, self._source), f"{self._consumer}.dead"
        try:
            channel.exchange_declare(dead, "fanout", durable=True, auto_delete=False)
            channel.queue_declare(dead, durable=True, auto_delete=False, arguments=DEAD_QUEUE)
            channel.queue_bind(dead, dead, "")
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=QUEUE)
            channel.exchange_declare(exchange_of(self._source), "topic", passive=True)
            channel.queue_bind(queue, exchange_of(self._source), "#")
            channel.basic_qos(0, PREFETCH, False)
            channel.basic_consume(queue, callback=self._arrived.append, consumer_tag=queue)
        except Exception as error:
            self._connection.drop()
            raise BrokerUnavailable(str(error)) from None

    def take(self, timeout: float) -> list[Delivery]:
        """What has arrived, waiting up to ``timeout`` seconds for the first. Raises :class:`BrokerUnavailable`."""
        self._connection.heartbeat()
        if not self._arrived:
            self._connection.drain(timeout)
        while len(self._arrived) < PREFETCH and self._connection.drain(0):
            pass
        taken = [(message.delivery_tag, message.properties, body_of(message)) for message in self._arrived]
        self._arrived.clear()
        return taken

    def done(self, last: Delivery) -> None:
        """Acknowledge all deliveries up to this one. Raises :class:`BrokerUnavailable`."""
        self._settle(lambda: self._connection.channel.basic_ack(last[0], multiple=True))

    def reject(self, delivery: Delivery) -> None:
        """Put a delivery that is no event of the source into the dead letters. Raises :class:`BrokerUnavailable`.

        Not by the queue's own dead-lettering: that would also take what a full queue drops.
        """
        tag, properties, body = delivery
        kept = {name: properties[name] for name in ("message_id", "type") if name in properties}
        headers = {**(properties.get("application_headers") or {}), "x-queue": queue_of(self._consumer, self._source)}

        def settle() -> None:
            channel = self._connection.channel
            letter = channel.prepare_message(body, headers=headers, properties={**kept, "delivery_mode": 2})
            channel.basic_publish(letter, exchange=f"{self._consumer}.dead", routing_key="")
            channel.basic_ack(tag)

        self._settle(settle)

    def _settle(self, settle: Callable[[], None]) -> None:
        try:
            settle()
        except Exception as error:
            self._connection.drop()
            raise BrokerUnavailable(str(error)) from None

    def close(self) -> None:
        """Let go; what was not acknowledged is delivered again."""
        self._connection.drop()


def purge_queue(url: str, consumer: str, source: str) -> int:
    """Delete what waits in a consumer's queue; returns how many. Raises :class:`BrokerUnavailable`."""
    connection = Connection(url, f"{consumer}.purge")
    try:
        count: int = connection.open().queue_purge(queue_of(consumer, source))
        return count
    except BrokerUnavailable:
        raise
    except Exception as error:
        raise BrokerUnavailable(str(error)) from None
    finally:
        connection.drop()
