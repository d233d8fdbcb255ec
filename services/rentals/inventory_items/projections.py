"""The views of inventory's items and categories, folded from what inventory publishes."""

from collections.abc import Mapping
from typing import Any

from services.chassis.domain import make, replace
from services.chassis.service import Projection
from services.contracts.base import id_of
from services.contracts.inventory import events
from services.rentals.inventory_items.model import InventoryItem, LendingCategory, PartsChecklist

STATE_AFTER: Mapping[type, str] = {
    events.ItemRegistered: "preparing",
    events.ItemMadeReady: "ready",
    events.ItemCleaningStarted: "cleaning",
    events.ItemDamaged: "damaged",
    events.ItemLost: "lost",
    events.ItemRetired: "retired",
}


def evolve_item(item: InventoryItem | None, event: Any) -> InventoryItem | None:
    """The item after an event of inventory."""
    state = STATE_AFTER[type(event)]
    if isinstance(event, events.ItemRegistered):
        return make(InventoryItem, event, category_id=id_of(event.centre, event.category), state=state)
    return replace(item, state=state) if item else None


def evolve_category(category: LendingCategory | None, event: events.CategoryDescribed) -> LendingCategory:
    """The category as inventory last described it."""
    return make(LendingCategory, event, group_code=event.group)


def evolve_parts(parts: PartsChecklist | None, event: events.CategoryDescribed) -> PartsChecklist:
    """The parts as inventory last described them."""
    return make(PartsChecklist, event)


PROJECTIONS = (
    Projection(InventoryItem, evolve_item, tuple(STATE_AFTER)),
    Projection(LendingCategory, evolve_category, (events.CategoryDescribed,)),
    Projection(PartsChecklist, evolve_parts, (events.CategoryDescribed,)),
)
