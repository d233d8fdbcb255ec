"""Decisions about the end of a rental: take back, mark overdue, release what was checked."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from services.chassis.domain import Join, Read, StateReader, make, reads
from services.contracts.base import centre_of, id_of
from services.contracts.inventory.words import MissingPart
from services.contracts.rentals.commands import ReturnItems
from services.contracts.rentals.words import CheckedItem, ReturnedItem
from services.rentals.checkout import model as checkout
from services.rentals.checkout.model import ItemAllocation, Rental, known_rental
from services.rentals.house_rules.model import HouseRules, Rules, in_force
from services.rentals.inventory_items.model import InventoryItem, LendingCategory, PartsChecklist
from services.rentals.residents.model import Resident, known_resident
from services.rentals.returns.model import (
    CauseMissing,
    ItemNotInRental,
    MarkOverdue,
    PartUnknown,
    ReleaseItem,
    RentalNotOut,
    TooManyMissing,
)


def _return_reads(command: ReturnItems) -> Iterable[Read]:
    centre = centre_of(command.rental_id)
    yield Rental, command.rental_id
    yield HouseRules, centre
    yield Resident, Join(Rental, command.rental_id, "resident_id")
    for item_id in (id_of(centre, found.barcode) for found in command.items):
        yield InventoryItem, item_id
        yield LendingCategory, Join(InventoryItem, item_id, "category_id")
        yield PartsChecklist, Join(InventoryItem, item_id, "category_id")


@reads(_return_reads)
def return_items(command: ReturnItems, read: StateReader, now: datetime) -> list[Any]:
    """Take items back. What is back already is left as it was; the last one ends the rental."""
    rental = known_rental(read, command.rental_id)
    _can_be_taken_back(command, rental)
    still_out = set(rental.still_out())
    found = {item.barcode: item for item in command.items if item.barcode in still_out}
    if not found:
        return []
    rules = in_force(read, rental.centre)
    returned = make(
        checkout.RentalItemsReturned,
        rental,
        items=tuple(_checked(item, rental, rules, read, now) for item in found.values()),
        still_out=tuple(barcode for barcode in rental.still_out() if barcode not in found),
        late_days=max(0, (rules.today(now) - rental.due_on).days),
        rules_version=rules.version,
        returned_at=now,
    )
    ended = [] if returned.still_out else [make(checkout.RentalReturned, returned)]
    return [returned, *ended, *_suspension(returned, rules, read, now)]


def _can_be_taken_back(command: ReturnItems, rental: Rental) -> None:
    if rental.state not in ("out", "returned"):
        raise RentalNotOut(rental_id=rental.rental_id, state=rental.state)
    barcodes = {line.barcode for line in rental.items}
    for found in command.items:
        if found.barcode not in barcodes:
            raise ItemNotInRental(barcode=found.barcode, rental_id=rental.rental_id)
        if found.condition == "damaged" and found.cause is None:
            raise CauseMissing(barcode=found.barcode)


def _checked(found: ReturnedItem, rental: Rental, rules: Rules, read: StateReader, now: datetime) -> CheckedItem:
    item = read(InventoryItem, id_of(rental.centre, found.barcode))
    category = read(LendingCategory, item.category_id) if item else None
    group = category.group_code if category and found.condition in ("good", "dirty") else None
    return make(
        CheckedItem,
        found,
        category=next(line.category for line in rental.items if line.barcode == found.barcode),
        missing=_missing(found, read(PartsChecklist, item.category_id) if item else None),
        ready_from=rules.ready_from(now, group) if group else None,
    )


def _missing(found: ReturnedItem, checklist: PartsChecklist | None) -> tuple[MissingPart, ...]:
    """What is missing, by part; a part that is named twice is counted together."""
    parts, counts = checklist.parts if checklist else (), Counter[int]()
    for each in found.missing:
        counts[each.part] += each.count
    for part, count in sorted(counts.items()):
        if part > len(parts) or count > parts[part - 1].qty:
            refused = PartUnknown if part > len(parts) else TooManyMissing
            en = ", ".join(f"{n} {each.en} ({each.qty})" for n, each in enumerate(parts, 1)) or "none"
            ko = ", ".join(f"{n} {each.ko} ({each.qty})" for n, each in enumerate(parts, 1)) or "없음"
            raise refused(barcode=found.barcode, part=part, count=count, parts=en, parts_ko=ko)
    return tuple(MissingPart(part=part, count=count) for part, count in sorted(counts.items()))


def _suspension(returned: checkout.RentalItemsReturned, rules: Rules, read: StateReader, now: datetime) -> list[Any]:
    days = rules.suspension_days(returned.late_days, len(returned.items))
    if not days:
        return []
    resident = known_resident(read, returned.resident_id)
    today = rules.today(now)
    until = max(today, resident.suspended_until or today) + timedelta(days=days)
    return [resident.suspended(until, rules.end_of(until), "late")]


@reads(lambda command: [(Rental, command.rental_id)])
def mark_overdue(command: MarkOverdue, read: StateReader, now: datetime) -> list[Any]:
    """The due day is over; a rental is marked once."""
    rental = known_rental(read, command.rental_id)
    if rental.state != "out" or rental.overdue or now < rental.due_at:
        return []
    out = [line for line in rental.items if not line.back]
    barcodes, categories = tuple(line.barcode for line in out), tuple(line.category for line in out)
    return [make(checkout.RentalMarkedOverdue, rental, barcodes=barcodes, categories=categories)]


@reads(lambda command: [(ItemAllocation, command.item_id), (Rental, command.rental_id)])
def release_item(command: ReleaseItem, read: StateReader, now: datetime) -> list[Any]:
    """Inventory calls an item ready after this rental: release it, unless a later rental has it."""
    allocation = read(ItemAllocation, command.item_id)
    if allocation is None or allocation.rental_id != command.rental_id or allocation.state != "checking":
        return []
    lines = known_rental(read, command.rental_id).items
    category = next(line.category for line in lines if line.barcode == allocation.barcode)
    return [make(checkout.RentalItemReleased, allocation, category=category)]
