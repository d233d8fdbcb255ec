"""Decisions about units: enter, make ready, take back, damage, repair, lose, retire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.chassis.kernel import Look, Need, Refused, Via, needs
from services.inventory.domain import item as facts
from services.inventory.domain import repair as repairs
from services.inventory.domain.category import Category, CategoryUnknown, category_id
from services.inventory.domain.item import (
    CLEANING,
    DAMAGED,
    LOST,
    PREPARING,
    READY,
    REPAIR,
    RETIRED,
    Item,
    OutItem,
    TakeBackItem,
)
from services.inventory.domain.repair import Repair

# -- refusals --


class ItemNotRegistered(Refused):
    """No item has the barcode {barcode}; register it with POST /v1/items."""

    kind = "not_found"
    ko = "바코드 {barcode} 물품이 없습니다. 먼저 물품을 등록하세요."


class BarcodeTaken(Refused):
    """The barcode {barcode} belongs to another item already; print a new label."""

    kind = "conflict"
    ko = "바코드 {barcode}은(는) 이미 다른 물품에 쓰이고 있습니다. 새 라벨을 인쇄하세요."


class ItemIsOut(Refused):
    """Item {barcode} is out on rental {rental_id}; take it back first."""

    kind = "conflict"
    ko = "물품 {barcode}은(는) 대여 중입니다(대여 {rental_id}). 먼저 반납 처리하세요."


class ItemCannot(Refused):
    """Item {barcode} is {state}, so this can't be done with it."""

    kind = "conflict"
    ko = "물품 {barcode}의 상태({state})에서는 처리할 수 없습니다."


# -- looking --


def _item_needs(cmd: Any) -> Iterable[Need]:
    yield Item, cmd.barcode
    yield OutItem, cmd.barcode


def _known(look: Look, barcode: str) -> Item:
    item = look(Item, barcode)
    if item is None:
        raise ItemNotRegistered(barcode=barcode)
    return item


def _here(look: Look, barcode: str) -> Item:
    item, out = _known(look, barcode), look(OutItem, barcode)
    if out and item.state == READY:
        raise ItemIsOut(barcode=barcode, rental_id=out.rental_id)
    return item


# -- decisions --


@needs(lambda cmd: [(Item, cmd.barcode), (Category, category_id(cmd.centre, cmd.category))])
def register(cmd: facts.RegisterItem, look: Look, at: datetime) -> list[Any]:
    """A barcode is entered once; the same unit again changes nothing."""
    item = look(Item, cmd.barcode)
    if item and (item.centre, item.category) == (cmd.centre, cmd.category):
        return []
    if item:
        raise BarcodeTaken(barcode=cmd.barcode)
    if look(Category, category_id(cmd.centre, cmd.category)) is None:
        raise CategoryUnknown(category=cmd.category)
    return [facts.ItemRegistered(centre=cmd.centre, barcode=cmd.barcode, category=cmd.category)]


@needs(_item_needs)
def make_ready(cmd: facts.MakeItemReady, look: Look, at: datetime) -> list[Any]:
    """Ready for whoever comes next; what was repaired or found says so, as it is announced."""
    item = _known(look, cmd.barcode)
    if item.state == READY:
        return []
    if item.state in (DAMAGED, REPAIR, RETIRED):
        raise ItemCannot(barcode=cmd.barcode, state=item.state)
    reasons = {CLEANING: "cleaned", LOST: "found"}
    reason = reasons.get(item.state) or ("repaired" if item.repair_id else "cleaned" if item.last_rental else "new")
    return [_ready(item, reason)]


def _ready(item: Item, reason: str) -> facts.ItemReady:
    return facts.ItemReady(
        centre=item.centre,
        barcode=item.barcode,
        category=item.category,
        reason=reason,
        after_rental=item.last_rental,
    )


@needs(_item_needs)
def report_damage(cmd: facts.ReportDamage, look: Look, at: datetime) -> list[Any]:
    """Out of lending, and a repair is opened."""
    item = _here(look, cmd.barcode)
    if item.state == DAMAGED:
        return []
    if item.state not in (READY, PREPARING, CLEANING, LOST):
        raise ItemCannot(barcode=cmd.barcode, state=item.state)
    return _damaged(item, None, cmd.cause, at)


def _damaged(item: Item, rental_id: str | None, cause: str, at: datetime) -> list[Any]:
    repair_id = f"{item.centre}.{item.barcode}-{item.damages + 1}"
    about: dict[str, Any] = {"centre": item.centre, "barcode": item.barcode, "rental_id": rental_id, "cause": cause}
    return [
        facts.ItemDamaged(**about, category=item.category),
        repairs.RepairOpened(**about, repair_id=repair_id, opened_at=at),
    ]


@needs(_item_needs)
def report_lost(cmd: facts.ReportLost, look: Look, at: datetime) -> list[Any]:
    """What can't be found can't be lent."""
    item = _here(look, cmd.barcode)
    if item.state == LOST:
        return []
    if item.state == RETIRED:
        raise ItemCannot(barcode=cmd.barcode, state=item.state)
    return [facts.ItemLost(centre=item.centre, barcode=item.barcode, rental_id=None)]


@needs(_item_needs)
def retire(cmd: facts.RetireItem, look: Look, at: datetime) -> list[Any]:
    """Out of the books for good."""
    item = _here(look, cmd.barcode)
    return [] if item.state == RETIRED else [facts.ItemRetired(centre=item.centre, barcode=item.barcode)]


@needs(_item_needs)
def take_back(cmd: TakeBackItem, look: Look, at: datetime) -> list[Any]:
    """A unit came back: repair, look for its parts, clean, or straight to the shelf. One rental returns it once."""
    item = _known(look, cmd.barcode)
    if item.last_rental == cmd.rental_id or item.state == RETIRED:
        return []
    match cmd.condition:
        case "damaged":
            return _damaged(item, cmd.rental_id, cmd.cause or "wear", at)
        case "lost":
            return [facts.ItemLost(centre=item.centre, barcode=item.barcode, rental_id=cmd.rental_id)]
    about: dict[str, Any] = {"centre": item.centre, "barcode": item.barcode, "rental_id": cmd.rental_id}
    about["missing"] = cmd.missing
    if cmd.missing:
        return [facts.ItemIncomplete(**about)]
    until = None if cmd.condition == "dirty" else cmd.ready_from or at
    rests = facts.ItemCleaning(**about, until=until)  # what is dirty rests until somebody has cleaned it
    if cmd.ready_from or cmd.condition == "dirty":
        return [rests]
    return [rests, _ready(facts.evolve(item.barcode, item, rests) or item, "cleaned")]


@needs(_item_needs)
def finish_cleaning(cmd: facts.FinishCleaning, look: Look, at: datetime) -> list[Any]:
    """The buffer after this rental is over; what was damaged or lent meanwhile is left as it is."""
    item = look(Item, cmd.barcode)
    if item is None or item.state != CLEANING or item.last_rental != cmd.rental_id:
        return []
    return [_ready(item, "cleaned")]


def _repair_needs(cmd: Any) -> Iterable[Need]:
    yield Repair, cmd.repair_id
    yield Item, Via(Repair, cmd.repair_id, "barcode")


def _repair(look: Look, repair_id: str) -> Repair:
    repair = look(Repair, repair_id)
    if repair is None:
        raise repairs.RepairUnknown(repair_id=repair_id)
    return repair


@needs(_repair_needs)
def send_repair(cmd: repairs.SendRepair, look: Look, at: datetime) -> list[Any]:
    """To the maker; sent twice is sent once."""
    repair = _repair(look, cmd.repair_id)
    if repair.state == repairs.SENT:
        return []
    if repair.state != repairs.OPEN:
        raise repairs.RepairNotSendable(repair_id=cmd.repair_id, state=repair.state)
    return [
        repairs.RepairSent(
            centre=repair.centre,
            repair_id=repair.repair_id,
            barcode=repair.barcode,
            maker=cmd.maker,
            reference=cmd.reference,
            sent_at=at,
        )
    ]


@needs(_repair_needs)
def return_repair(cmd: repairs.ReturnRepair, look: Look, at: datetime) -> list[Any]:
    """Back from the maker: mended, and prepared for the shelf; or not worth it, and retired."""
    repair = _repair(look, cmd.repair_id)
    if repair.state == (repairs.MENDED if cmd.mended else repairs.SCRAPPED):
        return []
    if repair.state not in (repairs.OPEN, repairs.SENT):
        raise repairs.RepairNotReturnable(repair_id=cmd.repair_id, state=repair.state)
    back = repairs.RepairReturned(
        centre=repair.centre,
        repair_id=repair.repair_id,
        barcode=repair.barcode,
        rental_id=repair.rental_id,
        mended=cmd.mended,
        cost_krw=cmd.cost_krw,
        returned_at=at,
    )
    if cmd.mended:
        return [back]
    return [back, facts.ItemRetired(centre=repair.centre, barcode=repair.barcode)]
