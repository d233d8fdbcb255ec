"""The door of rentals: everything that can be asked of it, and everything that it does by itself."""

from services.chassis.definition import Service, command
from services.chassis.entrypoints import Door
from services.contracts import rentals as wire
from services.rentals.domain import house_rules, lending, rental, resident
from services.rentals.projections import VIEWS
from services.rentals.publish import PUBLISH
from services.rentals.queries import QUERIES
from services.rentals.reactions import HEARS, JOBS, REACTIONS, SCHEDULE

SERVICE = Service(
    name="rentals",
    commands=(
        command(wire.AdoptHouseRules, house_rules.AdoptHouseRules, house_rules.adopt, house_rules.HouseRules),
        command(wire.JoinResident, resident.JoinResident, resident.join, resident.Resident),
        command(wire.VerifyResident, resident.VerifyResident, resident.verify, resident.Resident),
        command(wire.SuspendResident, resident.SuspendResident, resident.suspend, resident.Resident),
        command(wire.ReinstateResident, resident.ReinstateResident, resident.reinstate, resident.Resident),
        command(wire.EndSuspension, resident.EndSuspension, resident.end_suspension, resident.Resident),
        command(wire.StartRental, rental.StartRental, lending.start, rental.Rental),
        command(wire.ConfirmPayment, rental.ConfirmPayment, lending.confirm_payment, rental.Rental),
        command(wire.DeclinePayment, rental.DeclinePayment, lending.decline_payment, rental.Rental),
        command(wire.ExpirePayment, rental.ExpirePayment, lending.expire_payment, rental.Rental),
        command(wire.ReturnItems, rental.ReturnItems, lending.take_back, rental.Rental),
        command(wire.MarkOverdue, rental.MarkOverdue, lending.mark_overdue, rental.Rental),
        command(wire.ReleaseItem, rental.ReleaseItem, lending.release, rental.Rental),
    ),
    views=VIEWS,
    queries=QUERIES,
    publish=PUBLISH,
    hears=HEARS,
    reactions=REACTIONS,
    schedule=SCHEDULE,
    jobs=JOBS,
)


class Rentals(Door):
    """Rentals at the door of nameko."""

    name = "rentals"
    service = SERVICE
