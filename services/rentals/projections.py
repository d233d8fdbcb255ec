"""Facts to rows: which rows each fact touches, and the fold that changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from services.chassis.definition import View
from services.rentals.domain import house_rules, rental, resident, shelf


def _of_rental(fact: Any) -> Iterable[str]:
    return (fact.rental_id,)


def _of_resident(fact: Any) -> Iterable[str]:
    return (fact.resident_id,)


def _heard(field: str) -> Callable[[Any], Iterable[str]]:
    return lambda heard: (heard.data[field],)


def _hold_of(fact: Any) -> Iterable[str]:
    match fact:
        case rental.RentalCancelled():
            return fact.barcodes
        case rental.RentalItemReleased():
            return (fact.barcode,)
        case _:
            return (i.barcode for i in fact.items)


def _open_unit_of(fact: Any) -> Iterable[str]:
    return (rental.unit_id(fact.rental_id, barcode) for barcode in _hold_of(fact))


VIEWS = (
    View(house_rules.HouseRules, house_rules.evolve, {house_rules.HouseRulesAdopted: lambda f: (f.centre,)}),
    View(
        resident.Resident,
        resident.evolve,
        {
            resident.ResidentJoined: _of_resident,
            resident.ResidentVerified: _of_resident,
            resident.ResidentSuspended: _of_resident,
            resident.ResidentReinstated: _of_resident,
            rental.RentalRequested: _of_resident,
            rental.RentalCancelled: _of_resident,
            rental.RentalItemsReturned: _of_resident,
        },
    ),
    View(
        rental.Rental,
        rental.evolve,
        {
            rental.RentalRequested: _of_rental,
            rental.RentalStarted: _of_rental,
            rental.RentalCancelled: _of_rental,
            rental.RentalItemsReturned: _of_rental,
            rental.RentalReturned: _of_rental,
            rental.RentalOverdue: _of_rental,
            rental.RentalItemReleased: _of_rental,
        },
    ),
    View(
        rental.Hold,
        rental.evolve_hold,
        {
            rental.RentalRequested: _hold_of,
            rental.RentalStarted: _hold_of,
            rental.RentalCancelled: _hold_of,
            rental.RentalItemsReturned: _hold_of,
            rental.RentalItemReleased: _hold_of,
        },
        keyed=True,
    ),
    View(
        rental.OpenUnit,
        rental.evolve_open_unit,
        {
            rental.RentalRequested: _open_unit_of,
            rental.RentalCancelled: _open_unit_of,
            rental.RentalItemReleased: _open_unit_of,
        },
        keyed=True,
    ),
    View(
        shelf.ShelfItem,
        shelf.evolve_item,
        {
            name: _heard("barcode")
            for name in (
                "item.registered",
                "item.ready",
                "item.cleaning",
                "item.damaged",
                "item.lost",
                "item.retired",
            )
        },
        source="inventory",
    ),
    View(
        shelf.LendingCategory,
        shelf.evolve_category,
        {"category.described": lambda h: (shelf.category_id(h.data["centre"], h.data["code"]),)},
        source="inventory",
    ),
)
