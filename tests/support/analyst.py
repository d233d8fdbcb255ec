"""An analyst, and a story to read: what the journeys of analysts start from."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

import amqp

from services.contracts import SERVICES
from tests.support.api import Api
from tests.support.broker import connect
from tests.support.installation import Fleet


class Analyst:
    """Somebody who subscribed, with nothing but what ``./nanum subscribe`` prints."""

    def __init__(self, fleet: Fleet, name: str, form: str, services: Sequence[str] = SERVICES) -> None:
        self.fleet, self.name = fleet, name
        self.subscription, password = fleet.subscribe(name, form, services)
        self.url = fleet.rabbitmq.analyst_url(self.subscription, password)
        self.env = {
            "NANUM_AMQP_URL": self.url,
            "NANUM_URL": fleet.url,
            "NANUM_TOKEN": fleet.token("analyst", name),
        }

    def connect(self) -> amqp.Connection:
        """A connection to the broker as this analyst."""
        return connect(self.url)

    def queue(self, service: str) -> str:
        """The name of the queue or stream with a service's events."""
        return self.subscription.queue(service).name

    def read(self, service: str, until: int) -> list[tuple[dict[str, Any], str]]:
        """The stream of a service from its first message to the position ``until``, each position once."""
        connection = self.connect()
        channel = connection.channel()
        seen: dict[int, tuple[dict[str, Any], str]] = {}
        channel.basic_qos(0, 200, False)

        def keep(message: amqp.Message) -> None:
            seen.setdefault(int(message.headers["cloudEvents_sequence"]), (message.headers, message.body))
            channel.basic_ack(message.delivery_tag)

        channel.basic_consume(self.queue(service), callback=keep, arguments={"x-stream-offset": "first"})
        while until not in seen:
            connection.drain_events(timeout=30)
        connection.collect()
        return [seen[position] for position in sorted(seen)]

    def feed(self, service: str) -> list[dict[str, Any]]:
        """The events of a service as the analyst's own feed shows them."""
        events: list[dict[str, Any]] = []
        while True:
            after = events[-1]["position"] if events else 0
            url = f"{self.fleet.url}/v1/events/{service}?after={after}&limit=500"
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.env['NANUM_TOKEN']}"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                page = json.load(answer)["data"]
            if not page:
                return events
            events += page


def damaged_rental(api: Api) -> tuple[str, dict[str, int]]:
    """One rental from beginning to end, with damage: the resident's id, and the last position of each service."""
    resident = api.resident()
    [barcode] = api.stock(1, "C26")
    rental = api.lend(resident, barcode)
    api.take_back(rental, "damaged", cause="inexperience")
    for service, type in (("billing", "charge.waived"), ("inventory", "repair.opened")):
        api.happened(service, type, barcode=barcode)
    api.happened("notifications", "notice.sent", resident_id=resident, topic="returned")
    return resident, {service: api.events(service)[-1]["position"] for service in SERVICES}
