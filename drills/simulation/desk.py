"""The people at the desk: they send commands, get no answer now and then, and send again with the same id."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from drills.simulation.process import Process, Request
from drills.simulation.stock import CENTRE, FEES, Order, describe, new_item, newcomer
from drills.simulation.surroundings import Surroundings
from services.chassis.commands.handler import CommandMessage, Metadata
from services.contracts.base import Actor
from services.inventory.items.model import Item
from services.inventory.repairs.model import Repair
from services.rentals.checkout.model import Rental

CAUSES = ("wear", "ignorance", "accident", "wilful", "lost")


class Desk:
    """Sends ``left`` more commands."""

    def __init__(self, surroundings: Surroundings, processes: Mapping[str, Process]) -> None:
        self._surroundings, self._processes, self.left = surroundings, processes, 0
        self._chance = surroundings.chance
        self.requests: list[Request] = []
        self._next: list[Order] = []
        self.residents = [f"{CENTRE}.{n:032x}" for n in range(3)]
        self.barcodes = [f"NG-C10-{n:03}" for n in range(1, 5)] + ["NG-C20-001", "NG-C20-002"]
        self._fees = dict(FEES)

    @property
    def unanswered(self) -> list[Request]:
        """The requests that have no answer, and of which no copy is under way."""
        return [r for r in self.requests if not r.answers and not r.under_way]

    def step(self) -> str:
        """Send something new, or send again."""
        again = self.unanswered
        if again and (not self.left or self._chance.random() < 0.6):
            return "again: " + self.send(self._chance.choice(again))
        if not self.left:
            return self.send(self._chance.choice(self.requests))  # a copy of the request was still on its way
        self.left -= 1
        if not self._next:
            wish = self._chance.choices(WISHES, WEIGHTS)[0]
            self._next = list(wish(self)) or list(lend(self))
        request = self.request(self._next.pop(0), {"role": "desk", "centre": CENTRE})
        self.requests.append(request)
        return self.send(request)

    def request(self, order: Order, actor: Actor) -> Request:
        """A request for an order, under a new id."""
        service, name, data = order
        id = UUID(int=self._chance.getrandbits(128), version=4)
        return Request(service, CommandMessage(id, name, data, Metadata(actor, f"request-{id}")))

    def send(self, request: Request) -> str:
        """Send a request, now and then twice."""
        process = self._processes[request.service]
        if not process.up:
            return f"{request}: the service is down"
        for _ in range(2 if self._chance.random() < 0.1 else 1):
            request.under_way += 1
            process.inbox.append(request)
        return str(request)

    def rows(self, service: str, row_type: type) -> list[Any]:
        """What a scan at the desk would show."""
        return self._surroundings.disks[service].all(row_type)

    def any_of(self, things: list[Any]) -> Any:
        """One of them by chance, None when there are none."""
        return self._chance.choice(things) if things else None

    def few_of(self, things: list[Any], most: int) -> list[Any]:
        """One or some of them."""
        return self._chance.sample(things, min(len(things), self._chance.randint(1, most)))

    def new_id(self) -> str:
        """An id that carries the centre."""
        return f"{CENTRE}.{self._chance.getrandbits(128):032x}"

    def raised_fee_of(self, code: str) -> int:
        """Another fee for a category; what is free stays free."""
        self._fees[code] += 100 if self._fees[code] else 0
        return self._fees[code]

    def day(self, ahead: int) -> str:
        """A day."""
        return (self._surroundings.now + timedelta(days=self._chance.randint(0, ahead))).date().isoformat()


def lend(desk: Desk) -> Iterable[Order]:
    """Somebody wants something, whether it is there or not."""
    data = {
        "rental_id": desk.new_id(),
        "resident_id": desk.any_of(desk.residents),
        "barcodes": desk.few_of(desk.barcodes, 2),
        "nights": desk.any_of([1, 2, 3]),
        "payment": {"method": "card_terminal"},
        "manual_acknowledged": True,
    }
    yield "rentals", "request_rental", data


def bring_back(desk: Desk) -> Iterable[Order]:
    """Somebody brings back all of it or a part, in whatever state."""
    rental = desk.any_of([r for r in desk.rows("rentals", Rental) if r.state == "out"])
    if rental:
        items = [_found(desk, barcode) for barcode in desk.few_of(list(rental.still_out()), 2)]
        yield "rentals", "return_items", {"rental_id": rental.rental_id, "items": items}


def _found(desk: Desk, barcode: str) -> dict[str, Any]:
    condition = desk.any_of(["good", "good", "good", "dirty", "damaged", "lost"])
    missing = desk.any_of([[], [], [], [{"part": 1, "count": 1}]])
    cause = desk.any_of(list(CAUSES)) if condition == "damaged" else None
    return {"barcode": barcode, "condition": condition, "cause": cause, "missing": missing}


def make_ready(desk: Desk) -> Iterable[Order]:
    """Make something ready that is not."""
    item = desk.any_of([i for i in desk.rows("inventory", Item) if i.state in ("preparing", "cleaning", "lost")])
    if item:
        yield "inventory", "make_item_ready", {"centre": CENTRE, "barcode": item.barcode}


def mend(desk: Desk) -> Iterable[Order]:
    """Send a repair away, or take it back."""
    repair = desk.any_of([r for r in desk.rows("inventory", Repair) if r.state in ("open", "sent")])
    if repair and repair.state == "open":
        yield "inventory", "send_repair", {"repair_id": repair.repair_id, "maker": "kovea", "reference": "R-1"}
    elif repair:
        mended = desk.any_of([True, True, True, False])
        yield "inventory", "return_repair", {"repair_id": repair.repair_id, "mended": mended, "cost_krw": 5000}


def report(desk: Desk) -> Iterable[Order]:
    """Something in stock is broken or gone."""
    about = {"centre": CENTRE, "barcode": desk.any_of(desk.barcodes)}
    if desk.any_of([True, False]):
        yield "inventory", "report_damage", {**about, "cause": desk.any_of(list(CAUSES))}
    else:
        yield "inventory", "report_lost", about


def suspend(desk: Desk) -> Iterable[Order]:
    """Stop lending to somebody, and change one's mind."""
    resident_id = desk.any_of(desk.residents)
    yield "rentals", "suspend_resident", {"resident_id": resident_id, "until": desk.day(3), "reason": "late"}
    yield "rentals", "reinstate_resident", {"resident_id": resident_id}


def join(desk: Desk) -> Iterable[Order]:
    """Somebody new."""
    resident_id = desk.new_id()
    desk.residents.append(resident_id)
    return newcomer(resident_id, "new@nanum.localhost")


def enlarge(desk: Desk) -> Iterable[Order]:
    """One more item, or another fee."""
    code = desk.any_of(["C10", "C20"])
    if desk.any_of([True, False]):
        return [describe(code, desk.raised_fee_of(code))]
    barcode = f"NG-{code}-{100 + len(desk.barcodes)}"
    desk.barcodes.append(barcode)
    return new_item(barcode, code)


WISHES = [lend, bring_back, make_ready, mend, report, suspend, join, enlarge]
WEIGHTS = [34, 26, 10, 10, 5, 3, 3, 4]
