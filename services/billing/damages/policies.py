"""What came back damaged is assessed."""

from collections.abc import Iterable

from services.billing.damages.model import AssessDamage, damage_id_of
from services.chassis.domain import make
from services.chassis.service import Policy
from services.contracts.rentals.events import RentalItemsReturned


def returned(event: RentalItemsReturned) -> Iterable[AssessDamage]:
    """Each damaged or lost item is assessed by the house rules."""
    for item in event.items:
        if item.condition in ("damaged", "lost"):
            damage_id, cause = damage_id_of(event.rental_id, item.barcode), item.cause or "lost"
            yield make(AssessDamage, event, damage_id=damage_id, barcode=item.barcode, cause=cause)


POLICIES = (Policy(RentalItemsReturned, returned),)
