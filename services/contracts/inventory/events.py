"""What inventory publishes."""

from datetime import datetime

from services.contracts.base import Won, id_of, integration_event
from services.contracts.inventory.words import CategoryDescription, Cause, OfItem, ReadyReason
from services.contracts.texts import CategoryRef, IdRef, MakerRef


@integration_event("category.described")
class CategoryDescribed(CategoryDescription):
    """A category was entered or changed."""

    @property
    def category_id(self) -> str:
        """The category's key in all centres."""
        return id_of(self.centre, self.code)


@integration_event("item.registered")
class ItemRegistered(OfItem):
    """An item was entered into the books."""

    category: CategoryRef


@integration_event("item.made_ready")
class ItemMadeReady(OfItem):
    """An item can be lent. ``after_rental``: the rental it came back from; ``repair_id``: the repair it came from."""

    category: CategoryRef
    reason: ReadyReason
    after_rental: IdRef | None
    repair_id: IdRef | None


@integration_event("item.cleaning_started")
class ItemCleaningStarted(OfItem):
    """An item came back and rests until it is clean; ``until`` is null when staff has to clean it first."""

    category: CategoryRef
    rental_id: IdRef
    until: datetime | None


@integration_event("item.damaged")
class ItemDamaged(OfItem):
    """An item can't be lent until it is repaired."""

    category: CategoryRef
    rental_id: IdRef | None
    cause: Cause


@integration_event("item.lost")
class ItemLost(OfItem):
    """An item can't be found."""

    category: CategoryRef
    rental_id: IdRef | None


@integration_event("item.retired")
class ItemRetired(OfItem):
    """An item left the books."""

    category: CategoryRef


@integration_event("repair.opened")
class RepairOpened(OfItem):
    """A repair was opened for a damaged item."""

    repair_id: IdRef
    rental_id: IdRef | None
    cause: Cause


@integration_event("repair.sent")
class RepairSent(OfItem):
    """An item went to its maker."""

    repair_id: IdRef
    maker: MakerRef


@integration_event("repair.returned")
class RepairReturned(OfItem):
    """An item is back from its maker; the district bore the cost."""

    repair_id: IdRef
    rental_id: IdRef | None
    mended: bool
    cost_krw: Won
