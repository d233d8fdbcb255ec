"""What follows from inventory's check of an item that came back."""

from collections.abc import Iterable

from services.chassis.domain import ScheduledCommand
from services.chassis.service import Policy, Schedule
from services.contracts.inventory.events import ItemMadeReady
from services.rentals.checkout.model import RentalStarted
from services.rentals.returns.model import MarkOverdue, ReleaseItem


def release(event: ItemMadeReady) -> Iterable[ReleaseItem]:
    """An item is ready after a rental: that rental has it no longer."""
    if event.after_rental:
        yield ReleaseItem(item_id=event.item_id, rental_id=event.after_rental)


POLICIES = (Policy(ItemMadeReady, release),)


def mark_overdue(event: RentalStarted) -> Iterable[ScheduledCommand]:
    """When the due day is over, a rental that still has items out is overdue."""
    yield ScheduledCommand(MarkOverdue(rental_id=event.rental_id), event.due_at)


SCHEDULES = (Schedule(RentalStarted, mark_overdue),)
