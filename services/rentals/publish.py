"""What leaves the service. A fact that is absent here is private, and so is a field that the contract lacks."""

from services.contracts import rentals as wire
from services.rentals.domain import house_rules, rental, resident

PUBLISH = {
    house_rules.HouseRulesAdopted: wire.HouseRulesAdopted,
    resident.ResidentJoined: wire.ResidentJoined,
    resident.ResidentVerified: wire.ResidentVerified,
    resident.ResidentSuspended: wire.ResidentSuspended,
    resident.ResidentReinstated: wire.ResidentReinstated,
    rental.RentalRequested: wire.RentalRequested,
    rental.RentalStarted: wire.RentalStarted,
    rental.RentalCancelled: wire.RentalCancelled,
    rental.RentalItemsReturned: wire.RentalItemsReturned,
    rental.RentalReturned: wire.RentalReturned,
    rental.RentalOverdue: wire.RentalOverdue,
}
