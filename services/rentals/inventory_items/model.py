"""What rentals knows of inventory's items: each item's state, and the terms of its category."""

from services.chassis.domain import Refused, state
from services.contracts import refusals
from services.contracts.inventory.words import Group, Part


class ItemUnknown(Refused):
    """No item has the barcode {barcode}; scan it again or look it up in the catalogue."""

    kind = refusals.NOT_FOUND
    ko = "바코드 {barcode} 물품이 없습니다. 다시 스캔하거나 목록에서 확인하세요."


class ItemNotReady(Refused):
    """Item {barcode} is not ready to be lent: it is {state}."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}은(는) 아직 대여할 수 없습니다(상태: {state})."


@state("inventory_item", key="item_id")
class InventoryItem:
    """An item: its category, and its state after the last event that inventory published of it."""

    item_id: str
    barcode: str
    category: str
    category_id: str
    state: str


@state("lending_category", key="category_id")
class LendingCategory:
    """A category's terms: its nightly fee and its longest rental."""

    category_id: str
    code: str
    group_code: Group
    name_ko: str
    name_en: str
    fee_krw: int
    max_nights: int


@state("parts_checklist", key="category_id")
class PartsChecklist:
    """The parts that belong to each item of a category; a part's number is its line, from 1."""

    category_id: str
    parts: tuple[Part, ...]
