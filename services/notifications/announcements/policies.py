"""What is announced when inventory makes an item ready."""

from collections.abc import Iterable

from services.chassis.domain import make
from services.chassis.service import Policy
from services.contracts.base import derived_id
from services.contracts.inventory.events import ItemMadeReady
from services.notifications.announcements.model import Announce


def made_ready(event: ItemMadeReady) -> Iterable[Announce]:
    """A category's first item is announced once, an item back from its repair once for each repair."""
    occasion = {"new": event.category, "repaired": event.repair_id}.get(event.reason)
    if occasion:
        announcement_id = derived_id(event.centre, f"announcement:{event.reason}:{occasion}")
        yield make(Announce, event, announcement_id=announcement_id)


POLICIES = (Policy(ItemMadeReady, made_ready),)
