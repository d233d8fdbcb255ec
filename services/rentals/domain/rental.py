"""A rental: one resident has some units until a due day. From the scan at the desk to the last unit back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.chassis.kernel import fact, intent, replace, state, value

AWAITING_PAYMENT, OUT, RETURNED, CANCELLED = "awaiting_payment", "out", "returned", "cancelled"
HELD, CHECKING = "held", "checking"

# -- values --


@value
class RentedItem:
    """A unit of a rental, with its nightly fee at the time."""

    barcode: str
    category: str
    fee_krw: int


@value
class CheckedItem:
    """A unit that came back, as the desk found it."""

    barcode: str
    category: str
    condition: str
    cause: str | None
    missing: tuple[str, ...]
    ready_from: datetime | None


@value
class RentalLine:
    """A unit in the rental's row; ``back`` once it was returned."""

    barcode: str
    category: str
    fee_krw: int
    back: bool = False


# -- facts --


@fact("rental.requested", stream="rental-{rental_id}")
class RentalRequested:
    """The units are held, the fee is quoted. The answer of the card terminal is awaited until ``answer_by``."""

    centre: str
    rental_id: str
    resident_id: str
    items: tuple[RentedItem, ...]
    nights: int
    charged_nights: int
    due_on: date
    due_at: datetime
    fee_krw: int
    payment_method: str
    rules_version: int
    requested_at: datetime
    answer_by: datetime


@fact("rental.started", stream="rental-{rental_id}")
class RentalStarted:
    """Paid, or free: the units are out."""

    centre: str
    rental_id: str
    resident_id: str
    items: tuple[RentedItem, ...]
    due_on: date
    due_at: datetime
    fee_krw: int
    payment_id: str | None
    started_at: datetime


@fact("rental.cancelled", stream="rental-{rental_id}")
class RentalCancelled:
    """The rental came to nothing; the units are free again."""

    centre: str
    rental_id: str
    resident_id: str
    barcodes: tuple[str, ...]
    reason: str
    cancelled_at: datetime


@fact("rental.items_returned", stream="rental-{rental_id}")
class RentalItemsReturned:
    """Some units came back; ``late_days`` counts calendar days after the due day."""

    centre: str
    rental_id: str
    resident_id: str
    items: tuple[CheckedItem, ...]
    still_out: tuple[str, ...]
    late_days: int
    rules_version: int
    returned_at: datetime


@fact("rental.returned", stream="rental-{rental_id}")
class RentalReturned:
    """The last unit is back."""

    centre: str
    rental_id: str
    resident_id: str
    late_days: int
    returned_at: datetime


@fact("rental.overdue", stream="rental-{rental_id}")
class RentalOverdue:
    """The due day is over, and units are still out."""

    centre: str
    rental_id: str
    resident_id: str
    barcodes: tuple[str, ...]
    due_on: date


@fact("rental.item_released", stream="rental-{rental_id}")
class RentalItemReleased:
    """A unit that came back is ready again: nothing holds it any more."""

    centre: str
    rental_id: str
    barcode: str


# -- intents --


@value
class Payment:
    """How the fee is paid."""

    method: str


@intent
class StartRental:
    """Lend units to a resident."""

    rental_id: str
    resident_id: str
    barcodes: tuple[str, ...]
    nights: int
    payment: Payment
    manual_acknowledged: bool


@intent
class ConfirmPayment:
    """The fee was captured."""

    rental_id: str
    payment_id: str


@intent
class DeclinePayment:
    """The card was declined."""

    rental_id: str


@intent
class ExpirePayment:
    """Nobody answered in time."""

    rental_id: str


@value
class ReturnedItem:
    """What the desk found on one unit."""

    barcode: str
    condition: str
    cause: str | None = None
    missing: tuple[str, ...] = ()


@intent
class ReturnItems:
    """Take units back."""

    rental_id: str
    items: tuple[ReturnedItem, ...]


@intent
class MarkOverdue:
    """The due day is over."""

    rental_id: str


@intent
class ReleaseItem:
    """A unit that came back is ready again."""

    barcode: str
    rental_id: str


# -- state --


@state("rental", key="rental_id", stream="rental-{}")
class Rental:
    """A rental as it stands."""

    rental_id: str
    centre: str
    resident_id: str
    state: str
    items: tuple[RentalLine, ...]
    nights: int
    charged_nights: int
    due_on: date
    due_at: datetime
    fee_krw: int
    payment_method: str
    payment_id: str | None
    overdue: bool
    cancelled_because: str | None
    rules_version: int
    requested_at: datetime
    started_at: datetime | None
    returned_at: datetime | None
    version: int = 0

    def still_out(self) -> tuple[str, ...]:
        """The barcodes that have not come back."""
        return tuple(line.barcode for line in self.items if not line.back)


@state("hold", key="barcode")
class Hold:
    """Why a unit can't be lent: held at the desk, out, or back and being checked. No row: nothing holds it."""

    barcode: str
    rental_id: str
    resident_id: str
    state: str
    due_on: date


@state("open_unit", key="unit_id")
class OpenUnit:
    """A unit in an open rental. Nothing decides by it: its table has each barcode once at most, the last guard of the
    great rule of one open rental for each unit."""

    unit_id: str
    barcode: str
    rental_id: str


def unit_id(rental_id: str, barcode: str) -> str:
    """The id of a unit in a rental."""
    return f"{rental_id}/{barcode}"


def evolve_open_unit(key: str, now: OpenUnit | None, fact: Any) -> OpenUnit | None:
    """Open from the request until the unit is released, or the rental came to nothing."""
    if isinstance(fact, RentalRequested):
        return OpenUnit(unit_id=key, barcode=key.partition("/")[2], rental_id=fact.rental_id)
    return None


def evolve(now: Rental | None, fact: Any) -> Rental | None:
    """The rental after a fact."""
    if isinstance(fact, RentalRequested):
        return _requested(fact)
    if now is None:
        return None
    match fact:
        case RentalStarted():
            return replace(now, state=OUT, payment_id=fact.payment_id, started_at=fact.started_at)
        case RentalCancelled():
            return replace(now, state=CANCELLED, cancelled_because=fact.reason)
        case RentalItemsReturned():
            back = {item.barcode for item in fact.items}
            return replace(now, items=tuple(replace(i, back=i.back or i.barcode in back) for i in now.items))
        case RentalReturned():
            return replace(now, state=RETURNED, overdue=False, returned_at=fact.returned_at)
        case RentalOverdue():
            return replace(now, overdue=True)
        case _:
            return now


def _requested(fact: RentalRequested) -> Rental:
    return Rental(
        rental_id=fact.rental_id,
        centre=fact.centre,
        resident_id=fact.resident_id,
        state=AWAITING_PAYMENT,
        items=tuple(RentalLine(barcode=i.barcode, category=i.category, fee_krw=i.fee_krw) for i in fact.items),
        nights=fact.nights,
        charged_nights=fact.charged_nights,
        due_on=fact.due_on,
        due_at=fact.due_at,
        fee_krw=fact.fee_krw,
        payment_method=fact.payment_method,
        payment_id=None,
        overdue=False,
        cancelled_because=None,
        rules_version=fact.rules_version,
        requested_at=fact.requested_at,
        started_at=None,
        returned_at=None,
    )


def evolve_hold(barcode: str, now: Hold | None, fact: Any) -> Hold | None:
    """What holds a unit after a fact of a rental."""
    match fact:
        case RentalRequested():
            return Hold(
                barcode=barcode,
                rental_id=fact.rental_id,
                resident_id=fact.resident_id,
                state=HELD,
                due_on=fact.due_on,
            )
        case RentalStarted() if now:
            return replace(now, state=OUT)
        case RentalItemsReturned() if now:
            return replace(now, state=CHECKING)
        case RentalCancelled() | RentalItemReleased():
            return None
        case _:
            return now
