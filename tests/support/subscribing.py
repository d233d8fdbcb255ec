"""What tests of a subscriber look at, and how they have its fold fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest import MonkeyPatch

from services.chassis.messaging.envelope import Message
from services.contracts.inventory.events import ItemMadeReady
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, Desk

UNTIED = {"after_rental": None, "repair_id": None}


def shelf(desk: Desk) -> dict[str, str]:
    """Each item of the shelf and its state."""
    return dict(desk.rows("SELECT barcode, state FROM inventory_item ORDER BY 1"))


def cursor(desk: Desk) -> int:
    """The position up to which inventory was taken in."""
    return int(desk.rows("SELECT position FROM subscription WHERE source = 'inventory'")[0][0])


def fold_instead(monkeypatch: MonkeyPatch, evolve: Callable[..., Any]) -> None:
    """Have ``item.made_ready`` folded otherwise."""
    ((row_type, keys, _, keyed),) = SERVICE.fold_steps[ItemMadeReady]
    monkeypatch.setitem(SERVICE.fold_steps, ItemMadeReady, [(row_type, keys, evolve, keyed)])


def item_lost(desk: Desk, barcode: str = "NG-C10-001") -> Message:
    """The next event: an item is lost."""
    about = {"centre": CENTRE, "barcode": barcode, "category": "C10", "rental_id": None}
    return desk.inventory.publishes("item.lost", f"item-{CENTRE}.{barcode}", **about)
