"""Decisions about lending: which items may be lent, what it costs, and what follows from the payment."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.chassis.domain import Join, Read, StateReader, make, reads
from services.contracts.base import centre_of, id_of
from services.contracts.rentals import views
from services.contracts.rentals.commands import RequestRental
from services.contracts.rentals.words import CancellationReason, RentedItem
from services.rentals.checkout import model
from services.rentals.checkout.model import ItemAllocation, Rental, RentalRequested, known_rental
from services.rentals.house_rules.model import HouseRules, Rules, in_force
from services.rentals.inventory_items.model import InventoryItem, ItemNotReady, ItemUnknown, LendingCategory
from services.rentals.residents.model import Resident, known_resident

# -- which items can be lent --


def item_reads(centre: str, barcodes: Iterable[str]) -> Iterable[Read]:
    """What :func:`lendable` reads."""
    for barcode in barcodes:
        item_id = id_of(centre, barcode)
        yield InventoryItem, item_id
        yield ItemAllocation, item_id
        yield LendingCategory, Join(InventoryItem, item_id, "category_id")


def lendable(
    read: StateReader, centre: str, barcodes: Sequence[str], nights: int
) -> list[tuple[InventoryItem, LendingCategory]]:
    """The items with their categories' terms. Raises the refusal that stands against the first that can't be lent."""
    found = []
    for barcode in barcodes:
        item_id = id_of(centre, barcode)
        item = read(InventoryItem, item_id)
        category = read(LendingCategory, item.category_id) if item else None
        if item is None or category is None:
            raise ItemUnknown(barcode=barcode)
        allocation = read(ItemAllocation, item_id)
        if allocation and allocation.state == "checking":
            raise model.ItemBeingChecked(barcode=barcode)
        if allocation:
            raise model.ItemAlreadyOut(barcode=barcode, rental_id=allocation.rental_id)
        if item.state != "ready":
            raise ItemNotReady(barcode=barcode, state=item.state)
        if nights > category.max_nights:
            raise model.TooManyNights(category=item.category, limit=category.max_nights, nights=nights)
        found.append((item, category))
    repeated, times = Counter(barcodes).most_common(1)[0]
    if times > 1:
        raise model.BarcodeRepeated(barcode=repeated)
    return found


# -- quoting --


def quoted(
    items: Iterable[tuple[InventoryItem, LendingCategory]], nights: int, rules: Rules, now: datetime
) -> views.Quote:
    """What lending these items now would cost, and when they would be due."""
    lines = tuple(
        views.QuotedItem(
            barcode=item.barcode,
            category=item.category,
            name_ko=category.name_ko,
            name_en=category.name_en,
            fee_krw=category.fee_krw,
        )
        for item, category in items
    )
    due_on, due_at = rules.due(now, nights)
    charged_nights = rules.charged_nights(now, due_on)
    return views.Quote(
        items=lines,
        nights=nights,
        charged_nights=charged_nights,
        due_on=due_on,
        due_at=due_at,
        fee_krw=rules.fee((line.fee_krw for line in lines), charged_nights),
        rules_version=rules.version,
    )


# -- requesting --


def _request_reads(command: RequestRental) -> Iterable[Read]:
    centre = centre_of(command.rental_id)
    yield Rental, command.rental_id
    yield Resident, command.resident_id
    yield HouseRules, centre
    yield from item_reads(centre, command.barcodes)


@reads(_request_reads)
def request_rental(command: RequestRental, read: StateReader, now: datetime) -> list[Any]:
    """Hold the items and quote the fee; where nothing is due, the items are out at once."""
    if read(Rental, command.rental_id):
        return []
    centre = centre_of(command.rental_id)
    rules = in_force(read, centre)
    if command.payment.method not in rules.methods:
        raise model.PaymentMethodUnknown(method=command.payment.method, offered=", ".join(rules.methods))
    if rules.manual_ack_required and not command.manual_acknowledged:
        raise model.ManualNotAcknowledged()
    resident = known_resident(read, command.resident_id)
    resident.may_borrow(rules.today(now))
    items = lendable(read, centre, command.barcodes, command.nights)
    _check_limits(resident, [item.category for item, _ in items], rules)
    offer = quoted(items, command.nights, rules, now)
    requested = make(
        RentalRequested,
        offer,
        centre=centre,
        rental_id=command.rental_id,
        resident_id=command.resident_id,
        items=tuple(RentedItem(barcode=i.barcode, category=i.category, fee_krw=i.fee_krw) for i in offer.items),
        payment_method=command.payment.method,
        requested_at=now,
        answer_by=now + rules.answer_within,
    )
    return [requested] if requested.fee_krw else [requested, _started(requested, None, now)]


def _check_limits(resident: Resident, categories: list[str], rules: Rules) -> None:
    has, more = [holding.category for holding in resident.holdings], len(categories)
    if len(has) + more > rules.items_per_member:
        raise model.TooManyItems(limit=rules.items_per_member, has=len(has), more=more)
    category, times = Counter(has + categories).most_common(1)[0]
    if times > rules.units_of_one_category:
        raise model.TooManyOfCategory(category=category, limit=rules.units_of_one_category)


def _started(rental: Rental | RentalRequested, payment_id: str | None, now: datetime) -> model.RentalStarted:
    items = tuple(RentedItem(barcode=i.barcode, category=i.category, fee_krw=i.fee_krw) for i in rental.items)
    return make(model.RentalStarted, rental, items=items, payment_id=payment_id, started_at=now)


# -- the payment --


def _rental(command: Any) -> Iterable[Read]:
    yield Rental, command.rental_id


@reads(_rental)
def start_rental(command: model.StartRental, read: StateReader, now: datetime) -> list[Any]:
    """Paid: the items are out. A rental that was cancelled meanwhile stays so; billing gives the money back."""
    rental = known_rental(read, command.rental_id)
    return [_started(rental, command.payment_id, now)] if rental.state == "awaiting_payment" else []


@reads(_rental)
def decline_payment(command: model.DeclinePayment, read: StateReader, now: datetime) -> list[Any]:
    """Declined: the items are free again."""
    return _cancelled(known_rental(read, command.rental_id), "payment_declined", now)


@reads(_rental)
def expire_payment(command: model.ExpirePayment, read: StateReader, now: datetime) -> list[Any]:
    """Unanswered: the items are free again."""
    return _cancelled(known_rental(read, command.rental_id), "payment_unanswered", now)


def _cancelled(rental: Rental, reason: CancellationReason, now: datetime) -> list[Any]:
    if rental.state != "awaiting_payment":
        return []
    return [
        make(
            model.RentalCancelled,
            rental,
            barcodes=tuple(line.barcode for line in rental.items),
            categories=tuple(line.category for line in rental.items),
            reason=reason,
            cancelled_at=now,
        )
    ]
