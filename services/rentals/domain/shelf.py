"""What rentals knows of the shelf: units and categories, as inventory has published them."""

from __future__ import annotations

from services.chassis.kernel import Heard, Refused, replace, state

READY = "ready"
_STATES = {
    "item.registered": "preparing",
    "item.ready": READY,
    "item.cleaning": "cleaning",
    "item.damaged": "damaged",
    "item.lost": "lost",
    "item.retired": "retired",
}


class ItemUnknown(Refused):
    """No item has the barcode {barcode}; scan it again or look it up in the catalogue."""

    kind = "not_found"
    ko = "바코드 {barcode} 물품이 없습니다. 다시 스캔하거나 목록에서 확인하세요."


class ItemNotReady(Refused):
    """Item {barcode} is not ready to be lent: it is {state}."""

    kind = "conflict"
    ko = "물품 {barcode}은(는) 아직 대여할 수 없습니다(상태: {state})."


@state("shelf_item", key="barcode")
class ShelfItem:
    """A unit: its category and whether inventory calls it ready."""

    barcode: str
    centre: str
    category: str
    category_id: str
    state: str


@state("lending_category", key="category_id")
class LendingCategory:
    """A category's terms: its nightly fee and its longest rental."""

    category_id: str
    code: str
    group_code: str
    name_ko: str
    name_en: str
    fee_krw: int
    max_nights: int


def category_id(centre: str, code: str) -> str:
    """A category's id in all centres: ``gwangju-namgu.C10``."""
    return f"{centre}.{code}"


def evolve_item(now: ShelfItem | None, heard: Heard) -> ShelfItem | None:
    """The unit after what inventory said of it."""
    data, state = heard.data, _STATES[heard.type]
    if heard.type == "item.registered":
        code = data["category"]
        return ShelfItem(
            barcode=data["barcode"],
            centre=data["centre"],
            category=code,
            category_id=category_id(data["centre"], code),
            state=state,
        )
    return replace(now, state=state) if now else None


def evolve_category(now: LendingCategory | None, heard: Heard) -> LendingCategory:
    """The category as inventory last described it."""
    data = heard.data
    return LendingCategory(
        category_id=category_id(data["centre"], data["code"]),
        code=data["code"],
        group_code=data["group"],
        name_ko=data["name_ko"],
        name_en=data["name_en"],
        fee_krw=data["fee_krw"],
        max_nights=data["max_nights"],
    )
