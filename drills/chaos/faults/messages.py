"""Deliveries that come twice, in the wrong order, or are no messages at all. None of them forges a real position."""

from collections.abc import Iterator
from typing import Any

import amqp
import psycopg

from drills.chaos.evidence import MARK
from drills.chaos.faults.kind import NotNow, Shot, fault
from services.chassis.foundation import database
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Feed
from services.chassis.messaging.queues import exchange_of
from services.chassis.process.runtime import service_named
from services.contracts import SERVICES

MANY = 150


def _page(shot: Shot, *, recent: bool = False, first: bool = False) -> list[Message]:
    try:
        with database.connect(shot.centre.fleet.postgres.superuser_dsn(f"nanum_{shot.target}")) as conn:
            row = conn.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()
            head = row[0] if row else 0
            after = max(0, head - MANY) if recent else 0 if first else shot.dice.randint(0, max(0, head - MANY))
            return Feed(service_named(shot.target)).page(conn, after, MANY).messages
    except psycopg.Error as away:
        raise NotNow(str(away)) from None


def _publish(shot: Shot, deliveries: list[tuple[bytes, dict[str, Any]]]) -> None:
    try:
        with shot.centre.amqp() as channel:
            for body, headers in deliveries:
                message = amqp.Message(body, application_headers={**headers, MARK: "1"}, delivery_mode=2)
                key = str(headers.get("cloudEvents_type", "poison"))
                channel.basic_publish(message, exchange=exchange_of(shot.target), routing_key=key)
    except (OSError, amqp.AMQPError) as away:
        raise NotNow(str(away)) from None
    shot.note = f"{len(deliveries)} messages"


@fault("deliveries doubled", SERVICES, 7, touching=False)
def doubled(shot: Shot) -> Iterator[None]:
    """Old messages once more, as a relay that crashed before it moved its cursor sends them."""
    _publish(shot, [(message.body(), message.headers()) for message in _page(shot)])
    yield


@fault("deliveries reordered", SERVICES, 7, touching=False)
def reordered(shot: Shot) -> Iterator[None]:
    """The newest messages once more, in any order: some may arrive before the relay has sent them."""
    messages = _page(shot, recent=True)
    shot.dice.shuffle(messages)
    _publish(shot, [(message.body(), message.headers()) for message in messages])
    yield


@fault("poison", SERVICES, 7, touching=False)
def poison(shot: Shot) -> Iterator[None]:
    """No JSON, no envelope, a type and a schema that nobody knows, a mebibyte of garbage."""
    old = _page(shot, first=True)[:1]  # everyone is long past its position: nothing real is forged
    if not old:
        raise NotNow("nothing was published yet")
    headers, body = old[0].headers(), old[0].body()
    deliveries: list[tuple[bytes, dict[str, Any]]] = [
        (b"{", headers),
        (b"[]", {}),
        (body, {**headers, "cloudEvents_type": "moon.landed"}),
        (body, {**headers, "cloudEvents_dataschema": "urn:nanum:99", "cloudEvents_specversion": "9.0"}),
        (body, {name: value for name, value in headers.items() if name != "cloudEvents_sequence"}),
        (body, {**headers, "cloudEvents_sequence": "many"}),
        (shot.dice.randbytes(1 << 20), {**headers, "cloudEvents_time": "soon"}),
    ]
    shot.dice.shuffle(deliveries)
    _publish(shot, deliveries)
    yield
