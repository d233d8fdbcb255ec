"""Fills the analysts' queues: ``python -m deploy.analytics``. Each gets what their own feed shows, so pseudonyms alone.

Nothing is kept here. Beside each analyst's queue stands one that holds the last message alone, and so says how far the
queue was filled. A broker that was wiped has lost both, and the queue is filled again from the first event.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
import structlog
from prometheus_client import Gauge, start_http_server

from deploy.local.subscriptions import stash
from deploy.local.tokens import LIFETIME, mint
from services.chassis import logs
from services.chassis.broker import BrokerAway, Lane, Publisher, exchange_of, stream_of
from services.chassis.codec import decode, shape
from services.chassis.envelope import Message, open_envelope
from services.chassis.feed import Page

log = structlog.get_logger()
BATCH = 500
IDLE = 5.0  # seconds until a look without being rung for
POSITION = Gauge("nanum_analytics_position", "Last position forwarded", ["subscription", "service"])
BEHIND = Gauge("nanum_analytics_behind", "Positions between that and the head of the log", ["subscription", "service"])


class FeedAway(Exception):
    """The gateway, or the service behind it, does not answer."""


class Feed:
    """One analyst's feed at the gateway."""

    def __init__(self, url: str, secret: str, centre: str, analyst: str) -> None:
        self._url, self._mint = url, lambda: mint(secret, "analyst", centre, analyst)
        self._session = requests.Session()
        self._session.trust_env = False
        self._until = 0.0

    def page(self, service: str, after: int) -> Page:
        """What comes behind a position. Raises :class:`FeedAway`."""
        if time.monotonic() > self._until:
            self._session.headers["Authorization"] = f"Bearer {self._mint()}"
            self._until = time.monotonic() + LIFETIME / 2
        try:
            params = {"after": after, "limit": BATCH}
            answer = self._session.get(f"{self._url}/v1/events/{service}", params=params, timeout=(2, 10))
            answer.raise_for_status()
        except requests.RequestException as error:
            raise FeedAway(f"{service}: {error}") from None
        page = decode(answer.content)
        return Page(page["epoch"], page["head"], [shape(each, Message) for each in page["data"]])


class Forward:
    """The events of one service on their way to one analyst."""

    def __init__(self, url: str, name: str, kind: str, service: str, page: Callable[[str, int], Page]) -> None:
        source = f"analytics.{name}.{service}"
        self._publisher = Publisher(url, source, stash(source, kind))
        self._last = Lane(url, f"{source}.last")
        self._exchange = exchange_of(source)
        self._page, self._labels = page, (name, service)
        self._at: tuple[str | None, int] | None = None

    def step(self) -> bool:
        """Forward the next batch; False when there was nothing. Raises :class:`BrokerAway`, :class:`FeedAway`."""
        epoch, pos = self._at or self._filled()
        page = self._page(self._labels[1], pos)
        if epoch not in (None, page.epoch):
            log.warning("epoch_changed", subscription=self._labels[0], service=self._labels[1], epoch=page.epoch)
            page, pos = self._page(self._labels[1], 0), 0  # another log: its positions mean something else
        try:
            self._publish(page.messages)
        except BrokerAway:
            self._at = None  # it may come back without what it had
            raise
        pos = page.messages[-1].pos if page.messages else pos
        self._at = (page.epoch, pos)
        POSITION.labels(*self._labels).set(pos)
        BEHIND.labels(*self._labels).set(page.head - pos if page.messages else 0)
        return bool(page.messages)

    def _publish(self, messages: list[Message]) -> None:
        if messages:
            self._publisher.publish(messages)
        else:
            self._publisher.beat()

    def _filled(self) -> tuple[str | None, int]:
        """Epoch and position that the queue was filled up to for certain."""
        channel = self._last.open()
        queue = self._last.name
        try:
            channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-max-length": 1})
            channel.queue_bind(queue, self._exchange, "#")
            last = channel.basic_get(queue)
        except Exception as error:
            raise BrokerAway(str(error)) from None
        finally:
            self._last.drop()  # the message was not acknowledged, and so stays
        if last is None:
            return None, 0
        body = last.body if isinstance(last.body, bytes) else last.body.encode()
        message = open_envelope(last.properties["application_headers"], body)
        return message.epoch, self._a_batch_before(message.pos)

    def _a_batch_before(self, pos: int) -> int:
        """A position with a whole batch between it and ``pos``.

        Of the last batch the broker may have kept some in one queue and not in the other. What comes twice is harmless.
        """
        back = BATCH
        while back < pos:
            page = self._page(self._labels[1], pos - back)
            if len(page.messages) == BATCH and page.messages[-1].pos <= pos:
                return pos - back
            back *= 2
        return 0


class Bell:
    """Rings when a service published something: listens at the ends of the services' own streams."""

    def __init__(self, url: str, services: list[str]) -> None:
        self._lane, self._services = Lane(url, "analytics.bell"), services

    def wait(self, patience: float) -> None:
        """Wait until it rings, at most ``patience`` seconds."""
        try:
            if not self._lane.is_open:
                self._listen()
                return
            self._lane.beat()
            if self._lane.drain(patience):
                while self._lane.drain(0):
                    pass
        except BrokerAway as error:
            log.warning("bell_without_broker", error=str(error))
            time.sleep(1.0)

    def _listen(self) -> None:
        channel = self._lane.open()

        def heard(message: Any) -> None:
            channel.basic_ack(message.delivery_tag)

        try:
            channel.basic_qos(0, 100, False)
            for service in self._services:
                name, from_now = stream_of(service).name, {"x-stream-offset": "next"}
                channel.basic_consume(name, callback=heard, consumer_tag=name, arguments=from_now)
        except Exception as error:
            self._lane.drop()
            raise BrokerAway(str(error)) from None


def forwards(env: Mapping[str, str]) -> Iterator[Forward]:
    """What ``NANUM_SUBSCRIPTIONS`` asks for: ``kim:stream:rentals,billing lee:queue:rentals``."""
    secret = Path(env["NANUM_TOKEN_SECRET_FILE"]).read_text().strip()
    for subscription in env["NANUM_SUBSCRIPTIONS"].split():
        name, kind, services = subscription.split(":")
        feed = Feed(env["NANUM_GATEWAY_URL"], secret, env["NANUM_CENTRE"], name)
        for service in services.split(","):
            yield Forward(env["NANUM_AMQP_URL"], name, kind, service, feed.page)


def take_turns(every: list[Forward]) -> bool:
    """One batch for each; whether any had something."""
    busy = False
    for forward in every:
        try:
            busy |= forward.step()
        except (BrokerAway, FeedAway) as away:
            log.warning("forward_waits", why=str(away))
    return busy


def main() -> None:
    """Forward until told to stop. To stop at any point does no harm: what was not confirmed is sent again."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logs.set_up("analytics", os.environ.get("NANUM_LOG_LEVEL", "info"))
    every = list(forwards(os.environ))
    services = {s for each in os.environ["NANUM_SUBSCRIPTIONS"].split() for s in each.split(":")[2].split(",")}
    bell = Bell(os.environ["NANUM_AMQP_URL"], sorted(services))
    host, _, port = os.environ["NANUM_LISTEN"].rpartition(":")
    start_http_server(int(port), host)
    while True:
        if not take_turns(every):
            bell.wait(IDLE)


if __name__ == "__main__":
    main()
