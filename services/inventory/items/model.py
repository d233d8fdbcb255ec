"""An item: one thing with its barcode, from registration to retirement. Rentals decides which rental has it."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

from services.chassis.domain import Refused, command, event, make, replace, state, value
from services.contracts import refusals
from services.contracts.base import id_of
from services.contracts.inventory import events, views
from services.contracts.inventory.words import Cause, Condition, MissingPart, OfItem
from services.contracts.rentals import events as rentals
from services.contracts.texts import IdRef
from services.inventory.repairs.model import RepairOpened, RepairReturned, RepairSent

# -- events --


@event(stream="item-{centre}.{barcode}")
class ItemRegistered(events.ItemRegistered):
    """An item was entered into the books."""


@event(stream="item-{centre}.{barcode}")
class ItemMadeReady(events.ItemMadeReady):
    """The item can be lent. ``repair_id``: the repair it came from, when the reason is `repaired`."""


@event(stream="item-{centre}.{barcode}")
class ItemCleaningStarted(events.ItemCleaningStarted):
    """The item came back and rests until it is clean: by itself at ``until``, or (None) when staff says so."""

    missing: tuple[MissingPart, ...]


@event("item.returned_incomplete", stream="item-{centre}.{barcode}")
class ItemReturnedIncomplete(OfItem):
    """The item came back without some of its parts; it is prepared again before it can be lent."""

    rental_id: IdRef
    missing: tuple[MissingPart, ...]


@event(stream="item-{centre}.{barcode}")
class ItemDamaged(events.ItemDamaged):
    """The item can't be lent until it is repaired."""


@event(stream="item-{centre}.{barcode}")
class ItemLost(events.ItemLost):
    """The item can't be found."""


@event(stream="item-{centre}.{barcode}")
class ItemRetired(events.ItemRetired):
    """The item left the books."""


# -- commands --


@command
class ReceiveItem:
    """Take in an item as the return desk found it."""

    item_id: str
    rental_id: str
    condition: Condition
    cause: Cause | None
    missing: tuple[MissingPart, ...]
    ready_from: datetime | None


@command
class FinishCleaning:
    """Make an item ready, as the cleaning buffer after this rental is over."""

    item_id: str
    rental_id: str


# -- refusals --


class ItemNotRegistered(Refused):
    """No item has the barcode {barcode}; register it with POST /v1/items."""

    kind = refusals.NOT_FOUND
    ko = "바코드 {barcode} 물품이 없습니다. 먼저 물품을 등록하세요."


class BarcodeTaken(Refused):
    """The barcode {barcode} belongs to another item already; print a new label."""

    kind = refusals.CONFLICT
    ko = "바코드 {barcode}은(는) 이미 다른 물품에 쓰이고 있습니다. 새 라벨을 인쇄하세요."


class ItemIsOut(Refused):
    """Item {barcode} is out on rental {rental_id}; take it back first."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}은(는) 대여 중입니다(대여 {rental_id}). 먼저 반납 처리하세요."


class ItemReceivedOtherwise(Refused):
    """Item {barcode} was received from rental {rental_id} as {was} already, and is said to be {now}; check the item."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}은(는) 대여 {rental_id}에서 이미 {was} 상태로 반납되었습니다({now} 아님). 물품을 확인하세요."


class ItemCannot(Refused):
    """Item {barcode} is {state}, so this can't be done with it."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}의 상태({state})에서는 처리할 수 없습니다."


# -- states --


@value
class Finding:
    """How an item was when it came back, as far as that decided where it went."""

    condition: Condition
    cause: Cause | None = None
    missing: tuple[MissingPart, ...] = ()


@state("item", key="item_id", stream="item-{}")
class Item(views.ItemRecord):
    """An item as inventory keeps it. ``last_rental``: the rental it last came back from, as ``found``; ``damages``
    counts repairs."""

    item_id: str
    found: Finding | None = None
    version: int = 0


@state("rented_out", key="item_id")
class RentedOut:
    """An item that a rental holds or has out, as rentals published it. Without a row the item is at the centre."""

    item_id: str
    centre: str
    rental_id: str
    state: Literal["held", "out"]
    due_on: date


def evolve(item: Item | None, event: Any) -> Item | None:
    """The item after an event."""
    if isinstance(event, ItemRegistered):
        return make(Item, event, state="preparing", last_rental=None, repair_id=None, missing=(), damages=0)
    if item is None:
        return None
    match event:
        case ItemMadeReady():
            return replace(item, state="ready", missing=(), repair_id=None)
        case ItemCleaningStarted():
            found = Finding(condition="good" if event.until else "dirty")
            return replace(item, state="cleaning", last_rental=event.rental_id, missing=event.missing, found=found)
        case ItemReturnedIncomplete():
            found = Finding(condition="good", missing=event.missing)
            return replace(item, state="preparing", last_rental=event.rental_id, missing=event.missing, found=found)
        case ItemDamaged():
            damaged = replace(item, state="damaged", damages=item.damages + 1)
            return _received(damaged, event.rental_id, Finding(condition="damaged", cause=event.cause))
        case ItemLost():
            return _received(replace(item, state="lost"), event.rental_id, Finding(condition="lost"))
        case ItemRetired():
            return replace(item, state="retired")
        case RepairOpened():
            return replace(item, repair_id=event.repair_id)
        case RepairSent():
            return replace(item, state="repair")
        case RepairReturned(mended=True):
            return replace(item, state="preparing")
    return item


def _received(item: Item, rental_id: str | None, found: Finding) -> Item:
    return replace(item, last_rental=rental_id, found=found) if rental_id else item


def repair_id(item: Item) -> str:
    """The id of the item's next repair: ``gwangju-namgu.NG-C10-004-1`` is its first."""
    return id_of(item.centre, f"{item.barcode}-{item.damages + 1}")


def item_id_of(repair_id: str) -> str:
    """The id of the item of a repair."""
    return repair_id.rpartition("-")[0]


def evolve_rented_out(item_id: str, row: RentedOut | None, event: Any) -> RentedOut | None:
    """Who has the item after an event of a rental; the end of another rental than the row's changes nothing."""
    match event:
        case rentals.RentalRequested():
            state: Literal["held", "out"] = "held"
        case rentals.RentalStarted():
            state = "out"
        case _:
            return row if row and row.rental_id != event.rental_id else None
    about = {"centre": event.centre, "rental_id": event.rental_id, "due_on": event.due_on}
    return RentedOut(item_id=item_id, state=state, **about)


def rented_out_keys(event: Any) -> Iterable[str]:
    """The items that an event of a rental is about."""
    barcodes = event.barcodes if isinstance(event, rentals.RentalCancelled) else [line.barcode for line in event.items]
    return [id_of(event.centre, barcode) for barcode in barcodes]
