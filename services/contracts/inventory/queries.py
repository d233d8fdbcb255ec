"""What may be read of inventory."""

from typing import Annotated

from msgspec import Meta

from services.contracts.base import Barcode, CategoryCode, Centre, Id, Page, query
from services.contracts.inventory import views
from services.contracts.inventory.words import Group, ItemState, RepairState


@query(views.Category, paged=True)
class Categories(Page):
    """The catalogue, each category with its total and its free count."""

    centre: Centre
    group: Group | None = None
    q: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    available: bool | None = None


@query(views.Category)
class Category:
    """One category with its manual and parts."""

    centre: Centre
    code: CategoryCode


@query(views.Item, paged=True)
class Items(Page):
    """Items, by category or state. ``whose``: as for one item."""

    centre: Centre
    category: CategoryCode | None = None
    state: ItemState | None = None
    whose: bool = False


@query(views.Item)
class Item:
    """One item by its barcode. ``whose``: also which rental has it, and which had it last."""

    centre: Centre
    barcode: Barcode
    whose: bool = False


@query(views.Repair, paged=True)
class Repairs(Page):
    """Repairs, newest first."""

    centre: Centre
    state: RepairState | None = None
    barcode: Barcode | None = None


@query(views.Repair)
class Repair:
    """One repair."""

    repair_id: Id
