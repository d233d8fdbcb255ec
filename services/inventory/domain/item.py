"""An item: one unit with its barcode, from the books to the shelf. Which rental it is out on, rentals knows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.chassis.kernel import fact, intent, replace, state
from services.inventory.domain.repair import RepairOpened, RepairReturned, RepairSent

PREPARING, READY, CLEANING, DAMAGED, REPAIR, LOST, RETIRED = (
    "preparing",
    "ready",
    "cleaning",
    "damaged",
    "repair",
    "lost",
    "retired",
)

# -- facts --


@fact("item.registered", stream="item-{barcode}")
class ItemRegistered:
    """A unit was entered into the books."""

    centre: str
    barcode: str
    category: str


@fact("item.ready", stream="item-{barcode}")
class ItemReady:
    """The unit can be lent; ``reason``: new, cleaned, repaired or found."""

    centre: str
    barcode: str
    category: str
    reason: str
    after_rental: str | None


@fact("item.cleaning", stream="item-{barcode}")
class ItemCleaning:
    """The unit came back and rests until it is clean: by itself at ``until``, or (None) when staff says so."""

    centre: str
    barcode: str
    rental_id: str
    missing: tuple[str, ...]
    until: datetime | None


@fact("item.incomplete", stream="item-{barcode}")
class ItemIncomplete:
    """The unit came back without some of its parts; it is prepared again before it can be lent."""

    centre: str
    barcode: str
    rental_id: str
    missing: tuple[str, ...]


@fact("item.damaged", stream="item-{barcode}")
class ItemDamaged:
    """The unit can't be lent until it is repaired."""

    centre: str
    barcode: str
    category: str
    rental_id: str | None
    cause: str


@fact("item.lost", stream="item-{barcode}")
class ItemLost:
    """The unit can't be found."""

    centre: str
    barcode: str
    rental_id: str | None


@fact("item.retired", stream="item-{barcode}")
class ItemRetired:
    """The unit left the books."""

    centre: str
    barcode: str


# -- intents --


@intent
class RegisterItem:
    """Enter a unit into the books."""

    centre: str
    barcode: str
    category: str


@intent
class MakeItemReady:
    """Declare a unit ready to be lent."""

    barcode: str


@intent
class ReportDamage:
    """Take a damaged unit out of lending."""

    barcode: str
    cause: str


@intent
class ReportLost:
    """Record that a unit can't be found."""

    barcode: str


@intent
class RetireItem:
    """Take a unit out of the books."""

    barcode: str


@intent
class TakeBackItem:
    """What the return desk found."""

    barcode: str
    rental_id: str
    condition: str
    cause: str | None
    missing: tuple[str, ...]
    ready_from: datetime | None


@intent
class FinishCleaning:
    """The cleaning buffer is over."""

    barcode: str
    rental_id: str


# -- state --


@state("item", key="barcode", stream="item-{}")
class Item:
    """A unit as inventory sees it. ``last_rental`` is the rental it last came back from; ``damages`` counts repairs."""

    barcode: str
    centre: str
    category: str
    category_id: str
    state: str
    last_rental: str | None = None
    repair_id: str | None = None
    missing: tuple[str, ...] = ()
    damages: int = 0
    version: int = 0


@state("out_item", key="barcode")
class OutItem:
    """A unit that a rental holds or has out, as rentals published it. No row: it is here."""

    barcode: str
    rental_id: str
    state: str
    due_on: Any


def evolve(barcode: str, now: Item | None, fact: Any) -> Item | None:
    """The unit after a fact."""
    if isinstance(fact, ItemRegistered):
        return Item(
            barcode=barcode,
            centre=fact.centre,
            category=fact.category,
            category_id=f"{fact.centre}.{fact.category}",
            state=PREPARING,
        )
    if now is None:
        return None
    match fact:
        case ItemReady():
            return replace(now, state=READY, missing=(), repair_id=None)
        case ItemCleaning():
            return replace(now, state=CLEANING, last_rental=fact.rental_id, missing=fact.missing)
        case ItemIncomplete():
            return replace(now, state=PREPARING, last_rental=fact.rental_id, missing=fact.missing)
        case ItemDamaged():
            return replace(now, state=DAMAGED, last_rental=fact.rental_id or now.last_rental, damages=now.damages + 1)
        case ItemLost():
            return replace(now, state=LOST, last_rental=fact.rental_id or now.last_rental)
        case ItemRetired():
            return replace(now, state=RETIRED)
        case RepairOpened():
            return replace(now, repair_id=fact.repair_id)
        case RepairSent():
            return replace(now, state=REPAIR)
        case RepairReturned():
            return replace(now, state=PREPARING if fact.mended else now.state)
        case _:
            return now
