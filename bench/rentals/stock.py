"""Stocks a centre with items and verified residents by the thousand, through the services' own commands."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import requests

from deploy.local import Installation
from services.chassis.foundation.codec import builtins
from services.contracts.base import id_of, snake
from services.contracts.inventory.commands import DescribeCategory, MakeItemReady, RegisterItem
from services.contracts.rentals.commands import JoinResident, VerifyResident

CENTRE = "gwangju-namgu"
CATEGORY = "Z01"
PER_RESIDENT = 4


class Services:
    """The commands and feeds of the services, as the gateway reaches them."""

    def __init__(self, installation: Installation) -> None:
        self._sources = dict(pair.split("=", 1) for pair in installation.sources.split())
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {installation.secrets.value('internal')}"

    def do(self, service: str, commands: Iterable[Any]) -> None:
        """Carry out commands in batches of 64; all of them must be accepted."""
        batch: list[dict[str, Any]] = []
        for command in commands:
            name, meta = snake(type(command).__name__), {"actor": {"role": "bench"}}
            batch.append({"id": str(uuid.uuid4()), "name": name, "data": builtins(command), "meta": meta})
            if len(batch) == 64:
                self._send(service, batch)
                batch = []
        if batch:
            self._send(service, batch)

    def _send(self, service: str, batch: list[dict[str, Any]]) -> None:
        answer = self._session.post(f"{self._sources[service]}/commands", json={"commands": batch}, timeout=60)
        answer.raise_for_status()
        refused = [o["refused"] for o in answer.json()["outcomes"] if "refused" in o]
        if refused:
            raise RuntimeError(json.dumps(refused[0]))

    def head(self, service: str) -> int:
        """The newest position of a service's log."""
        head: int = self._session.get(f"{self._sources[service]}/events?after=0&limit=1", timeout=60).json()["head"]
        return head


def barcode(number: int) -> str:
    """The barcode of an item of the benchmark."""
    return f"BB-{number:07d}"


def item_of(number: int) -> str:
    """The id of that item."""
    return id_of(CENTRE, barcode(number))


def resident_of(number: int) -> str:
    """The resident who borrows an item: each borrows four."""
    return id_of(CENTRE, f"bench{number // PER_RESIDENT:07d}")


def stock(installation: Installation, items: int) -> None:
    """Make category, items and residents, and wait until rentals knows them."""
    services = Services(installation)
    services.do("inventory", [FOR_MEASURING])
    services.do("inventory", _items(items))
    services.do("rentals", _residents(items))
    head = services.head("inventory")
    taken_in = "SELECT 1 FROM subscription WHERE source = 'inventory' AND position >= %s"
    with psycopg.connect(installation.dsn("rentals", "ro"), autocommit=True) as conn:
        while not conn.execute(taken_in, (head,)).fetchone():
            time.sleep(0.2)


FOR_MEASURING = DescribeCategory(
    centre=CENTRE,
    code=CATEGORY,
    group="tool",
    name_ko="측정용",
    name_en="For measuring",
    purchase_price_krw=30000,
    fee_krw=600,
    max_nights=7,
    hazard="none",
    briefing_required=False,
    manual_ko="측정용",
    manual_en="For measuring",
    parts=(),
)


def _items(items: int) -> Iterator[RegisterItem | MakeItemReady]:
    for number in range(items):
        yield RegisterItem(centre=CENTRE, barcode=barcode(number), category=CATEGORY)
        yield MakeItemReady(centre=CENTRE, barcode=barcode(number))


def _residents(items: int) -> Iterator[JoinResident | VerifyResident]:
    for number in range(0, items, PER_RESIDENT):
        yield JoinResident(resident_id=resident_of(number), centre=CENTRE)
        yield VerifyResident(resident_id=resident_of(number), method="id_card")
