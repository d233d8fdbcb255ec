"""What notifications knows of rentals and of the centres where they happen."""

from services.chassis.service import Capability, Projection
from services.contracts.rentals import events
from services.notifications.rental_summaries.model import Centre, RentalSummary, evolve, evolve_centre

EVENTS = (
    events.RentalRequested,
    events.RentalStarted,
    events.RentalCancelled,
    events.RentalItemsReturned,
    events.RentalReturned,
)
CAPABILITY = Capability(
    "rental_summaries",
    projections=(
        Projection(RentalSummary, evolve, EVENTS),
        Projection(Centre, evolve_centre, (events.HouseRulesAdopted,)),
    ),
)
