"""What may be asked of inventory."""

from typing import Annotated

from msgspec import Meta

from services.contracts.base import CategoryCode, Centre, Code, Id, Krw, Maker, Reference, command, id_of
from services.contracts.inventory.words import Cause, Group, ItemNamed, Manual, Name, NightlyFee, Nights, Part


@command
class DescribeCategory:
    """Say what a category is: its names, price, fee, manual and parts. Saying the same again changes nothing."""

    centre: Centre
    code: CategoryCode
    group: Group
    name_ko: Name
    name_en: Name
    purchase_price_krw: Krw
    fee_krw: NightlyFee
    max_nights: Nights
    hazard: Code
    briefing_required: bool
    manual_ko: Manual
    manual_en: Manual
    parts: Annotated[tuple[Part, ...], Meta(max_length=50)]

    @property
    def category_id(self) -> str:
        """The category's id in all centres."""
        return id_of(self.centre, self.code)


@command
class RegisterItem(ItemNamed):
    """Enter an item into the books under its barcode; it is prepared before it can be lent."""

    category: CategoryCode


@command
class MakeItemReady(ItemNamed):
    """Declare a prepared, cleaned, found or repaired item ready to be lent."""


@command
class ReportDamage(ItemNamed):
    """Take a damaged item out of lending and open its repair."""

    cause: Cause


@command
class ReportLost(ItemNamed):
    """Record that an item can't be found."""


@command
class RetireItem(ItemNamed):
    """Take an item out of the books for good."""


@command
class SendRepair:
    """Hand a damaged item to its maker's after-sales service."""

    repair_id: Id
    maker: Maker
    reference: Reference | None = None


@command
class ReturnRepair:
    """The item is back from the maker: mended, or not worth mending (then it is retired)."""

    repair_id: Id
    mended: bool
    cost_krw: Annotated[Krw, Meta(description="whole won, borne by the district")]
