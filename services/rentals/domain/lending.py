"""Decisions about a rental: lend, confirm, cancel, take back, mark overdue, release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from services.chassis.kernel import Look, Need, Refused, Via, needs
from services.rentals.domain import rental as facts
from services.rentals.domain.house_rules import HouseRules, Rules, centre_of, in_force
from services.rentals.domain.rental import (
    AWAITING_PAYMENT,
    CHECKING,
    OUT,
    CheckedItem,
    Hold,
    OpenUnit,
    Rental,
    RentedItem,
    ReturnedItem,
    ReturnItems,
    StartRental,
    unit_id,
)
from services.rentals.domain.resident import Resident, known, suspended
from services.rentals.domain.shelf import READY, ItemNotReady, ItemUnknown, LendingCategory, ShelfItem

PAYMENT_METHODS = ("card_terminal",)

# -- refusals --


class RentalUnknown(Refused):
    """There is no rental {rental_id}."""

    kind = "not_found"
    ko = "대여 {rental_id}을(를) 찾을 수 없습니다."


class ItemAlreadyOut(Refused):
    """Item {barcode} is with another resident or held at the desk (rental {rental_id})."""

    kind = "conflict"
    ko = "물품 {barcode}은(는) 이미 대여 중이거나 다른 대여에 잡혀 있습니다(대여 {rental_id})."


class ItemBeingChecked(Refused):
    """Item {barcode} has come back and is being checked and cleaned; it can be lent once inventory calls it ready."""

    kind = "conflict"
    ko = "물품 {barcode}은(는) 반납 후 점검·세척 중입니다. 준비가 끝나면 대여할 수 있습니다."


class BarcodeRepeated(Refused):
    """Barcode {barcode} is listed twice; scan each item once."""

    kind = "invalid"
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

    kind = "invalid"
    ko = "결제 수단 {method}은(는) 사용할 수 없습니다. 가능한 수단: {offered}"


class ManualNotAcknowledged(Refused):
    """The resident must be shown the manual first; lend with manual_acknowledged: true once that was done."""

    ko = "사용 설명서를 안내한 뒤 manual_acknowledged: true로 대여하세요."


class RentalNotOut(Refused):
    """Rental {rental_id} is {state}; only a rental that is out can be returned."""

    kind = "conflict"
    ko = "대여 {rental_id}의 상태는 {state}입니다. 대여 중인 건만 반납할 수 있습니다."


class ItemNotInRental(Refused):
    """Item {barcode} does not belong to rental {rental_id}; scan it at the desk to see whose it is."""

    kind = "conflict"
    ko = "물품 {barcode}은(는) 이 대여에 속하지 않습니다. 데스크에서 스캔해 확인하세요."


class CauseMissing(Refused):
    """Item {barcode} is damaged: say the cause, as it decides who pays."""

    kind = "invalid"
    ko = "물품 {barcode}이(가) 파손되었습니다. 비용 부담을 정하려면 원인을 입력하세요."


# -- decisions --


def _start_needs(cmd: StartRental) -> Iterable[Need]:
    for barcode in cmd.barcodes:
        yield OpenUnit, unit_id(cmd.rental_id, barcode)
    yield Resident, cmd.resident_id
    yield Rental, cmd.rental_id
    yield HouseRules, centre_of(cmd.rental_id)
    yield from _item_needs(cmd.barcodes)


def _item_needs(barcodes: Iterable[str]) -> Iterable[Need]:
    for barcode in barcodes:
        yield ShelfItem, barcode
        yield Hold, barcode
        yield LendingCategory, Via(ShelfItem, barcode, "category_id")


@needs(_start_needs)
def start(cmd: StartRental, look: Look, at: datetime) -> list[Any]:
    """Hold the units and quote the fee; where nothing is due, the units are out at once."""
    if look(Rental, cmd.rental_id):
        return []
    centre = centre_of(cmd.rental_id)
    rules = in_force(look, centre)
    if cmd.payment.method not in PAYMENT_METHODS or cmd.payment.method not in rules.methods:
        raise PaymentMethodUnknown(method=cmd.payment.method, offered=", ".join(PAYMENT_METHODS))
    if rules.manual_ack_required and not cmd.manual_acknowledged:
        raise ManualNotAcknowledged()
    resident = known(look, cmd.resident_id)
    resident.may_borrow(rules.today(at))
    items = [RentedItem(barcode=i.barcode, category=i.category, fee_krw=c.fee_krw) for i, c in lendable(cmd, look)]
    _within_limits(resident, items, rules)
    due_on, due_at = rules.due(at, cmd.nights)
    charged = rules.charged_nights(at, due_on)
    requested = facts.RentalRequested(
        centre=centre,
        rental_id=cmd.rental_id,
        resident_id=cmd.resident_id,
        items=tuple(items),
        nights=cmd.nights,
        charged_nights=charged,
        due_on=due_on,
        due_at=due_at,
        fee_krw=rules.fee((i.fee_krw for i in items), charged),
        payment_method=cmd.payment.method,
        rules_version=rules.version,
        requested_at=at,
        answer_by=at + rules.answer_within,
    )
    if requested.fee_krw:
        return [requested]
    return [requested, _started(requested, None, at)]


def lendable(cmd: Any, look: Look) -> list[tuple[ShelfItem, LendingCategory]]:
    """The units asked for with their terms. Raises the refusal that stands against the first that can't be lent."""
    found = []
    for barcode in cmd.barcodes:
        item = look(ShelfItem, barcode)
        category = look(LendingCategory, item.category_id) if item else None
        if item is None or category is None:
            raise ItemUnknown(barcode=barcode)
        hold = look(Hold, barcode)
        if hold and hold.state == CHECKING:
            raise ItemBeingChecked(barcode=barcode)
        if hold:
            raise ItemAlreadyOut(barcode=barcode, rental_id=hold.rental_id)
        if item.state != READY:
            raise ItemNotReady(barcode=barcode, state=item.state)
        if cmd.nights > category.max_nights:
            raise TooManyNights(category=item.category, limit=category.max_nights, nights=cmd.nights)
        found.append((item, category))
    repeated = [barcode for barcode, times in Counter(cmd.barcodes).items() if times > 1]
    if repeated:
        raise BarcodeRepeated(barcode=repeated[0])
    return found


def _within_limits(resident: Resident, items: list[RentedItem], rules: Rules) -> None:
    has, more = len(resident.holdings), len(items)
    if has + more > rules.items_per_member:
        raise TooManyItems(limit=rules.items_per_member, has=has, more=more)
    of_category = Counter([h.category for h in resident.holdings] + [i.category for i in items])
    category, units = of_category.most_common(1)[0]
    if units > rules.units_of_one_category:
        raise TooManyOfCategory(category=category, limit=rules.units_of_one_category)


def _started(now: Any, payment_id: str | None, at: datetime) -> facts.RentalStarted:
    return facts.RentalStarted(
        centre=now.centre,
        rental_id=now.rental_id,
        resident_id=now.resident_id,
        items=tuple(RentedItem(barcode=i.barcode, category=i.category, fee_krw=i.fee_krw) for i in now.items),
        due_on=now.due_on,
        due_at=now.due_at,
        fee_krw=now.fee_krw,
        payment_id=payment_id,
        started_at=at,
    )


def _rental(look: Look, rental_id: str) -> Rental:
    rental = look(Rental, rental_id)
    if rental is None:
        raise RentalUnknown(rental_id=rental_id)
    return rental


def _rental_needs(cmd: Any) -> Iterable[Need]:
    yield Rental, cmd.rental_id


@needs(_rental_needs)
def confirm_payment(cmd: facts.ConfirmPayment, look: Look, at: datetime) -> list[Any]:
    """Paid: the units are out. A rental that was cancelled meanwhile stays so; billing gives the money back."""
    rental = _rental(look, cmd.rental_id)
    return [_started(rental, cmd.payment_id, at)] if rental.state == AWAITING_PAYMENT else []


@needs(_rental_needs)
def decline_payment(cmd: facts.DeclinePayment, look: Look, at: datetime) -> list[Any]:
    """Declined: the units are free again."""
    return _cancelled(_rental(look, cmd.rental_id), "payment_declined", at)


@needs(_rental_needs)
def expire_payment(cmd: facts.ExpirePayment, look: Look, at: datetime) -> list[Any]:
    """Unanswered: the units are free again."""
    return _cancelled(_rental(look, cmd.rental_id), "payment_unanswered", at)


def _cancelled(rental: Rental, reason: str, at: datetime) -> list[Any]:
    if rental.state != AWAITING_PAYMENT:
        return []
    return [
        facts.RentalCancelled(
            centre=rental.centre,
            rental_id=rental.rental_id,
            resident_id=rental.resident_id,
            barcodes=tuple(line.barcode for line in rental.items),
            reason=reason,
            cancelled_at=at,
        )
    ]


def _return_needs(cmd: ReturnItems) -> Iterable[Need]:
    yield Rental, cmd.rental_id
    yield HouseRules, centre_of(cmd.rental_id)
    yield Resident, Via(Rental, cmd.rental_id, "resident_id")
    yield from _item_needs(i.barcode for i in cmd.items)


@needs(_return_needs)
def take_back(cmd: ReturnItems, look: Look, at: datetime) -> list[Any]:
    """Take units back. What is back already is left as it was; the last one ends the rental."""
    rental = _rental(look, cmd.rental_id)
    if rental.state not in (OUT, facts.RETURNED):
        raise RentalNotOut(rental_id=cmd.rental_id, state=rental.state)
    lines = {line.barcode: line for line in rental.items}
    for found in cmd.items:
        if found.barcode not in lines:
            raise ItemNotInRental(barcode=found.barcode, rental_id=cmd.rental_id)
        if found.condition == "damaged" and found.cause is None:
            raise CauseMissing(barcode=found.barcode)
    news = {found.barcode: found for found in cmd.items if not lines[found.barcode].back}
    if not news:
        return []
    rules = in_force(look, rental.centre)
    late_days = max(0, (rules.today(at) - rental.due_on).days)
    checked = tuple(_checked(found, lines[found.barcode].category, rules, look, at) for found in news.values())
    still_out = tuple(b for b in rental.still_out() if b not in news)
    about = {"centre": rental.centre, "rental_id": rental.rental_id, "resident_id": rental.resident_id}
    returned: list[Any] = [
        facts.RentalItemsReturned(
            **about,
            items=checked,
            still_out=still_out,
            late_days=late_days,
            rules_version=rules.version,
            returned_at=at,
        )
    ]
    if not still_out:
        returned.append(facts.RentalReturned(**about, late_days=late_days, returned_at=at))
    return returned + _suspension(rental, look, rules, late_days, len(news), at)


def _checked(found: ReturnedItem, category: str, rules: Rules, look: Look, at: datetime) -> CheckedItem:
    item = look(ShelfItem, found.barcode)
    terms = look(LendingCategory, item.category_id) if item else None
    rests = found.condition in ("good", "dirty") and terms is not None
    return CheckedItem(
        barcode=found.barcode,
        category=category,
        condition=found.condition,
        cause=found.cause,
        missing=found.missing,
        ready_from=rules.ready_from(at, terms.group_code) if rests and terms else None,
    )


def _suspension(rental: Rental, look: Look, rules: Rules, late_days: int, units: int, at: datetime) -> list[Any]:
    days = rules.suspension_days(late_days, units)
    if not days:
        return []
    resident = known(look, rental.resident_id)
    begins = max(rules.today(at), resident.suspended_until or rules.today(at))
    return [suspended(resident, rules, begins + timedelta(days=days), "late")]


@needs(_rental_needs)
def mark_overdue(cmd: facts.MarkOverdue, look: Look, at: datetime) -> list[Any]:
    """The due day is over; once is enough."""
    rental = _rental(look, cmd.rental_id)
    if rental.state != OUT or rental.overdue or at < rental.due_at:
        return []
    return [
        facts.RentalOverdue(
            centre=rental.centre,
            rental_id=rental.rental_id,
            resident_id=rental.resident_id,
            barcodes=rental.still_out(),
            due_on=rental.due_on,
        )
    ]


@needs(lambda cmd: [(Hold, cmd.barcode), (Rental, cmd.rental_id), (OpenUnit, unit_id(cmd.rental_id, cmd.barcode))])
def release(cmd: facts.ReleaseItem, look: Look, at: datetime) -> list[Any]:
    """Inventory calls a unit ready after this rental: let go of it, unless a later rental holds it."""
    hold = look(Hold, cmd.barcode)
    if hold is None or hold.rental_id != cmd.rental_id or hold.state != CHECKING:
        return []
    return [facts.RentalItemReleased(centre=centre_of(cmd.rental_id), rental_id=cmd.rental_id, barcode=cmd.barcode)]
