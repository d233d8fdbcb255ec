"""Stocks a centre with units and verified residents by the thousand, through the services' own commands."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import requests

from deploy.local import Installation

CENTRE = "gwangju-namgu"
CATEGORY = "Z01"
PER_RESIDENT = 4


class Services:
    """The services' inner doors."""

    def __init__(self, installation: Installation) -> None:
        self._sources = dict(pair.split("=", 1) for pair in installation.env("gateway")["NANUM_SOURCES"].split())
        self._session = requests.Session()
        secret = installation.secrets.path("internal").read_text().strip()
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def do(self, service: str, commands: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Carry out commands in batches of 64; all of them must be accepted."""
        batch: list[dict[str, Any]] = []
        for name, data in commands:
            batch.append({"id": str(uuid.uuid4()), "name": name, "data": data, "meta": {"actor": {"role": "bench"}}})
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
    """The barcode of a unit of the benchmark."""
    return f"BB-{number:07d}"


def resident_of(number: int) -> str:
    """The resident who borrows a unit: each borrows four."""
    return f"{CENTRE}.bench{number // PER_RESIDENT:07d}"


def stock(installation: Installation, units: int) -> None:
    """Make category, units and residents, and wait until rentals knows them."""
    services = Services(installation)
    services.do("inventory", [("describe_category", _category())])
    services.do("inventory", _items(units))
    services.do("rentals", _residents(units))
    head = services.head("inventory")
    with psycopg.connect(installation.dsn("rentals", "ro"), autocommit=True) as conn:
        while not conn.execute("SELECT 1 FROM followed WHERE source = 'inventory' AND pos >= %s", (head,)).fetchone():
            time.sleep(0.2)


def _category() -> dict[str, Any]:
    return {
        "centre": CENTRE,
        "code": CATEGORY,
        "group": "tool",
        "name_ko": "측정용",
        "name_en": "For measuring",
        "purchase_price_krw": 30000,
        "fee_krw": 600,
        "max_nights": 7,
        "hazard": "none",
        "briefing_required": False,
        "manual_ko": "측정용",
        "manual_en": "For measuring",
        "parts": [],
    }


def _items(units: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(units):
        yield "register_item", {"centre": CENTRE, "barcode": barcode(number), "category": CATEGORY}
        yield "make_item_ready", {"barcode": barcode(number)}


def _residents(units: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(0, units, PER_RESIDENT):
        yield "join_resident", {"resident_id": resident_of(number), "centre": CENTRE}
        yield "verify_resident", {"resident_id": resident_of(number), "method": "id_card"}
