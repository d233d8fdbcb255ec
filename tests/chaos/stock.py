"""Opening the centre for a drill: hundreds of units and residents, by the services' own door, 64 commands at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import requests

from deploy.local import Installation
from deploy.local.processes import CENTRE

ROOT = UUID("6f3d6f0e-2f0b-4f35-9a2c-8c1f1d0c8a11")
BATCH = 64
# Household tools go back on the shelf at once; camping goods rest until somebody calls them ready.
CATEGORIES = ("T01", "T02", "T03", "T04", "T05", "C10", "C12", "C15")


def open_centre(fleet: Installation, units: int, residents: int) -> tuple[list[str], list[str]]:
    """Make units ready and verify residents; returns barcodes and resident ids once rentals knows all of them."""
    barcodes = [f"CH-{CATEGORIES[n % len(CATEGORIES)]}-{n:05d}" for n in range(units)]
    people = [f"{CENTRE}.{uuid5(ROOT, f'resident:{n}').hex}" for n in range(residents)]
    doors = {name: _door(fleet, name) for name in ("inventory", "rentals", "notifications")}
    stock = [command for barcode in barcodes for command in _unit(barcode)]
    members = [command for person in people for command in _member(person)]
    _post(doors["notifications"], [_contact(person, n) for n, person in enumerate(people)])
    _post(doors["rentals"], members)
    _post(doors["inventory"], stock)
    return barcodes, people


def _unit(barcode: str) -> list[dict[str, Any]]:
    category = barcode.split("-")[1]
    registered = _command("register_item", centre=CENTRE, barcode=barcode, category=category)
    return [registered, _command("make_item_ready", barcode=barcode)]


def _member(person: str) -> list[dict[str, Any]]:
    joined = _command("join_resident", resident_id=person, centre=CENTRE)
    return [joined, _command("verify_resident", resident_id=person, method="id_card")]


def _contact(person: str, n: int) -> dict[str, Any]:
    email = None if n % 6 else f"resident-{n}@nanum.localhost"  # every sixth one has an address
    return _command(
        "register_contact",
        resident_id=person,
        centre=CENTRE,
        name=f"주민 {n}",
        phone=f"010-{n // 10000:04d}-{n % 10000:04d}",
        email=email,
        birth_date=None,
        language="ko" if n % 3 else "en",
    )


def _command(name: str, /, **data: Any) -> dict[str, Any]:
    id = str(uuid5(ROOT, f"{name}:{sorted(data.items())}"))
    return {"id": id, "name": name, "data": data, "meta": {"actor": {"role": "seed", "subject": "drill"}}}


def _door(fleet: Installation, service: str) -> Callable[[Any], Any]:
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {fleet.secrets.value('internal')}"
    url = f"http://127.0.0.1:{fleet.ports[service]}/commands"

    def send(body: Any) -> Any:
        answer = session.post(url, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    return send


def _post(send: Callable[[Any], Any], commands: list[dict[str, Any]]) -> None:
    for start in range(0, len(commands), BATCH):
        for outcome in send({"commands": commands[start : start + BATCH]})["outcomes"]:
            if "refused" in outcome:
                raise AssertionError(f"the stock was refused: {outcome['refused']}")


def shuffled(things: list[str], seed: int) -> list[str]:
    """The things in an order of their own."""
    mixed = list(things)
    random.Random(seed).shuffle(mixed)
    return mixed
