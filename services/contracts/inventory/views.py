"""What inventory answers."""

from datetime import date, datetime

from services.contracts.base import view
from services.contracts.inventory import words
from services.contracts.inventory.words import Cause, ItemState, MissingPart, RepairState


@view
class CategoryDescription(words.CategoryDescription):
    """A category as last described."""

    version: int


@view
class Category(CategoryDescription):
    """A category with the number of its items and how many of them are free."""

    total: int
    free: int


@view
class ItemRecord:
    """One item as inventory keeps it, whoever has it now."""

    centre: str
    barcode: str
    category: str
    state: ItemState
    last_rental: str | None
    repair_id: str | None
    missing: tuple[MissingPart, ...]
    damages: int
    version: int


@view
class Item(ItemRecord):
    """One item: `held` or `out` while a rental has it, with its due day. Staff also see which rental that is."""

    rental_id: str | None
    due_on: date | None


@view
class Repair:
    """One repair."""

    repair_id: str
    centre: str
    barcode: str
    rental_id: str | None
    cause: Cause
    state: RepairState
    maker: str | None
    reference: str | None
    cost_krw: int | None
    opened_at: datetime
    sent_at: datetime | None
    returned_at: datetime | None
    version: int
