"""A category: what it is, what it costs for a night, how it is used, and which parts belong to it."""

from services.chassis.domain import Refused, event, state
from services.contracts import refusals
from services.contracts.base import id_of
from services.contracts.inventory import events, views

# -- events --


@event(stream="category-{centre}.{code}")
class CategoryDescribed(events.CategoryDescribed):
    """A category was entered or changed."""


# -- refusals --


class CategoryUnknown(Refused):
    """There is no category {category}; describe it first with POST /v1/categories."""

    kind = refusals.NOT_FOUND
    ko = "{category} 품목이 없습니다. 먼저 품목을 등록하세요."


# -- state --


@state("category", key="category_id", stream="category-{}")
class Category(views.CategoryDescription):
    """A category as last described."""

    category_id: str
    version: int = 0


def evolve(category: Category | None, event: CategoryDescribed) -> Category:
    """The category after it was described."""
    return Category(category_id=id_of(event.centre, event.code), **vars(event))
