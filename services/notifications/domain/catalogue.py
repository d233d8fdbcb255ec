"""What notifications knows of the catalogue: each category's names and manual, as inventory has published them."""

from __future__ import annotations

from services.chassis.kernel import Heard, Refused, state, value


class CategoryUnheard(Refused):
    """No category {category} is known here; describe it in inventory first."""

    kind = "not_found"
    ko = "품목 {category}을(를) 찾을 수 없습니다. 먼저 품목을 등록하세요."


@value
class Part:
    """One line of a category's parts checklist."""

    ko: str
    en: str
    qty: int


@state("category", key="category_id")
class Category:
    """A category: what it is called, what it costs for a night, how it is used, what belongs to it."""

    category_id: str
    code: str
    group_code: str
    name_ko: str
    name_en: str
    fee_krw: int
    max_nights: int
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]


def category_id(centre: str, code: str) -> str:
    """A category's id in all centres: ``gwangju-namgu.C10``."""
    return f"{centre}.{code}"


def evolve(now: Category | None, heard: Heard) -> Category:
    """The category as inventory last described it."""
    data = heard.data
    return Category(
        category_id=category_id(data["centre"], data["code"]),
        code=data["code"],
        group_code=data["group"],
        name_ko=data["name_ko"],
        name_en=data["name_en"],
        fee_krw=data["fee_krw"],
        max_nights=data["max_nights"],
        manual_ko=data["manual_ko"],
        manual_en=data["manual_en"],
        parts=tuple(Part(ko=p["ko"], en=p["en"], qty=p["qty"]) for p in data["parts"]),
    )
