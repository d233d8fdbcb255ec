"""The views of rentals, and of the items that rentals have."""

from functools import partial

from services.chassis.service import Projection
from services.rentals.checkout.model import (
    ItemAllocation,
    OpenRentalItem,
    Rental,
    RentalCancelled,
    RentalItemReleased,
    RentalItemsReturned,
    RentalMarkedOverdue,
    RentalRequested,
    RentalReturned,
    RentalStarted,
    evolve,
    evolve_allocation,
    evolve_open_rental_item,
    item_ids_in,
)

OPENING_OR_CLOSING = (RentalRequested, RentalCancelled, RentalItemReleased)
ALLOCATING = (*OPENING_OR_CLOSING, RentalStarted, RentalItemsReturned)
ALL = (*ALLOCATING, RentalReturned, RentalMarkedOverdue)

PROJECTIONS = (
    Projection(Rental, evolve, ALL),
    Projection(
        ItemAllocation, evolve_allocation, dict.fromkeys(ALLOCATING, partial(item_ids_in, "centre")), keyed=True
    ),
    Projection(
        OpenRentalItem,
        evolve_open_rental_item,
        dict.fromkeys(OPENING_OR_CLOSING, partial(item_ids_in, "rental_id")),
        keyed=True,
        unread=True,
    ),
)
