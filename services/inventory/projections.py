"""Facts to rows: which rows each fact touches, and the fold that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.chassis.definition import View
from services.chassis.kernel import Heard
from services.inventory.domain import category, item, repair


def _of_item(fact: Any) -> Iterable[str]:
    return (fact.barcode,)


def _of_repair(fact: Any) -> Iterable[str]:
    return (fact.repair_id,)


def _units(heard: Heard) -> Iterable[str]:
    return heard.data.get("barcodes") or [i["barcode"] for i in heard.data["items"]]


def _out(barcode: str, now: item.OutItem | None, heard: Heard) -> item.OutItem | None:
    if heard.type in ("rental.cancelled", "rental.items_returned"):
        return None
    state = "held" if heard.type == "rental.requested" else "out"
    return item.OutItem(barcode=barcode, rental_id=heard.data["rental_id"], state=state, due_on=heard.data["due_on"])


VIEWS = (
    View(category.Category, category.evolve, {category.CategoryDescribed: lambda f: (f.category_id,)}),
    View(
        item.Item,
        item.evolve,
        dict.fromkeys(
            (
                item.ItemRegistered,
                item.ItemReady,
                item.ItemCleaning,
                item.ItemIncomplete,
                item.ItemDamaged,
                item.ItemLost,
                item.ItemRetired,
                repair.RepairOpened,
                repair.RepairSent,
                repair.RepairReturned,
            ),
            _of_item,
        ),
        keyed=True,
    ),
    View(
        repair.Repair,
        repair.evolve,
        dict.fromkeys((repair.RepairOpened, repair.RepairSent, repair.RepairReturned), _of_repair),
    ),
    View(
        item.OutItem,
        _out,
        dict.fromkeys(("rental.requested", "rental.started", "rental.cancelled", "rental.items_returned"), _units),
        source="rentals",
        keyed=True,
    ),
)
