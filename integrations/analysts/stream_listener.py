"""Waits at the services' own streams, so that a new event is forwarded at once instead of at the next look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import structlog

from services.chassis.messaging.queues import stream_of
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Connection

log = structlog.get_logger()


class StreamListener:
    """Consumes the ends of the streams of these services; what arrives says only that there is something to read."""

    def __init__(self, url: str, services: Sequence[str]) -> None:
        self._connection, self._services = Connection(url, "analytics.listener"), services

    def wait(self, patience: float) -> None:
        """Wait until a service published something, at most ``patience`` seconds; 1 second without a broker."""
        try:
            if self._connection.channel is None:
                self._listen()
                return
            self._connection.heartbeat()
            if self._connection.drain(patience):
                while self._connection.drain(0):
                    pass
        except BrokerUnavailable as error:
            log.warning("listener_without_broker", error=str(error))
            time.sleep(1.0)

    def _listen(self) -> None:
        channel = self._connection.open()

        def acknowledge(message: Any) -> None:
            channel.basic_ack(message.delivery_tag)

        try:
            channel.basic_qos(0, 100, False)
            for service in self._services:
                name, from_now = stream_of(service).name, {"x-stream-offset": "next"}
                channel.basic_consume(name, callback=acknowledge, consumer_tag=name, arguments=from_now)
        except Exception as error:
            self._connection.drop()
            raise BrokerUnavailable(str(error)) from None
