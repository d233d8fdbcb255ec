"""What inventory does about events of rentals."""

from collections.abc import Iterable

from services.chassis.domain import ScheduledCommand, make
from services.chassis.service import Policy, Schedule
from services.contracts.base import id_of
from services.contracts.rentals.events import RentalItemsReturned
from services.inventory.items.model import FinishCleaning, ItemCleaningStarted, ReceiveItem


def returned(event: RentalItemsReturned) -> Iterable[ReceiveItem]:
    """Items came back: each is taken in as the return desk found it."""
    for item in event.items:
        yield make(ReceiveItem, item, item_id=id_of(event.centre, item.barcode), rental_id=event.rental_id)


POLICIES = (Policy(RentalItemsReturned, returned),)


def cleaning_started(event: ItemCleaningStarted) -> Iterable[ScheduledCommand]:
    """The item is made ready when its cleaning buffer ends; without an end, staff makes it ready."""
    if event.until:
        yield ScheduledCommand(make(FinishCleaning, event), event.until)


SCHEDULES = (Schedule(ItemCleaningStarted, cleaning_started),)
