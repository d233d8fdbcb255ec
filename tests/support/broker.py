"""The broker, as a plain AMQP client sees it, and a service's queue."""

from __future__ import annotations

import amqp

from deploy.local.rabbitmq import address_of
from services.chassis.messaging.rabbitmq import Consumer


def connect(url: str) -> amqp.Connection:
    """An open connection of a user."""
    address = address_of(url)
    connection = amqp.Connection(
        address["host"], address["user"], address["password"], virtual_host=address["vhost"], connect_timeout=5
    )
    connection.connect()
    return connection


def empty(consumer: Consumer) -> None:
    """Settle whatever waits in a queue."""
    while deliveries := consumer.take(0.2):
        consumer.done(deliveries[-1])
