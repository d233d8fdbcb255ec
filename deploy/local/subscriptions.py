"""Who subscribed to the events for analysis: to which services, and how the broker knows them.

Everything of a subscription is named after it: the user ``analyst-kim``, and for each service the exchange
``analytics.kim.rentals.events`` with the queue ``analytics.kim.rentals.stream`` (or ``.queue``) behind it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.problems import InstallationError
from deploy.local.secrets import write_private
from services.chassis.broker import Stash, exchange_of, stream_of

KINDS = ("stream", "queue")
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
LARGEST_QUEUE = 1024**3  # bytes; what is dropped beyond shows as a hole, and the feed still has it


@dataclass(frozen=True)
class Subscription:
    """One analyst's subscription. The password itself is kept nowhere."""

    name: str
    kind: str
    services: tuple[str, ...]
    password_hash: str

    @property
    def user(self) -> str:
        """The broker's name of the analyst."""
        return f"analyst-{self.name}"

    def source(self, service: str) -> str:
        """What stands for a service in the names of this subscription."""
        return f"analytics.{self.name}.{service}"

    def stash(self, service: str) -> Stash:
        """The queue that the analyst reads."""
        return stash(self.source(service), self.kind)

    @property
    def readable(self) -> str:
        """The only names that the analyst may read, as the broker wants it."""
        return "^(" + "|".join(re.escape(self.stash(service).name) for service in self.services) + ")$"

    def definitions(self, vhost: str) -> Iterator[tuple[str, dict[str, object]]]:
        """User, rights, exchanges and queues, as the broker imports them: (section, entry)."""
        yield "users", {**user(self.user, self.password_hash), "limits": {"max-connections": 10, "max-channels": 50}}
        rights = {"configure": "^$", "write": "^$", "read": self.readable}
        yield "permissions", {"user": self.user, "vhost": vhost, **rights}
        for service in self.services:
            yield from kept(self.source(service), self.stash(service), vhost)


def stash(source: str, kind: str) -> Stash:
    """A stream that any number may read again, or a queue that hands each event to one reader."""
    if kind == "stream":
        return stream_of(source)
    arguments = {"x-queue-type": "quorum", "x-max-length-bytes": LARGEST_QUEUE, "x-overflow": "drop-head"}
    return Stash(f"{source}.queue", arguments)


def kept(source: str, stash: Stash, vhost: str) -> Iterator[tuple[str, dict[str, object]]]:
    """An exchange and the queue that gets everything from it: (section, entry)."""
    lasting = {"vhost": vhost, "durable": True, "auto_delete": False}
    exchange = {"name": exchange_of(source), "type": "topic", "internal": False, "arguments": {}}
    bound = {"source": exchange_of(source), "destination": stash.name, "destination_type": "queue", "routing_key": "#"}
    yield "exchanges", {**lasting, **exchange}
    yield "queues", {**lasting, "name": stash.name, "arguments": dict(stash.arguments)}
    yield "bindings", {"vhost": vhost, **bound, "arguments": {}}


def user(name: str, password_hash: str, tags: str = "") -> dict[str, object]:
    """A user, as the broker imports it."""
    algorithm = "rabbit_password_hashing_sha256"
    return {"name": name, "password_hash": password_hash, "hashing_algorithm": algorithm, "tags": tags}


def hash_password(password: str, salt: bytes) -> str:
    """RabbitMQ's salted SHA-256; the salt has 4 bytes."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class Subscriptions:
    """All subscriptions of an installation, in a file that its owner alone can read."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Subscription]:
        known = json.loads(self._file.read_text()) if self._file.exists() else []
        return (Subscription(**{**each, "services": tuple(each["services"])}) for each in known)

    def named(self, name: str) -> Subscription:
        """Raises InstallationError when there is no such subscription."""
        for subscription in self:
            if subscription.name == name:
                return subscription
        known = ", ".join(each.name for each in self) or "there is none"
        raise InstallationError(f"There is no subscription {name!r}: known are {known}.")

    def check_new(self, name: str, kind: str) -> None:
        """Raises InstallationError when the name is taken, or either is not well-formed."""
        if not NAME.match(name):
            raise InstallationError(f"{name!r} cannot name a subscription: use small letters, digits and hyphens.")
        if kind not in KINDS:
            raise InstallationError(f"There is no kind {kind!r} of subscription: use {' or '.join(KINDS)}.")
        if any(each.name == name for each in self):
            raise InstallationError(
                f"There is a subscription {name!r} already: `./nanum subscribe --remove {name}` ends it; "
                f"`./nanum subscribe --renew {name}` gives it a new password."
            )

    def add(self, name: str, kind: str, services: Collection[str]) -> tuple[Subscription, str]:
        """Enter a subscription, or enter it anew. Returns it with its password, which is not kept."""
        password = secrets.token_urlsafe(24)
        made = Subscription(name, kind, tuple(services), hash_password(password, os.urandom(4)))
        self._write([*(each for each in self if each.name != name), made])
        return made, password

    def remove(self, name: str) -> None:
        """Strike a subscription out."""
        self._write([each for each in self if each.name != name])

    def _write(self, subscriptions: list[Subscription]) -> None:
        write_private(self._file, json.dumps([asdict(each) for each in subscriptions], indent=1) + "\n")
