"""The loop that keeps a subscriber going: connect, take, acknowledge, wait; and stop when told."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from services.chassis.foundation import database, failpoints
from services.chassis.foundation.signals import Throttle
from services.chassis.messaging.envelope import Message, NotAnEvent, open_envelope
from services.chassis.messaging.parked import Retrier
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Consumer, Delivery
from services.chassis.messaging.subscriber import (
    OutOfOrder,
    SourceUnavailable,
    Subscriber,
)

log = structlog.get_logger()
FEED_INTERVAL = 3.0  # seconds without deliveries until the feed is read
TRANSIENT = (*database.UNAVAILABLE, SourceUnavailable, OutOfOrder)


class ConsumerLoop:
    """Feeds a subscriber from its queue, and from the source's feed while the broker is unavailable or silent."""

    def __init__(self, subscriber: Subscriber, consumer: Consumer, retrier: Retrier) -> None:
        self._subscriber, self._consumer, self.retrier = subscriber, consumer, retrier
        self._stopping, self._pause, self._throttle = False, threading.Event(), Throttle()
        self.source = subscriber.source

    def run(self) -> None:
        """Consume until :meth:`stop`. Raises Halted when the source's log is another one."""
        try:
            while not self._stopping:
                self._connected()
        finally:
            self._consumer.close()

    def _connected(self) -> None:
        try:
            self._consumer.open()
            self.read_feed()  # what the queue never got, or lost
            read_at = time.monotonic()
            while not self._stopping:
                self._throttle.wait()
                deliveries = self._consumer.take(timeout=0.5)
                if deliveries:
                    with self._throttle.iteration():
                        self.receive(deliveries)
                if time.monotonic() - read_at > FEED_INTERVAL:
                    self.read_feed(once=bool(deliveries))
                    read_at = time.monotonic()
                self.retry_parked()
        except BrokerUnavailable as error:
            log.warning("subscriber_without_broker", source=self.source, error=str(error))
            self.read_feed()
            self.retry_parked()
            self._pause.wait(1.0)

    def read_feed(self, once: bool = False) -> None:
        """Catch up from the feed. If the source is unavailable, the queue may still have something."""
        self._unless_unavailable("feed_not_read", lambda: self._subscriber.catch_up(once))

    def retry_parked(self) -> None:
        """Retry what was parked out of order, when it is time."""
        self._unless_unavailable("parked_not_retried", self.retrier.retry_out_of_order)

    def _unless_unavailable(self, otherwise: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except TRANSIENT as error:
            log.warning(otherwise, source=self.source, error=str(error))

    def receive(self, deliveries: list[Delivery]) -> None:
        """Take in deliveries, however long a server is unavailable, then acknowledge them."""
        opened = [(delivery, message) for delivery in deliveries if (message := self._open(delivery))]
        if not opened:
            return
        messages = [message for _, message in opened]
        position = with_backoff(lambda: self._subscriber.receive(messages), TRANSIENT, lambda: not self._stopping)
        if position is None:
            return  # told to stop: what is not acknowledged is delivered again
        failpoints.reach("subscriber.before_ack")
        strays = {id(stray) for stray in self._subscriber.strays}
        self._subscriber.strays.clear()
        settled = []
        for delivery, message in opened:
            if id(message) in strays:
                self._consumer.reject(delivery)
            else:
                settled.append(delivery)
        if settled:
            self._consumer.done(settled[-1])

    def _open(self, delivery: Delivery) -> Message | None:
        _, properties, body = delivery
        try:
            return open_envelope(properties.get("application_headers") or {}, body)
        except NotAnEvent as wrong:
            # The feed is the authority: if this should have been an event, the next one shows the gap.
            log.error("not_an_event", source=self.source, error=str(wrong))
            self._consumer.reject(delivery)
            return None

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopping = True
        self._pause.set()


def with_backoff(attempt: Callable[[], Any], transient: tuple[type[Exception], ...], go_on: Callable[[], bool]) -> Any:
    """Try until it works, 0.1 s to 10 s between tries, with jitter; None when ``go_on`` says stop before that."""
    wait = 0.1
    while go_on():
        try:
            return attempt()
        except transient as error:
            log.warning("trying_again", error=str(error), again_in=wait)
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(10.0, wait * 2)
    return None
