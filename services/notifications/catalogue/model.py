"""What notifications knows of the catalogue: each category's names, fee and manual, as inventory published them."""

from services.chassis.domain import make, state, value
from services.contracts.base import id_of
from services.contracts.inventory.events import CategoryDescribed
from services.contracts.inventory.words import Group, Part
from services.contracts.texts import CatalogueText


@value
class Description:
    """What a category is called, what it costs for a night, how it is used, what belongs to it."""

    group: Group
    name_ko: CatalogueText
    name_en: CatalogueText
    fee_krw: int
    max_nights: int
    manual_ko: CatalogueText
    manual_en: CatalogueText
    parts: tuple[Part, ...]


@state("category", key="category_id")
class Category(Description):
    """A category as inventory last described it."""

    category_id: str
    code: str


def evolve(category: Category | None, event: CategoryDescribed) -> Category:
    """The category as inventory last described it."""
    return make(Category, event, category_id=id_of(event.centre, event.code))
