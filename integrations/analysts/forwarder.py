"""Forwards the events of a service into an analyst's queue, as the analyst's own feed shows them: pseudonyms alone.

Nothing is kept in this process. A companion queue of length 1 keeps the last forwarded message; it is the position to
resume from. A broker that was wiped has lost both, and the queue is filled again from the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from prometheus_client import Gauge

from integrations.analysts.gateway_feed import BATCH, FeedUnavailable
from integrations.analysts.subscriptions import Subscription
from services.chassis.messaging.envelope import open_envelope
from services.chassis.messaging.feed import Page
from services.chassis.messaging.queues import exchange_of
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Connection, Publisher, body_of

log = structlog.get_logger()
POSITION = Gauge("nanum_analytics_position", "Last position forwarded", ["subscription", "service"])
BEHIND = Gauge("nanum_analytics_behind", "Positions between that and the head of the log", ["subscription", "service"])


class Forwarder:
    """The events of one service on their way to one analyst. ``page`` reads the analyst's feed behind a position."""

    def __init__(self, url: str, subscription: Subscription, service: str, page: Callable[[str, int], Page]) -> None:
        source = subscription.source(service)
        self._publisher = Publisher(url, source, queue=subscription.queue(service))
        self._last = Connection(url, subscription.last(service))
        self._exchange = exchange_of(source)
        self._page, self._labels = page, (subscription.name, service)
        self._forwarded: tuple[str | None, int] | None = None  # epoch and position; None when it has to be looked up

    def step(self) -> bool:
        """Forward the next batch; False when there was nothing.

        Raises :class:`BrokerUnavailable`, :class:`FeedUnavailable`: then try again.
        """
        epoch, position = self._forwarded or self._look_up()
        page = self._page(self._labels[1], position)
        if epoch not in (None, page.epoch):
            log.warning("epoch_changed", subscription=self._labels[0], service=self._labels[1], epoch=page.epoch)
            page, position = self._page(self._labels[1], 0), 0  # another log: its positions mean something else
        try:
            safe = self._publisher.publish(page.messages) if page.messages else 0
            if not safe:
                self._publisher.heartbeat()
        except BrokerUnavailable:
            self._forwarded = None  # it may come back without what it had
            raise
        position = page.messages[safe - 1].position if page.messages else position
        self._forwarded = (page.epoch, position)
        POSITION.labels(*self._labels).set(position)
        BEHIND.labels(*self._labels).set(page.head - position if page.messages else 0)
        return bool(page.messages)

    def _look_up(self) -> tuple[str | None, int]:
        """Epoch and position that the queue was filled up to for certain."""
        channel = self._last.open()
        queue = self._last.name
        try:
            channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-max-length": 1})
            channel.queue_bind(queue, self._exchange, "#")
            last = channel.basic_get(queue)
        except Exception as error:
            raise BrokerUnavailable(str(error)) from None
        finally:
            self._last.drop()  # the message was not acknowledged, and so stays
        if last is None:
            return None, 0
        message = open_envelope(last.properties["application_headers"], body_of(last))
        return message.epoch, self._a_batch_before(message.position)

    def _a_batch_before(self, position: int) -> int:
        """A position with a whole batch between it and ``position``.

        Of the last batch the broker may have kept some in one queue and not in the other. What comes twice is harmless.
        """
        back = BATCH
        while back < position:
            page = self._page(self._labels[1], position - back)
            if len(page.messages) == BATCH and page.messages[-1].position <= position:
                return position - back
            back *= 2
        return 0


def forward_each(forwarders: Sequence[Forwarder]) -> bool:
    """One batch of each; whether any had something. One whose source or broker is away does not hold up the others."""
    busy = False
    for forwarder in forwarders:
        try:
            busy |= forwarder.step()
        except (BrokerUnavailable, FeedUnavailable) as away:
            log.warning("forwarder_waits", why=str(away))
    return busy
