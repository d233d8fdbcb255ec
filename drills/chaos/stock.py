"""Opening a centre for a drill: hundreds of items and residents, by the services' own HTTP, 64 commands at a time."""

from typing import Any
from uuid import UUID, uuid5

from deploy.local import Installation
from deploy.seed.post import Service
from services.contracts.base import centre_of, id_of

ROOT = UUID("6f3d6f0e-2f0b-4f35-9a2c-8c1f1d0c8a11")
# Household tools can be lent again at once; camping goods rest until somebody calls them ready.
CATEGORIES = ("T01", "T02", "T03", "T04", "T05", "C10", "C12", "C15")
Command = dict[str, Any]


def open_centre(fleet: Installation, centre: str, items: int, residents: int) -> tuple[list[str], list[str]]:
    """Make items ready and verify residents; returns barcodes and resident ids. Every centre has the same numbers."""
    barcodes = [f"CH-{CATEGORIES[n % len(CATEGORIES)]}-{n:05d}" for n in range(items)]
    people = [id_of(centre, uuid5(ROOT, f"resident:{n}").hex) for n in range(residents)]
    commands = {
        "notifications": [_contact(centre, person, n) for n, person in enumerate(people)],
        "rentals": [command for person in people for command in _member(centre, person)],
        "inventory": [command for barcode in barcodes for command in _item(centre, barcode)],
    }
    for service, batch in commands.items():
        Service(service, fleet.address(service), fleet.secrets.value("internal")).carry_out(batch)
    return barcodes, people


def _item(centre: str, barcode: str) -> list[Command]:
    about = {"centre": centre, "barcode": barcode}
    registered = _command("register_item", **about, category=barcode.split("-")[1])
    return [registered, _command("make_item_ready", **about)]


def _member(centre: str, person: str) -> list[Command]:
    joined = _command("join_resident", resident_id=person, centre=centre)
    return [joined, _command("verify_resident", resident_id=person, method="id_card")]


def _contact(centre: str, person: str, n: int) -> Command:
    return _command(
        "register_contact",
        resident_id=person,
        centre=centre,
        name=f"주민 {n}",
        phone=f"010-{n // 10000:04d}-{n % 10000:04d}",
        email=None if n % 6 else f"resident-{n}@nanum.localhost",  # every sixth one has an address
        language="ko" if n % 3 else "en",
    )


def _command(name: str, /, **data: Any) -> Command:
    id = str(uuid5(ROOT, f"{name}:{sorted(data.items())}"))
    centre = data.get("centre") or centre_of(data["resident_id"])
    return {"id": id, "name": name, "data": data, "meta": {"actor": {"role": "seed", "centre": centre}}}
