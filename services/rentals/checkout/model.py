"""A rental: one resident has some items until a due day. From the scan at the desk to the last item back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.chassis.domain import Refused, StateReader, command, event, make, replace, state
from services.contracts import refusals
from services.contracts.base import id_of, within
from services.contracts.rentals import events, views
from services.contracts.rentals.words import RentalLine
from services.contracts.texts import BarcodeRef, CategoryRef, CentreRef, IdRef

# -- events --


@event(stream="rental-{rental_id}")
class RentalRequested(events.RentalRequested):
    """The items are held, the fee is quoted. The answer of the card terminal is awaited until ``answer_by``."""

    answer_by: datetime


@event(stream="rental-{rental_id}")
class RentalStarted(events.RentalStarted):
    """The fee is paid, or nothing was due: the items are out."""


@event(stream="rental-{rental_id}")
class RentalCancelled(events.RentalCancelled):
    """The rental came to nothing; the items are free again."""

    cancelled_at: datetime


@event(stream="rental-{rental_id}")
class RentalItemsReturned(events.RentalItemsReturned):
    """Some items came back; ``late_days`` counts calendar days after the due day."""


@event(stream="rental-{rental_id}")
class RentalReturned(events.RentalReturned):
    """The last item is back."""


@event(stream="rental-{rental_id}")
class RentalMarkedOverdue(events.RentalMarkedOverdue):
    """The due day is over, and items are still out."""


@event("rental.item_released", stream="rental-{rental_id}")
class RentalItemReleased:
    """An item that came back can be lent again."""

    centre: CentreRef
    rental_id: IdRef
    barcode: BarcodeRef
    category: CategoryRef


# -- commands of the service itself --


@command
class StartRental:
    """The fee was captured."""

    rental_id: str
    payment_id: str


@command
class DeclinePayment:
    """The card was declined."""

    rental_id: str


@command
class ExpirePayment:
    """The card terminal gave no answer in time."""

    rental_id: str


# -- refusals --


class RentalUnknown(Refused):
    """There is no rental {rental_id}."""

    kind = refusals.NOT_FOUND
    ko = "대여 {rental_id}을(를) 찾을 수 없습니다."


class ItemInNoRental(Refused):
    """No rental has item {barcode}."""

    kind = refusals.NOT_FOUND
    ko = "물품 {barcode}은(는) 어느 대여에도 속해 있지 않습니다."


class ItemAlreadyOut(Refused):
    """Item {barcode} is with another resident or held at the desk (rental {rental_id})."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}은(는) 이미 대여 중이거나 다른 대여에 잡혀 있습니다(대여 {rental_id})."


class ItemBeingChecked(Refused):
    """Item {barcode} has come back and is being checked and cleaned; it can be lent once inventory calls it ready."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}은(는) 반납 후 점검·세척 중입니다. 준비가 끝나면 대여할 수 있습니다."


class BarcodeRepeated(Refused):
    """Barcode {barcode} is listed twice; scan each item once."""

    kind = refusals.INVALID
    ko = "바코드 {barcode}이(가) 두 번 입력되었습니다. 물품마다 한 번만 스캔하세요."


class TooManyItems(Refused):
    """A resident may have {limit} items at a time; this resident has {has} and asks for {more} more."""

    ko = "1인당 최대 {limit}개까지 대여할 수 있습니다(현재 {has}개, 추가 {more}개)."


class TooManyOfCategory(Refused):
    """A resident may have {limit} items of category {category} at a time."""

    ko = "같은 품목({category})은 1인당 최대 {limit}개까지 대여할 수 있습니다."


class TooManyNights(Refused):
    """Category {category} is lent for at most {limit} nights, not {nights}."""

    ko = "{category} 품목은 최대 {limit}박까지 대여할 수 있습니다(요청 {nights}박)."


class PaymentMethodUnknown(Refused):
    """The payment method {method} is not offered; use one of: {offered}."""

    kind = refusals.INVALID
    ko = "결제 수단 {method}은(는) 사용할 수 없습니다. 가능한 수단: {offered}"


class ManualNotAcknowledged(Refused):
    """The resident must be shown the manual first; lend with manual_acknowledged: true once that was done."""

    ko = "사용 설명서를 안내한 뒤 manual_acknowledged: true로 대여하세요."


# -- states --


@state("rental", key="rental_id", stream="rental-{}")
class Rental(views.Rental):
    """A rental as it stands."""

    version: int = 0

    def still_out(self) -> tuple[str, ...]:
        """The barcodes that have not come back."""
        return tuple(line.barcode for line in self.items if not line.back)


@state("item_allocation", key="item_id")
class ItemAllocation(views.Holder):
    """Why an item can't be lent: held at the desk, out, or back and being checked. No row: no rental has it."""

    item_id: str


@state("open_rental_item", key="rental_item_id")
class OpenRentalItem:
    """An item of an open rental. No decision reads this view: its unique index on ``item_id`` is the database's
    guarantee of one open rental per item."""

    rental_item_id: str
    item_id: str
    rental_id: str


def known_rental(read: StateReader, rental_id: str) -> Rental:
    """The rental. Raises :class:`RentalUnknown`."""
    rental = read(Rental, rental_id)
    if rental is None:
        raise RentalUnknown(rental_id=rental_id)
    return rental


def evolve(rental: Rental | None, event: Any) -> Rental | None:
    """The rental after an event."""
    if isinstance(event, RentalRequested):
        lines = (RentalLine(barcode=i.barcode, category=i.category, fee_krw=i.fee_krw) for i in event.items)
        later = dict.fromkeys(("payment_id", "cancelled_because", "started_at", "returned_at"))
        return make(Rental, event, state="awaiting_payment", items=tuple(lines), overdue=False, **later)
    if rental is None:
        return None
    match event:
        case RentalStarted():
            return replace(rental, state="out", payment_id=event.payment_id, started_at=event.started_at)
        case RentalCancelled():
            return replace(rental, state="cancelled", cancelled_because=event.reason)
        case RentalItemsReturned():
            back = {item.barcode for item in event.items}
            lines = (replace(line, back=line.back or line.barcode in back) for line in rental.items)
            return replace(rental, items=tuple(lines))
        case RentalReturned():
            return replace(rental, state="returned", overdue=False, returned_at=event.returned_at)
        case RentalMarkedOverdue():
            return replace(rental, overdue=True)
        case _:
            return rental


def evolve_allocation(item_id: str, allocation: ItemAllocation | None, event: Any) -> ItemAllocation | None:
    """What holds an item after an event of a rental."""
    match event:
        case RentalRequested():
            return ItemAllocation(
                item_id=item_id,
                centre=event.centre,
                barcode=within(item_id),
                rental_id=event.rental_id,
                resident_id=event.resident_id,
                state="held",
                due_on=event.due_on,
            )
        case RentalStarted() if allocation:
            return replace(allocation, state="out")
        case RentalItemsReturned() if allocation:
            return replace(allocation, state="checking")
        case RentalCancelled() | RentalItemReleased():
            return None
        case _:
            return allocation


def evolve_open_rental_item(rental_item_id: str, unread: None, event: Any) -> OpenRentalItem | None:
    """Open from the request until the item is released, or the rental came to nothing."""
    if not isinstance(event, RentalRequested):
        return None
    barcode = rental_item_id.removeprefix(id_of(event.rental_id, ""))
    item_id = id_of(event.centre, barcode)
    return OpenRentalItem(rental_item_id=rental_item_id, item_id=item_id, rental_id=event.rental_id)


def item_ids_in(owner: str, event: Any) -> Iterable[str]:
    """The ids of the items that an event of a rental is about: ``owner`` names the field that they begin with."""
    match event:
        case RentalCancelled():
            barcodes = event.barcodes
        case RentalItemReleased():
            barcodes = (event.barcode,)
        case _:
            barcodes = tuple(item.barcode for item in event.items)
    return [id_of(getattr(event, owner), barcode) for barcode in barcodes]
