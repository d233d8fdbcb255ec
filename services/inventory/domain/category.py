"""A category: what kind of thing it is, what it costs, how it is used, and which parts belong to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.chassis.kernel import Look, Refused, fact, intent, needs, state, value


@value
class Part:
    """One line of the parts checklist."""

    ko: str
    en: str
    qty: int


# -- facts --


@fact("category.described", stream="category-{category_id}")
class CategoryDescribed:
    """A category was entered or changed."""

    category_id: str
    centre: str
    code: str
    group: str
    name_ko: str
    name_en: str
    purchase_price_krw: int
    fee_krw: int
    max_nights: int
    hazard: str
    briefing_required: bool
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]


# -- intents --


@intent
class DescribeCategory:
    """Say what a category is."""

    centre: str
    code: str
    group: str
    name_ko: str
    name_en: str
    purchase_price_krw: int
    fee_krw: int
    max_nights: int
    hazard: str
    briefing_required: bool
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]

    @property
    def category_id(self) -> str:
        """The category's id in all centres."""
        return category_id(self.centre, self.code)


# -- refusals --


class CategoryUnknown(Refused):
    """There is no category {category}; describe it first with POST /v1/categories."""

    kind = "not_found"
    ko = "{category} 품목이 없습니다. 먼저 품목을 등록하세요."


# -- state --


@state("category", key="category_id", stream="category-{}")
class Category:
    """A category as last described."""

    category_id: str
    centre: str
    code: str
    group_code: str
    name_ko: str
    name_en: str
    purchase_price_krw: int
    fee_krw: int
    max_nights: int
    hazard: str
    briefing_required: bool
    manual_ko: str
    manual_en: str
    parts: tuple[Part, ...]
    version: int = 0


def category_id(centre: str, code: str) -> str:
    """A category's id in all centres: ``gwangju-namgu.C10``."""
    return f"{centre}.{code}"


def evolve(now: Category | None, fact: CategoryDescribed) -> Category:
    """The category after it was described."""
    said = {name: value for name, value in vars(fact).items() if name != "group"}
    return Category(**said, group_code=fact.group)


# -- decisions --


@needs(lambda cmd: [(Category, cmd.category_id)])
def describe(cmd: DescribeCategory, look: Look, at: datetime) -> list[Any]:
    """Saying the same again changes nothing."""
    fact = CategoryDescribed(category_id=cmd.category_id, **vars(cmd))
    now = look(Category, cmd.category_id)
    if now and evolve(now, fact) == Category(**{**vars(now), "version": 0}):
        return []
    return [fact]
