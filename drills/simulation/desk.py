"""One centre's desk: what it knows, and what people want there."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from drills.simulation.stock import FEES, ITEMS, Order, barcodes, describe, new_item, newcomer, resident_ids
from drills.simulation.surroundings import Surroundings
from services.inventory.items.model import Item
from services.inventory.repairs.model import Repair
from services.rentals.checkout.model import Rental

CAUSES = ("wear", "ignorance", "accident", "wilful", "lost")


class Desk:
    """The desk of one centre."""

    def __init__(self, surroundings: Surroundings, centre: str) -> None:
        self._surroundings, self._chance, self.centre = surroundings, surroundings.chance, centre
        self.residents, self.barcodes = resident_ids(centre), barcodes(centre)
        self._fees = dict(FEES[centre])
        self._next: list[Order] = []
        self._ids = 1000

    def order(self) -> Order:
        """What is wanted next."""
        if not self._next:
            self._next = self.wish()
        return self._next.pop(0)

    def wish(self) -> list[Order]:
        """What somebody wants, in one or more orders."""
        wish = self._chance.choices(WISHES, WEIGHTS)[0]
        return list(wish(self)) or list(lend(self))

    def rows(self, service: str, row_type: type) -> list[Any]:
        """What a scan at the desk would show."""
        return [row for row in self._surroundings.disks[service].all(row_type) if row.centre == self.centre]

    def any_of(self, things: list[Any]) -> Any:
        """One of them by chance, None when there are none."""
        return self._chance.choice(things) if things else None

    def few_of(self, things: list[Any], most: int) -> list[Any]:
        """One or some of them."""
        return self._chance.sample(things, min(len(things), self._chance.randint(1, most)))

    def new_id(self) -> str:
        """An id that nobody has here; the other desks give the same numbers under their own centre."""
        self._ids += 1
        return f"{self.centre}.{self._ids:032x}"

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
        yield "inventory", "make_item_ready", {"centre": desk.centre, "barcode": item.barcode}


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
    about = {"centre": desk.centre, "barcode": desk.any_of(desk.barcodes)}
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
    return newcomer(resident_id, desk.centre, "new@nanum.localhost")


def enlarge(desk: Desk) -> Iterable[Order]:
    """One more item, or another fee."""
    code = desk.any_of(list(ITEMS[desk.centre]))
    if desk.any_of([True, False]):
        return [describe(desk.centre, code, desk.raised_fee_of(code))]
    barcode = f"NG-{code}-{100 + len(desk.barcodes)}"
    desk.barcodes.append(barcode)
    return new_item(desk.centre, barcode, code)


WISHES = [lend, bring_back, make_ready, mend, report, suspend, join, enlarge]
WEIGHTS = [34, 26, 10, 10, 5, 3, 3, 4]
