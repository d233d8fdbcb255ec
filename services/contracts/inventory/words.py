"""The enumerations of inventory, and the values that several of its contracts share."""

from typing import Annotated, Literal

from msgspec import Meta

from services.contracts.base import Barcode, Centre, Won, id_of, value
from services.contracts.texts import CATALOGUE_TEXT, BarcodeRef, CatalogueText, CategoryRef, CentreRef, CodeRef, unseen

Group = Literal["daily", "camping", "tool"]
Condition = Literal["good", "dirty", "damaged", "lost"]
Cause = Literal["wear", "ignorance", "inexperience", "accident", "wilful", "transferred", "lost"]
ItemState = Literal["preparing", "ready", "held", "out", "cleaning", "damaged", "repair", "lost", "retired"]
ReadyReason = Literal["new", "cleaned", "repaired", "found"]
RepairState = Literal["open", "sent", "mended", "scrapped"]

Name = Annotated[str, Meta(min_length=1, max_length=100, extra={"check": unseen}), CATALOGUE_TEXT]
Manual = Annotated[str, Meta(min_length=1, max_length=4000, extra={"check": unseen}), CATALOGUE_TEXT]
Nights = Annotated[int, Meta(ge=1, le=365)]
NightlyFee = Annotated[int, Meta(ge=0, le=50_000, description="ordinary fee of one charged night, whole won")]


@value
class Part:
    """One line of a category's parts checklist."""

    ko: Name
    en: Name
    qty: Annotated[int, Meta(ge=1, le=100)]


@value
class MissingPart:
    """A part that an item lacks: its line in the category's parts checklist, from 1, and how many are missing."""

    part: Annotated[int, Meta(ge=1, le=50, examples=[2])]
    count: Annotated[int, Meta(ge=1, le=100, examples=[1])]


@value
class CategoryDescription:
    """What a category is, as it is published and answered."""

    centre: CentreRef
    code: CategoryRef
    group: Group
    name_ko: CatalogueText
    name_en: CatalogueText
    purchase_price_krw: Won
    fee_krw: Won
    max_nights: int
    hazard: CodeRef
    briefing_required: bool
    manual_ko: CatalogueText
    manual_en: CatalogueText
    parts: tuple[Part, ...]


@value
class OfItem:
    """What is about one item of a centre."""

    centre: CentreRef
    barcode: BarcodeRef

    @property
    def item_id(self) -> str:
        """The item's key in all centres."""
        return id_of(self.centre, self.barcode)


@value
class ItemNamed(OfItem):
    """A command about one item of a centre."""

    centre: Centre
    barcode: Barcode
