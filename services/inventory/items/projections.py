"""The views of items, and of those that a rental has."""

from services.chassis.service import Projection
from services.contracts.rentals import events as rentals
from services.inventory.items import model
from services.inventory.repairs.model import RepairOpened, RepairReturned, RepairSent

RENTING = (rentals.RentalRequested, rentals.RentalStarted, rentals.RentalCancelled, rentals.RentalItemsReturned)
PROJECTIONS = (
    Projection(
        model.Item,
        model.evolve,
        (
            model.ItemRegistered,
            model.ItemMadeReady,
            model.ItemCleaningStarted,
            model.ItemReturnedIncomplete,
            model.ItemDamaged,
            model.ItemLost,
            model.ItemRetired,
            RepairOpened,
            RepairSent,
            RepairReturned,
        ),
    ),
    Projection(model.RentedOut, model.evolve_rented_out, dict.fromkeys(RENTING, model.rented_out_keys), keyed=True),
)
