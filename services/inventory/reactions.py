"""What follows from a fact: another service's fact becomes our intent, our own fact sets our timers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.chassis.definition import Later, Timer
from services.chassis.kernel import Heard
from services.contracts import rentals
from services.inventory.domain import item

HEARS = {
    ("rentals", "rental.requested"): rentals.RentalRequested,
    ("rentals", "rental.started"): rentals.RentalStarted,
    ("rentals", "rental.cancelled"): rentals.RentalCancelled,
    ("rentals", "rental.items_returned"): rentals.RentalItemsReturned,
}


def came_back(heard: Heard) -> Iterable[Any]:
    """Units came back: each is cleaned, mended, or ready again."""
    for found in heard.data["items"]:
        yield item.TakeBackItem(
            barcode=found["barcode"],
            rental_id=heard.data["rental_id"],
            condition=found["condition"],
            cause=found["cause"],
            missing=tuple(found["missing"]),
            ready_from=found["ready_from"],
        )


REACTIONS = {("rentals", "rental.items_returned"): came_back}


def let_rest(fact: item.ItemCleaning) -> Iterable[Later]:
    """When the cleaning buffer is over, the unit is ready by itself."""
    if fact.until:
        yield Later("finish_cleaning", {"barcode": fact.barcode, "rental_id": fact.rental_id}, fact.until)


SCHEDULE = {item.ItemCleaning: let_rest}

JOBS = {
    "finish_cleaning": Timer(lambda data: item.FinishCleaning(barcode=data["barcode"], rental_id=data["rental_id"])),
}
