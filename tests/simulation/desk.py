"""The people at the desk: they ask for this and that, get no answer now and then, and ask again with the same id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.chassis.execute import Asked
from services.inventory.domain.item import Item
from services.inventory.domain.repair import Repair
from services.rentals.domain.rental import OUT, Rental
from tests.support.centre import CENTRE, RULES, category_data

if TYPE_CHECKING:
    from tests.simulation.play import Centre

SECTIONS = ("centre", "calendar", "fees", "limits", "reservation", "late", "payments", "safety", "damage")
HOUSE = {section: RULES[section] for section in SECTIONS}
HOUSE["calendar"] = {**HOUSE["calendar"], "public_holidays": {"2026": ["2026-12-25"]}}
CAUSES = ("wear", "ignorance", "accident", "wilful", "lost")
Said = tuple[str, str, dict[str, Any]]  # service, command, data


@dataclass
class Request:
    """One command, and what came back; ``under_way`` counts the copies that may still be carried out."""

    service: str
    asked: Asked
    answers: list[bytes] = field(default_factory=list)
    under_way: int = 0


def stock() -> list[Said]:
    """House rules, two categories with six units, three residents: where every history begins."""
    said: list[Said] = [("rentals", "adopt_house_rules", {"centre": CENTRE, "rules": HOUSE})]
    for code, fee, count in (("C10", 600, 4), ("C20", 0, 2)):
        said.append(("inventory", "describe_category", category_data(code, fee)))
        for n in range(1, count + 1):
            barcode = f"NG-{code}-{n:03}"
            said.append(("inventory", "register_item", {"centre": CENTRE, "barcode": barcode, "category": code}))
            said.append(("inventory", "make_item_ready", {"barcode": barcode}))
    for n in range(3):
        said += newcomer(f"{CENTRE}.{n:032x}", email=f"r{n}@nanum.localhost" if n else None)
    return said


def newcomer(resident_id: str, email: str | None) -> list[Said]:
    """A resident registers and is verified."""
    about = {"resident_id": resident_id, "centre": CENTRE}
    return [
        ("notifications", "register_contact", {**about, "name": "김나눔", "phone": "010-0000-0000", "email": email}),
        ("rentals", "join_resident", about),
        ("rentals", "verify_resident", {"resident_id": resident_id, "method": "id_card"}),
    ]


class Desk:
    """Asks ``left`` more commands."""

    def __init__(self, centre: Centre) -> None:
        self._centre, self._chance, self.left = centre, centre.chance, 0
        self.requests: list[Request] = []
        self._next: list[Said] = []
        self.residents = [f"{CENTRE}.{n:032x}" for n in range(3)]
        self.barcodes = [f"NG-C10-{n:03}" for n in range(1, 5)] + ["NG-C20-001", "NG-C20-002"]
        self._codes = {"C10": 600, "C20": 0}

    @property
    def unanswered(self) -> list[Request]:
        """Who has no answer, and nothing under way."""
        return [r for r in self.requests if not r.answers and not r.under_way]

    def step(self) -> str:
        """Ask something new, or ask again."""
        again = self.unanswered
        if again and (not self.left or self._chance.random() < 0.6):
            return "again: " + self.send(self._chance.choice(again))
        if not self.left:
            return self.send(self._chance.choice(self.requests))  # a copy of the request was still on its way
        self.left -= 1
        if not self._next:
            self._next = list(self._chance.choices(*_weighted(WISHES))[0](self)) or list(lend(self))
        service, name, data = self._next.pop(0)
        meta = {"actor": {"role": "desk", "subject": "desk-1"}, "correlation_id": f"request-{len(self.requests)}"}
        request = Request(service, Asked(new_uuid(self._chance), name, data, meta))
        self.requests.append(request)
        return self.send(request)

    def send(self, request: Request) -> str:
        """On its way; now and then twice."""
        process = self._centre.processes[request.service]
        said = f"{request.service}.{request.asked.name} {request.asked.id}"
        if not process.up:
            return f"{said}: nobody there"
        for _ in range(2 if self._chance.random() < 0.1 else 1):
            request.under_way += 1
            process.inbox.append(request)
        return said

    def rows(self, service: str, kind: type) -> list[Any]:
        """What a scan at the desk would show."""
        return self._centre.disks[service].all(kind)

    def any_of(self, things: list[Any]) -> Any:
        """One of them by chance, None when there are none."""
        return self._chance.choice(things) if things else None

    def few_of(self, things: list[Any], most: int) -> list[Any]:
        """One or some of them."""
        return self._chance.sample(things, min(len(things), self._chance.randint(1, most)))

    def new_id(self) -> str:
        """An id that carries the centre."""
        return f"{CENTRE}.{self._chance.getrandbits(128):032x}"

    def fee_of(self, code: str) -> int:
        """Another fee for a category."""
        self._codes[code] += 100
        return self._codes[code]

    def day(self, ahead: int) -> str:
        """A day."""
        return (self._centre.now + timedelta(days=self._chance.randint(0, ahead))).date().isoformat()


def lend(desk: Desk) -> Iterable[Said]:
    """Somebody wants something, whether it is there or not."""
    data = {
        "rental_id": desk.new_id(),
        "resident_id": desk.any_of(desk.residents),
        "barcodes": desk.few_of(desk.barcodes, 2),
        "nights": desk.any_of([1, 2, 3]),
        "payment": {"method": "card_terminal"},
        "manual_acknowledged": True,
    }
    yield "rentals", "start_rental", data


def bring_back(desk: Desk) -> Iterable[Said]:
    """Somebody brings back all of it or a part, in whatever state."""
    rental = desk.any_of([r for r in desk.rows("rentals", Rental) if r.state == OUT])
    if rental:
        items = [_found(desk, barcode) for barcode in desk.few_of(list(rental.still_out()), 2)]
        yield "rentals", "return_items", {"rental_id": rental.rental_id, "items": items}


def _found(desk: Desk, barcode: str) -> dict[str, Any]:
    condition = desk.any_of(["good", "good", "good", "dirty", "damaged", "lost"])
    missing = desk.any_of([[], [], [], ["strap"]])
    cause = desk.any_of(list(CAUSES)) if condition == "damaged" else None
    return {"barcode": barcode, "condition": condition, "cause": cause, "missing": missing}


def shelve(desk: Desk) -> Iterable[Said]:
    """Make something ready that is not."""
    item = desk.any_of([i for i in desk.rows("inventory", Item) if i.state in ("preparing", "cleaning", "lost")])
    if item:
        yield "inventory", "make_item_ready", {"barcode": item.barcode}


def mend(desk: Desk) -> Iterable[Said]:
    """Send a repair away, or take it back."""
    repair = desk.any_of([r for r in desk.rows("inventory", Repair) if r.state in ("open", "sent")])
    if repair and repair.state == "open":
        yield "inventory", "send_repair", {"repair_id": repair.repair_id, "maker": "Kovea", "reference": "r-1"}
    elif repair:
        mended = desk.any_of([True, True, True, False])
        yield "inventory", "return_repair", {"repair_id": repair.repair_id, "mended": mended, "cost_krw": 5000}


def report(desk: Desk) -> Iterable[Said]:
    """Something on the shelf is broken or gone."""
    barcode = desk.any_of(desk.barcodes)
    if desk.any_of([True, False]):
        yield "inventory", "report_damage", {"barcode": barcode, "cause": desk.any_of(list(CAUSES))}
    else:
        yield "inventory", "report_lost", {"barcode": barcode}


def suspend(desk: Desk) -> Iterable[Said]:
    """Stop lending to somebody, and change one's mind."""
    resident_id = desk.any_of(desk.residents)
    yield "rentals", "suspend_resident", {"resident_id": resident_id, "until": desk.day(3), "reason": "late"}
    yield "rentals", "reinstate_resident", {"resident_id": resident_id}


def join(desk: Desk) -> Iterable[Said]:
    """Somebody new."""
    resident_id = desk.new_id()
    desk.residents.append(resident_id)
    return newcomer(resident_id, "new@nanum.localhost")


def enlarge(desk: Desk) -> Iterable[Said]:
    """One more unit, or another fee."""
    code = desk.any_of(["C10", "C20"])
    if desk.any_of([True, False]):
        yield "inventory", "describe_category", category_data(code, desk.fee_of(code) if code == "C10" else 0)
        return
    barcode = f"NG-{code}-{100 + len(desk.barcodes)}"
    desk.barcodes.append(barcode)
    yield "inventory", "register_item", {"centre": CENTRE, "barcode": barcode, "category": code}
    yield "inventory", "make_item_ready", {"barcode": barcode}


WISHES: dict[Callable[[Desk], Iterable[Said]], int] = {
    lend: 34,
    bring_back: 26,
    shelve: 10,
    mend: 10,
    report: 5,
    suspend: 3,
    join: 3,
    enlarge: 4,
}


def _weighted(table: dict[Any, int]) -> tuple[list[Any], list[int]]:
    return list(table), list(table.values())


def new_uuid(chance: Random) -> UUID:
    """An id that chance makes."""
    return UUID(int=chance.getrandbits(128), version=4)
