"""A subscription to the events for analysis, as the broker knows it.

Everything of a subscription is named after it: the user ``analyst-kim``, and for each service the exchange
``analytics.kim.rentals.events`` with the queue ``analytics.kim.rentals.stream`` (or ``.queue``) behind it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.chassis.messaging.queues import QueueSpec, exchange_of, stream_of

STREAM, QUEUE = KINDS = ("stream", "queue")
LARGEST_QUEUE = 1024**3  # bytes; what is dropped beyond shows as a gap, and the feed still has it
Entries = Iterator[tuple[str, dict[str, object]]]  # (section, entry) of the broker's definitions


@dataclass(frozen=True)
class Subscription:
    """One analyst's subscription. The password itself is kept nowhere."""

    name: str
    kind: str
    services: tuple[str, ...]
    password_hash: str = ""

    @property
    def user(self) -> str:
        """The broker's name of the analyst."""
        return f"analyst-{self.name}"

    def source(self, service: str) -> str:
        """The part for a service in the names of this subscription."""
        return f"analytics.{self.name}.{service}"

    def queue(self, service: str) -> QueueSpec:
        """What the analyst reads: a stream for any number of readers, or a queue that hands each event to one."""
        source = self.source(service)
        if self.kind == STREAM:
            return stream_of(source)
        arguments = {"x-queue-type": "quorum", "x-max-length-bytes": LARGEST_QUEUE, "x-overflow": "drop-head"}
        return QueueSpec(f"{source}.queue", arguments)

    def last(self, service: str) -> str:
        """The queue that keeps the last forwarded message alone."""
        return f"{self.source(service)}.last"

    @property
    def readable(self) -> str:
        """The only names that the analyst may read, as the broker wants it."""
        return "^(" + "|".join(re.escape(self.queue(service).name) for service in self.services) + ")$"

    def definitions(self, vhost: str) -> Entries:
        """User, rights, exchanges and queues, as the broker imports them."""
        limits = {"max-connections": 10, "max-channels": 50}
        yield from user_with_rights(self.user, self.password_hash, vhost, ("^$", "^$", self.readable), limits=limits)
        for service in self.services:
            yield from exchange_with_queue(self.source(service), self.queue(service), vhost)


def written(subscriptions: Iterable[Subscription]) -> str:
    """Subscriptions as a setting, without the passwords: ``kim:stream:rentals,billing lee:queue:rentals``."""
    return " ".join(f"{each.name}:{each.kind}:{','.join(each.services)}" for each in subscriptions)


def read(text: str) -> list[Subscription]:
    """The subscriptions of a setting. Raises ValueError when it is none."""
    parts = (each.split(":") for each in text.split())
    return [Subscription(name, kind, tuple(services.split(","))) for name, kind, services in parts]


def exchange_with_queue(source: str, queue: QueueSpec, vhost: str) -> Entries:
    """An exchange and the queue that gets everything from it."""
    lasting = {"vhost": vhost, "durable": True, "auto_delete": False}
    exchange = {"name": exchange_of(source), "type": "topic", "internal": False, "arguments": {}}
    bound = {"source": exchange_of(source), "destination": queue.name, "destination_type": "queue", "routing_key": "#"}
    yield "exchanges", {**lasting, **exchange}
    yield "queues", {**lasting, "name": queue.name, "arguments": dict(queue.arguments)}
    yield "bindings", {"vhost": vhost, **bound, "arguments": {}}


def user_with_rights(
    name: str, password_hash: str, vhost: str, rights: tuple[str, str, str], tags: str = "", **more: object
) -> Entries:
    """A user, and what the user may configure, write and read."""
    algorithm = "rabbit_password_hashing_sha256"
    login = {"name": name, "password_hash": password_hash, "hashing_algorithm": algorithm, "tags": tags}
    yield "users", {**login, **more}
    configure, write, read = rights
    yield "permissions", {"user": name, "vhost": vhost, "configure": configure, "write": write, "read": read}


def hash_password(password: str, salt: bytes) -> str:
    """RabbitMQ's salted SHA-256; the salt has 4 bytes."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
